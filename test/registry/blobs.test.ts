import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { emptyNetwork } from '../../src/host/network.ts';
import { registryClient } from '../../src/registry/client.ts';
import { startRegistry } from '../../src/testing/registry.ts';
import { testHost } from '../support/host.ts';
import { httpServer } from '../support/http-server.ts';
import { asked, blobOf, environmentFor, failing, read, withRegistry } from '../support/registry.ts';

const BLOB = /\/blobs\/sha256:/;
const GET = { method: 'GET', path: BLOB } as const;

test('a blob is read whole, in parts, and its size known; one that is not there is undefined', async () => {
  await using bed = await withRegistry();
  const { client, registry } = bed;
  const blob = blobOf(300_000);
  await client.putBlob('a', blob);
  assert.ok((await read(await client.openBlob('a', blob.digest))).equals(blob.bytes));
  assert.ok(blob.bytes.equals((await client.blob('a', blob.digest)) ?? Buffer.alloc(0)));
  assert.equal(await client.statBlob('a', blob.digest), 300_000);
  for (const [first, last] of [
    [0, 0],
    [10, 19],
    [299_990, 5_000_000],
  ] as const) {
    const part = await read(await client.openBlob('a', blob.digest, { range: [first, last] }));
    assert.ok(part.equals(blob.bytes.subarray(first, last + 1)), `${first}-${last}`);
  }
  const other = blobOf(3).digest;
  assert.deepEqual(
    await Promise.all([client.openBlob('a', other), client.blob('a', other), client.statBlob('a', other)]),
    [undefined, undefined, undefined],
  );
  await failing(client.blob('a', blob.digest, 299_999), 'REGISTRY_ANSWER', 1);
  assert.equal((await client.blob('a', blob.digest, 300_000))?.length, 300_000);
  assert.equal(registry.requests.filter(({ status }) => status >= 500).length, 0);
});

test('a connection that breaks is gone on with from where it broke', async () => {
  await using bed = await withRegistry({
    faults: [
      { when: { ...GET, nth: 1, times: 1 }, effect: { truncateAfter: 100_000 } },
      { when: { ...GET, nth: 2, times: 1 }, effect: { reset: true } },
      { when: { ...GET, nth: 3, times: 1 }, effect: { status: 503 } },
      { when: { ...GET, nth: 4, times: 1 }, effect: { truncateAfter: 50_000 } },
      { when: { ...GET, nth: 5, times: 1 }, effect: { stallAfter: 20_000 } },
    ],
  });
  const { client, registry } = bed;
  const blob = blobOf(400_000);
  await client.putBlob('a', blob);
  assert.ok((await read(await client.openBlob('a', blob.digest))).equals(blob.bytes));
  const bytes = registry.requests.filter(({ method }) => method === 'GET').map(({ bytesOut }) => bytesOut);
  assert.equal(bytes.length, 6);
  assert.ok(bytes.reduce((sum, one) => sum + one, 0) < 450_000, 'nothing is fetched twice');
});

test('a range goes on inside of itself, and ends where it should', async () => {
  await using bed = await withRegistry({
    faults: [{ when: { ...GET, times: 2 }, effect: { truncateAfter: 1000 } }],
  });
  const blob = blobOf(10_000);
  await bed.client.putBlob('a', blob);
  const part = await read(await bed.client.openBlob('a', blob.digest, { range: [500, 4999] }));
  assert.ok(part.equals(blob.bytes.subarray(500, 5000)));
});

test('a connection that always breaks at the same place is given up, and one that gets on is not', async () => {
  await using bed = await withRegistry({ faults: [{ when: GET, effect: { truncateAfter: 0 } }] });
  const { client, registry } = bed;
  const blob = blobOf(8 * 1024 * 1024);
  await client.putBlob('a', blob);
  await failing(read(await client.openBlob('a', blob.digest)), 'UNREACHABLE', 75);
  assert.equal(
    registry.requests.filter(({ method }) => method === 'GET').length,
    4,
    'the first and 3 retries',
  );
  registry.faults.splice(0, 1, { when: GET, effect: { truncateAfter: 1024 * 1024 } });
  assert.ok((await read(await client.openBlob('a', blob.digest))).equals(blob.bytes), 'in 8 pieces');
});

test('other bytes than the digest says are found out at the end, whole blobs by stream and in memory', async () => {
  await using bed = await withRegistry();
  const { client, registry } = bed;
  const blob = blobOf(100_000);
  await client.putBlob('a', blob);
  registry.faults.push({ when: GET, effect: { corrupt: true } });
  await failing(read(await client.openBlob('a', blob.digest)), 'BLOB_CORRUPT', 1);
  await failing(client.blob('a', blob.digest), 'BLOB_CORRUPT', 1);
  registry.faults.length = 0;
  await registry.blobs.replace(blob.digest, blob.bytes.subarray(0, 99_999));
  await failing(read(await client.openBlob('a', blob.digest)), 'BLOB_CORRUPT', 1);
  await failing(client.blob('a', blob.digest), 'BLOB_CORRUPT', 1);
  await registry.blobs.remove(blob.digest);
  assert.equal(await client.openBlob('a', blob.digest), undefined);
});

test('a blob that is held is asked for again as a whole when its connection breaks', async () => {
  await using bed = await withRegistry({
    faults: [
      { when: { ...GET, nth: 1, times: 1 }, effect: { truncateAfter: 10 } },
      { when: { ...GET, nth: 2, times: 1 }, effect: { stallAfter: 10 } },
    ],
  });
  const blob = blobOf(1000);
  await bed.client.putBlob('a', blob);
  assert.ok(blob.bytes.equals((await bed.client.blob('a', blob.digest)) ?? Buffer.alloc(0)));
});

test('a server that knows no ranges: what was there already is skipped', async () => {
  const blob = blobOf(50_000);
  let isFirst = true;
  await using server = await httpServer((_request, response) => {
    response.writeHead(200, { 'Content-Length': '50000' });
    if (!isFirst) return void response.end(blob.bytes);
    isFirst = false;
    response.write(blob.bytes.subarray(0, 20_000), () => response.socket?.destroy());
  });
  const host = testHost({ env: environmentFor(server.address) });
  const client = registryClient(host, server.address, { retries: 1, firstDelayMs: 5 });
  assert.ok((await read(await client.openBlob('a', blob.digest))).equals(blob.bytes));
  assert.equal(server.requests.length, 2);
  const part = await read(await client.openBlob('a', blob.digest, { range: [100, 199] }));
  assert.ok(part.equals(blob.bytes.subarray(100, 200)));
});

test('a connection that breaks behind the last byte is no loss', async () => {
  const blob = blobOf(1000);
  await using server = await httpServer((_request, response) => {
    // Without a length: only the end of the connection says that this was all.
    response.writeHead(206, { 'Content-Range': 'bytes 0-999/1000' });
    response.write(blob.bytes, () => response.socket?.destroy());
  });
  const host = testHost({ env: environmentFor(server.address) });
  const client = registryClient(host, server.address, { retries: 1, firstDelayMs: 5 });
  const whole = await read(await client.openBlob('a', blob.digest, { range: [0, 999] }));
  assert.ok(whole.equals(blob.bytes));
  assert.equal(server.requests.length, 1);
});

test('a stream that is let go lets its connection go, before and after its first bytes', async () => {
  const ended: Promise<void>[] = [];
  await using server = await httpServer((_request, response) => {
    ended.push(new Promise((closed) => response.on('close', closed)));
    response.writeHead(200, { 'Content-Length': '1000000' }).write(Buffer.alloc(1000));
  });
  const host = testHost({ env: environmentFor(server.address) });
  const client = registryClient(host, server.address, { retries: 0, firstDelayMs: 0 });
  const { digest } = blobOf(1);
  await (await client.openBlob('a', digest))?.cancel();
  await ended[0];
  const reader = (await client.openBlob('a', digest))?.getReader();
  assert.equal((await reader?.read())?.value?.length, 1000);
  await reader?.cancel();
  await ended[1];
});

test('an interrupt ends a stream that stands still', async () => {
  await using bed = await withRegistry({ faults: [{ when: GET, effect: { stallAfter: 5 } }] });
  const blob = blobOf(1000);
  await bed.client.putBlob('a', blob);
  const reading = read(await bed.client.openBlob('a', blob.digest));
  await Promise.all([failing(reading, 'INTERRUPTED', 130), sleep(20).then(bed.host.abort)]);
});

test('a mirror that breaks off in the middle is gone on with by the registry itself, and the size is its own word', async () => {
  await using bed = await withRegistry();
  await using mirror = await startRegistry({
    faults: [{ when: { ...GET, nth: 2 }, effect: { status: 500 } }],
  });
  const blob = blobOf(100_000);
  await bed.client.putBlob('a', blob);
  const { address } = bed.registry;
  const host = testHost({
    env: environmentFor(address),
    network: { ...emptyNetwork, mirrors: { [address]: [mirror.address] } },
  });
  await registryClient(host, mirror.address).putBlob('a', blob);
  mirror.faults.push({ when: { ...GET, times: 1 }, effect: { truncateAfter: 30_000 } });
  const client = registryClient(host, address, { retries: 3, firstDelayMs: 5 });
  assert.ok((await read(await client.openBlob('a', blob.digest))).equals(blob.bytes));
  const ofRegistry = bed.registry.requests.at(-1);
  assert.deepEqual([ofRegistry?.status, ofRegistry?.bytesOut], [206, 70_000]);
  assert.equal(await client.statBlob('a', blob.digest), 100_000);
  assert.equal(asked(mirror).filter((one) => one.startsWith('HEAD')).length, 0);
});

test('a mirror with other bytes is passed over', async () => {
  await using bed = await withRegistry();
  await using mirror = await startRegistry();
  const blob = blobOf(1000);
  const { address } = bed.registry;
  const network = { ...emptyNetwork, mirrors: { [address]: [mirror.address] } };
  const host = testHost({ env: environmentFor(address), network });
  const client = registryClient(host, address, { retries: 0, firstDelayMs: 0 });
  await client.putBlob('a', blob);
  await registryClient(host, mirror.address).putBlob('a', blob);
  await mirror.blobs.replace(blob.digest, Buffer.from('other'));
  assert.ok(blob.bytes.equals((await client.blob('a', blob.digest)) ?? Buffer.alloc(0)));
  assert.equal(asked(mirror).at(-1), 'GET /v2/a/blobs/DIGEST 200');
});
