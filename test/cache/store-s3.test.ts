import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { restoreDirectory, saveDirectory } from '../../src/cache/directory.ts';
import { s3Store } from '../../src/cache/store/s3.ts';
import { s3Error } from '../../src/cache/store/s3-errors.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { testHost } from '../support/host.ts';
import { closedAddress, httpServer } from '../support/http-server.ts';

const host = (address: string, directory = '/') =>
  testHost({
    cwd: directory,
    env: {
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'KEY',
      AWS_SECRET_ACCESS_KEY: 'topsecret',
      AWS_ENDPOINT_URL_S3: `http://${address}`,
      LAYERWRIGHT_CACHE_DIR: join(directory, 'own'),
    },
  });

/** A server that answers in the way of a bad day. */
async function server(t: TestContext, answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const started = await httpServer((request, response) => {
    request.resume();
    answer(request, response);
  });
  t.after(() => started[Symbol.asyncDispose]());
  return started;
}

function xml(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' });
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>topsecret?</Message></Error>`);
}

/** What a save and a restore are told; both never throw. */
async function outcomes(address: string) {
  await using directory = await temporaryDirectory();
  await mkdir(join(directory.path, 'tree'));
  await writeFile(join(directory.path, 'tree', 'a'), 'a');
  const request = { store: 's3://bucket/p', key: 'k', fallbackKeys: [], directory: 'tree' };
  const results = [
    await saveDirectory(host(address, directory.path), request),
    await restoreDirectory(host(address, directory.path), request),
  ];
  assert.deepEqual(await readdir(join(directory.path, 'tree')), ['a']);
  return results.map(({ outcome, problem }) => {
    assert.doesNotMatch(`${problem?.message}${problem?.hint}`, /topsecret|Signature=/);
    return `${outcome} ${problem?.code} ${problem?.exit}`;
  });
}

/** The same for both commands. */
const both = (text: string) => [text, text];

test('nothing listens: unreachable', async () => {
  assert.deepEqual(await outcomes(await closedAddress()), both('unreachable STORE_UNREACHABLE 75'));
});

for (const [status, code, expected] of [
  [503, 'SlowDown', 'unreachable STORE_UNREACHABLE 75'],
  [500, 'InternalError', 'unreachable STORE_UNREACHABLE 75'],
  [429, 'TooManyRequests', 'unreachable STORE_UNREACHABLE 75'],
  [403, 'AccessDenied', 'unauthorized STORE_UNAUTHORIZED 2'],
  [403, 'InvalidAccessKeyId', 'unauthorized STORE_UNAUTHORIZED 2'],
  [403, 'RequestTimeTooSkewed', 'unauthorized STORE_UNAUTHORIZED 2'],
  [400, 'ExpiredToken', 'unauthorized STORE_UNAUTHORIZED 2'],
  [401, 'Whatever', 'unauthorized STORE_UNAUTHORIZED 2'],
  [404, 'NoSuchBucket', 'unreachable STORE_MISSING 2'],
  [400, 'InvalidBucketName', 'unreachable STORE_REFUSED 2'],
] as const)
  test(`the server answers ${status} ${code}: ${expected}`, async (t) => {
    const { address } = await server(t, (_request, response) => xml(response, status, code));
    assert.deepEqual(await outcomes(address), both(expected));
  });

test("what is no S3 server: a proxy's page, with any status", async (t) => {
  for (const [status, expected] of [
    [200, /^unreachable STORE_UNREACHABLE 75/],
    [403, /^unauthorized/],
    [404, /^unreachable/],
    [502, /^unreachable STORE_UNREACHABLE 75/],
  ] as const) {
    const { address } = await server(t, (_request, response) => {
      response.writeHead(status, { 'content-type': 'text/html' });
      response.end('<html><body>Please log in to the network</body>');
    });
    for (const outcome of await outcomes(address)) assert.match(outcome, expected, String(status));
  }
});

test('a connection that is closed at once', async (t) => {
  const { address } = await server(t, (request) => request.socket.destroy());
  assert.deepEqual(await outcomes(address), both('unreachable STORE_UNREACHABLE 75'));
});

/** Serves one object in ranges. */
function ranges(content: Buffer, broken: (start: number) => boolean) {
  return (request: IncomingMessage, response: ServerResponse) => {
    const [, from = '0', to = '0'] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
    const piece = content.subarray(Number(from), Number(to) + 1);
    response.writeHead(206, {
      'content-length': piece.length,
      'content-range': `bytes ${from}-${Number(from) + piece.length - 1}/${content.length}`,
      etag: '"e"',
    });
    if (!broken(Number(from))) response.end(piece);
    else response.write(piece.subarray(0, 1000), () => request.socket.destroy());
  };
}

async function readAll(address: string): Promise<Buffer> {
  const store = s3Store(host(address), { bucket: 'bucket', prefix: '' });
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await store.read('object')) ?? []) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test('an answer that breaks off in the middle is asked for again', async (t) => {
  const content = Buffer.alloc(10_000_000, 'some content of an object');
  const seen = new Set<number>();
  const once = (start: number) => seen.size < seen.add(start).size;
  const { address, requests } = await server(t, ranges(content, once));
  assert.ok((await readAll(address)).equals(content));
  assert.equal(requests.length, 2 * seen.size);
  assert.ok(seen.size > 1);
});

test('one that always breaks off is unreachable, and no other is asked for any more', async (t) => {
  const content = Buffer.alloc(50_000_000);
  const { address, requests } = await server(
    t,
    ranges(content, (start) => start > 0),
  );
  await assert.rejects(readAll(address), { code: 'STORE_UNREACHABLE', exit: 75 });
  const asked = requests.length;
  assert.ok(asked <= 1 + 3 * 4);
});

test('an object that is replaced while it is read is no mixture of both', async (t) => {
  const serve = ranges(Buffer.alloc(10_000_000), () => false);
  const { address } = await server(t, (request, response) => {
    if (request.headers['if-match'] === undefined) serve(request, response);
    else xml(response, 412, 'PreconditionFailed');
  });
  await assert.rejects(readAll(address), { code: 'STORE_UNREACHABLE' });
});

test('a prefix is listed page by page', async (t) => {
  const { address } = await server(t, (request, response) => {
    const url = new URL(request.url ?? '', 'http://x');
    assert.equal(url.searchParams.get('prefix'), 'p/v1/refs/a');
    const second = url.searchParams.get('continuation-token') === 'next';
    response.end(
      `<?xml version="1.0"?><ListBucketResult><IsTruncated>${!second}</IsTruncated>` +
        `${second ? '' : '<NextContinuationToken>next</NextContinuationToken>'}<Contents><Key>p/v1/refs/a${second ? 2 : 1}</Key>` +
        '<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents></ListBucketResult>',
    );
  });
  const store = s3Store(host(address), { bucket: 'bucket', prefix: 'p/' });
  assert.deepEqual(
    (await store.list('v1/refs/a')).map(({ name }) => name),
    ['v1/refs/a1', 'v1/refs/a2'],
  );
});

test("an error that is none of the SDK's stays what it is: our bug is not the store's", () => {
  const bug = new TypeError('x is not a function');
  assert.equal(s3Error(bug, 's3://b', 'b'), bug);
});
