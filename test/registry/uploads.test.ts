import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { registryClient } from '../../src/registry/client.ts';
import { startRegistry } from '../../src/testing/registry.ts';
import { testHost } from '../support/host.ts';
import { httpServer } from '../support/http-server.ts';
import { asked, blobOf, environmentFor, failing, withRegistry } from '../support/registry.ts';

const PUT = { method: 'PUT', path: /\/blobs\/uploads\// } as const;
const PATCH = { method: 'PATCH' } as const;
const QUICK = { retries: 3, firstDelayMs: 5 };

test('a blob is pushed in two requests, held or streamed, empty or not', async () => {
  await using bed = await withRegistry();
  const { client, registry } = bed;
  for (const blob of [blobOf(0), blobOf(0, 1), blobOf(5), blobOf(1_000_000), blobOf(1_000_000, 7919)]) {
    const before = registry.requests.length;
    assert.equal(await client.putBlob('team/app', blob), 'sent');
    assert.deepEqual(asked(registry).slice(before), [
      'POST /v2/team/app/blobs/uploads/ 202',
      'PUT /v2/team/app/blobs/uploads/ID 201',
    ]);
    assert.ok(blob.bytes.equals((await registry.blobs.read(blob.digest)) ?? Buffer.alloc(1)));
  }
});

test('a stream goes with its length, not in chunks', async () => {
  const seen: (string | undefined)[] = [];
  await using server = await httpServer((request, response) => {
    if (request.method === 'POST')
      return void response.writeHead(202, { location: '/v2/a/blobs/uploads/1' }).end();
    seen.push(request.headers['content-length'], request.headers['transfer-encoding']);
    request.resume().on('end', () => response.writeHead(201).end());
  });
  const client = registryClient(testHost({ env: environmentFor(server.address) }), server.address, QUICK);
  await client.putBlob('a', blobOf(200_000, 1000));
  await client.putBlob('a', blobOf(200_000));
  assert.deepEqual(seen, ['200000', undefined, '200000', undefined]);
});

test('what was sent is let go: a blob of any size fits into memory', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  await using server = await httpServer((request, response) => {
    if (request.method === 'POST')
      return void response.writeHead(202, { location: '/v2/a/blobs/uploads/1' }).end();
    request.resume().on('end', () => response.writeHead(201).end());
  });
  const client = registryClient(testHost({ env: environmentFor(server.address) }), server.address, QUICK);
  let held = Number.POSITIVE_INFINITY;
  const content = async function* () {
    for (let megabytes = 0; megabytes < 63; megabytes++) {
      yield Buffer.alloc(1024 * 1024);
      await setImmediate();
    }
    // Freed memory is counted off by a thread of its own.
    for (let times = 0; times < 50 && held > 32 * 1024 * 1024; times++) {
      collectGarbage();
      await setImmediate();
      held = process.memoryUsage().arrayBuffers;
    }
    yield Buffer.alloc(1024 * 1024);
  };
  await client.putBlob('a', { ...blobOf(1), size: 64 * 1024 * 1024, content });
  assert.ok(held < 32 * 1024 * 1024, `${held} bytes are held`);
});

test('an upload that is redirected is told as what it is', async () => {
  await using server = await httpServer((request, response) => {
    request.resume();
    if (request.method === 'POST') response.writeHead(202, { location: '/v2/a/blobs/uploads/1' }).end();
    else response.writeHead(307, { location: 'http://127.0.0.1:9/elsewhere' }).end();
  });
  const client = registryClient(testHost({ env: environmentFor(server.address) }), server.address, QUICK);
  await failing(client.putBlob('a', blobOf(100_000)), 'REGISTRY_ANSWER', 1);
});

test('what is there is not sent, if one asks first', async () => {
  await using bed = await withRegistry();
  const blob = blobOf(10);
  assert.equal(await bed.client.putBlob('a', blob, { ifMissing: true }), 'sent');
  assert.equal(await bed.client.putBlob('a', blob, { ifMissing: true }), 'there');
  assert.equal(asked(bed.registry).at(-1), 'HEAD /v2/a/blobs/DIGEST 200');
});

test('an upload that breaks in the middle is begun again, with its content from the beginning', async () => {
  await using bed = await withRegistry({
    faults: [
      { when: { ...PUT, nth: 1, times: 1 }, effect: { resetAfter: 300_000 } },
      { when: { ...PUT, nth: 2, times: 2 }, effect: { status: 500 } },
    ],
  });
  const blob = blobOf(1_000_000, 10_000);
  assert.equal(await bed.client.putBlob('a', blob), 'sent');
  assert.ok(blob.bytes.equals((await bed.registry.blobs.read(blob.digest)) ?? Buffer.alloc(1)));
  assert.equal(
    asked(bed.registry).filter((one) => one.startsWith('POST')).length,
    4,
    'a new upload each time',
  );
});

test('an upload that the registry forgot is begun again', async () => {
  await using bed = await withRegistry({
    faults: [
      {
        when: { ...PUT, times: 1 },
        effect: { status: 404, body: '{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}' },
      },
    ],
  });
  assert.equal(await bed.client.putBlob('a', blobOf(10)), 'sent');
});

test('429 is waited for as Retry-After says, and what stays is told', async () => {
  await using bed = await withRegistry({
    faults: [
      { when: { method: 'POST', times: 1 }, effect: { status: 429, headers: { 'Retry-After': '1' } } },
    ],
  });
  const started = performance.now();
  await bed.client.putBlob('a', blobOf(10));
  assert.ok(performance.now() - started >= 990);
  bed.registry.faults.push({ when: { method: 'POST' }, effect: { status: 503 } });
  await failing(bed.client.putBlob('a', blobOf(10)), 'REGISTRY_TEMPORARY', 75);
});

test('content of another size than was told is our own matter, and told at once', async () => {
  await using bed = await withRegistry();
  const { client, registry } = bed;
  for (const size of [99_000, 101_000]) {
    const before = registry.requests.length;
    await failing(client.putBlob('a', { ...blobOf(100_000, 1000), size }), 'BLOB_CHANGED', 1);
    await failing(client.putBlob('a', { ...blobOf(100_000), size }), 'BLOB_CHANGED', 1);
    assert.ok(registry.requests.length - before <= 2, 'it is not tried again');
  }
  await failing(client.putBlob('a', { ...blobOf(10), digest: blobOf(10).digest }), 'REGISTRY_ANSWER', 1);
  const broken = async function* () {
    yield Buffer.alloc(10);
    throw new Error('the disk is broken');
  };
  await assert.rejects(client.putBlob('a', { ...blobOf(20), content: broken }), /the disk is broken/);
});

test('an upload may go on elsewhere, without the login, and what stands in its address stays', async () => {
  const seen: (string | undefined)[] = [];
  await using elsewhere = await httpServer((request, response) => {
    seen.push(request.url, request.headers.authorization);
    request.resume().on('end', () => response.writeHead(201).end());
  });
  const location = `http://${elsewhere.address}/upload?signed=a%2Bb%7E~c`;
  await using bed = await withRegistry(
    {
      auth: { kind: 'basic', username: 'me', password: 'pw' },
      faults: [{ when: { method: 'POST', nth: 2 }, effect: { status: 202, headers: { location } } }],
    },
    ['me', 'pw'],
  );
  const blob = blobOf(10);
  await bed.client.putBlob('a', blob);
  const digest = encodeURIComponent(blob.digest);
  assert.deepEqual(seen, [`/upload?signed=a%2Bb%7E~c&digest=${digest}`, undefined]);
});

test('an address of an upload may be relative, to the registry or to what was asked', async () => {
  for (const location of ['/v2/a/blobs/uploads/7', '7', '../uploads/7?x=1']) {
    await using server = await httpServer((request, response) => {
      request.resume();
      if (request.method === 'POST') response.writeHead(202, { location }).end();
      else response.writeHead(request.url?.startsWith('/v2/a/blobs/uploads/7?') ? 201 : 404).end();
    });
    const client = registryClient(testHost({ env: environmentFor(server.address) }), server.address, {
      retries: 0,
      firstDelayMs: 0,
    });
    assert.equal(await client.putBlob('a', blobOf(3)), 'sent');
  }
});

test('what is too large for one request goes in parts, smaller ones if need be', async () => {
  const tooLarge = { status: 413, headers: { Connection: 'close' }, body: '<html>' };
  await using bed = await withRegistry({
    faults: [
      { when: { ...PUT, times: 1 }, effect: tooLarge },
      { when: { ...PATCH, times: 1 }, effect: tooLarge },
      { when: { ...PATCH, nth: 3, times: 1 }, effect: { resetAfter: 1_000_000 } },
      { when: { ...PATCH, nth: 4, times: 1 }, effect: { status: 500 } },
    ],
  });
  const { client, registry } = bed;
  const blob = blobOf(18_000_000, 65_536);
  assert.equal(await client.putBlob('a', blob), 'sent');
  assert.ok(blob.bytes.equals((await registry.blobs.read(blob.digest)) ?? Buffer.alloc(1)));
  const patches = registry.requests.filter(({ method, status }) => method === 'PATCH' && status === 202);
  assert.ok(patches.every(({ bytesIn }) => bytesIn <= 4 * 1024 * 1024));
  assert.ok(
    patches.reduce((sum, { bytesIn }) => sum + bytesIn, 0) <= 17_000_001,
    'what came is not sent again',
  );
});

test('parts are not smaller than the registry wants them', async () => {
  const sizes: number[] = [];
  await using server = await httpServer((request, response) => {
    const location = '/v2/a/blobs/uploads/1';
    if (request.method === 'POST')
      return void response.writeHead(202, { location, 'OCI-Chunk-Min-Length': '20000000' }).end();
    if (request.method === 'PUT' && request.headers['content-length'] !== '0')
      return void response.writeHead(413, { Connection: 'close' }).end();
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
    });
    request.on('end', () => {
      if (request.method === 'PATCH') sizes.push(size);
      response.writeHead(request.method === 'PUT' ? 201 : 202, { location }).end();
    });
  });
  const client = registryClient(testHost({ env: environmentFor(server.address) }), server.address, QUICK);
  await client.putBlob('a', blobOf(45_000_000, 1_000_000));
  assert.deepEqual(sizes, [20_000_000, 20_000_000, 5_000_000]);
});

test('a blob is mounted from another repository, or not', async () => {
  await using bed = await withRegistry();
  const { client, registry } = bed;
  const blob = blobOf(1000);
  await client.putBlob('one', blob);
  assert.equal(await client.mountBlob('two', blob.digest, 'one'), true);
  assert.equal(await client.statBlob('two', blob.digest), 1000);
  assert.equal(await client.mountBlob('two', blobOf(3).digest, 'one'), false);
  assert.match(asked(registry).at(-1) ?? '', /^DELETE .*uploads\/ID 204$/, 'the upload is not left behind');
  assert.equal(await client.putBlob('three', blob, { mountFrom: 'one' }), 'mounted');
});

test('where nothing can be mounted the blob is sent, in the upload that was opened or in one of its own', async () => {
  await using bed = await withRegistry({ mounts: false });
  const { client, registry } = bed;
  const blob = blobOf(1000);
  await client.putBlob('one', blob);
  const before = registry.requests.length;
  assert.equal(await client.putBlob('two', blob, { mountFrom: 'one' }), 'sent');
  assert.equal(registry.requests.length - before, 2);
  for (const status of [400, 401, 403, 404, 405]) {
    registry.faults.splice(0, 1, { when: { path: /\?mount=/ }, effect: { status } });
    assert.equal(await client.putBlob(`of-${status}`, blob, { mountFrom: 'one' }), 'sent');
    assert.equal(await client.mountBlob(`of-${status}`, blob.digest, 'one'), false);
  }
  registry.faults.splice(0, 1, { when: { path: /\?mount=/ }, effect: { status: 500 } });
  await failing(client.mountBlob('two', blob.digest, 'one'), 'REGISTRY_TEMPORARY', 75);
});

test('an interrupt ends an upload', async () => {
  await using registry = await startRegistry();
  const host = testHost({ env: environmentFor(registry.address) });
  let sent = 0;
  const endless = async function* () {
    for (; ; sent++) {
      if (sent === 3) host.abort();
      yield Buffer.alloc(1000);
    }
  };
  const blob = { ...blobOf(1), size: 1_000_000_000, content: endless };
  await failing(registryClient(host, registry.address, QUICK).putBlob('a', blob), 'INTERRUPTED', 130);
  assert.equal(sent, 3, 'nothing more is read');
});
