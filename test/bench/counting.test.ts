import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runWatched } from '../../bench/peak-memory.ts';
import { countingProxy } from '../../bench/traffic.ts';
import { testHost } from '../support/host.ts';
import { closedAddress, httpServer } from '../support/http-server.ts';

test('the proxy passes all on, both ways, and counts it', async () => {
  await using registry = await httpServer(async (request, response) => {
    let length = 0;
    for await (const chunk of request) length += (chunk as Buffer).length;
    response.end(Buffer.alloc(length / 2, 'x'));
  });
  await using proxy = await countingProxy(registry.address);
  const response = await fetch(`http://${proxy.address}/upload`, {
    method: 'PUT',
    body: new Uint8Array(1_000_000),
  });
  assert.equal((await response.text()).length, 500_000);
  assert.deepEqual(registry.requests, ['PUT /upload']);
  const { sent, received } = proxy.traffic();
  // Headers come on top.
  assert.ok(sent > 1_000_000 && sent < 1_002_000, `${sent} sent`);
  assert.ok(received > 500_000 && received < 502_000, `${received} received`);
});

test('whoever cannot be reached through the proxy ends the client\u2019s connection too', async () => {
  await using proxy = await countingProxy(await closedAddress());
  await assert.rejects(fetch(`http://${proxy.address}/`), TypeError);
});

test('the peak memory is that of the program itself, and its output and exit code are its own', async () => {
  // 200 MB are touched and let go again before it ends.
  const script =
    'let held = Buffer.alloc(200e6, 1); held = 0; setTimeout(() => { console.log("end"); process.exit(3) }, 300)';
  const result = await runWatched(testHost(), [process.execPath, '-e', script], {});
  assert.deepEqual([result.exitCode, result.stdout], [3, 'end\n']);
  assert.ok(result.peakMemoryBytes > 200e6, `${result.peakMemoryBytes}`);
  assert.ok(result.peakMemoryBytes < 600e6, `${result.peakMemoryBytes}`);
});
