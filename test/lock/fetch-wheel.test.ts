import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { LayerwrightError } from '../../src/errors.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { fetchWheel } from '../../src/lock/fetch-wheel.ts';
import type { LockedWheel } from '../../src/python/lock.ts';
import { testHost } from '../support/host.ts';
import { httpServer } from '../support/http-server.ts';
import { sha256 } from './index-server.ts';

const CONTENT = Buffer.from('wheel '.repeat(50_000));
const FILENAME = 'a-1.0-py3-none-any.whl';

function wheelAt(address: string, more: Partial<LockedWheel> = {}): LockedWheel {
  return {
    ...{
      url: `http://${address}/${FILENAME}`,
      filename: FILENAME,
      sha256: sha256(CONTENT),
      size: CONTENT.length,
    },
    ...more,
  };
}

function failsWith(code: string, exit: number) {
  return (error: unknown) => error instanceof LayerwrightError && error.code === code && error.exit === exit;
}

test('a wheel is fetched once, whole and under its own name', async () => {
  await using directory = await temporaryDirectory();
  await using server = await httpServer((_request, response) => void response.end(CONTENT));
  const into = join(directory.path, 'wheels');
  const path = await fetchWheel(testHost(), wheelAt(server.address), into);
  assert.deepEqual(await readFile(path), CONTENT);
  assert.ok(path.endsWith(FILENAME));
  assert.equal(await fetchWheel(testHost(), wheelAt(server.address), into), path);
  assert.equal(server.requests.length, 1);
  assert.equal((await readdir(into)).length, 1);
});

test('a connection that breaks is taken up where it broke', async () => {
  await using directory = await temporaryDirectory();
  const ranges: (string | undefined)[] = [];
  await using server = await httpServer((request, response) => {
    ranges.push(request.headers.range);
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const headers = { 'content-length': CONTENT.length - start };
    if (start > 0)
      response.writeHead(206, {
        ...headers,
        'content-range': `bytes ${start}-${CONTENT.length - 1}/${CONTENT.length}`,
      });
    else response.writeHead(200, headers);
    if (ranges.length > 1) response.end(CONTENT.subarray(start));
    else response.write(CONTENT.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50));
  });
  const path = await fetchWheel(testHost(), wheelAt(server.address), directory.path);
  assert.deepEqual(await readFile(path), CONTENT);
  assert.equal(ranges.length, 2);
  assert.match(ranges[1] ?? '', /^bytes=[1-9]\d*-$/);
});

test('a server that knows no ranges begins again', async () => {
  await using directory = await temporaryDirectory();
  let count = 0;
  await using server = await httpServer((_request, response) => {
    response.writeHead(200, { 'content-length': CONTENT.length });
    if (count++ > 0) response.end(CONTENT);
    else response.write(CONTENT.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50));
  });
  assert.deepEqual(
    await readFile(await fetchWheel(testHost(), wheelAt(server.address), directory.path)),
    CONTENT,
  );
});

test('other bytes than the lock says are an error, and nothing is kept', async () => {
  await using directory = await temporaryDirectory();
  await using server = await httpServer(
    (_request, response) => void response.end(Buffer.from(CONTENT).fill('x', 9, 10)),
  );
  await assert.rejects(fetchWheel(testHost(), wheelAt(server.address), directory.path), (error) => {
    assert.ok(failsWith('WHEEL_HASH_MISMATCH', 1)(error));
    assert.match(
      (error as Error).message,
      new RegExp(`${FILENAME}.*expected sha256:${sha256(CONTENT)}, got sha256:`),
    );
    return true;
  });
  await using endless = await httpServer(
    (_request, response) => void response.end(Buffer.alloc(CONTENT.length * 3)),
  );
  await assert.rejects(
    fetchWheel(testHost(), wheelAt(endless.address), directory.path),
    failsWith('WHEEL_HASH_MISMATCH', 1),
  );
  assert.deepEqual(await readdir(directory.path), []);
});

test('a wheel that is gone is an error, and a name that is none is not written', async () => {
  await using directory = await temporaryDirectory();
  await using server = await httpServer((_request, response) => void response.writeHead(404).end());
  const fetching = (more: Partial<LockedWheel>) =>
    fetchWheel(testHost(), wheelAt(server.address, more), directory.path);
  await assert.rejects(fetching({}), failsWith('WHEEL_MISSING', 1));
  await assert.rejects(fetching({ filename: '../a-1.0-py3-none-any.whl' }), failsWith('WHEEL_MISSING', 1));
  assert.equal(server.requests.length, 1);
});

test('a login goes to its own origin only, and not along with a redirect', async () => {
  await using directory = await temporaryDirectory();
  const seen: [string, string | undefined][] = [];
  await using files = await httpServer((request, response) => {
    seen.push(['files', request.headers.authorization]);
    response.end(CONTENT);
  });
  await using index = await httpServer((request, response) => {
    seen.push(['index', request.headers.authorization]);
    response.writeHead(302, { location: `http://${files.address}/x` }).end();
  });
  const credentials = [{ origin: `http://${index.address}`, authorization: 'Basic c2VjcmV0' }];
  await fetchWheel(testHost(), wheelAt(index.address), join(directory.path, 'a'), credentials);
  await fetchWheel(testHost(), wheelAt(files.address), join(directory.path, 'b'), credentials);
  assert.deepEqual(seen, [
    ['index', 'Basic c2VjcmV0'],
    ['files', undefined],
    ['files', undefined],
  ]);
});
