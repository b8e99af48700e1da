import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { temporaryDirectory } from '../../src/host/files.ts';
import { type Fault, type FaultEffect, startRegistry } from '../../src/testing/registry.ts';
import { digestOf } from './conformance.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';

async function push(address: string, repository: string, bytes: Uint8Array): Promise<string> {
  const started = await fetch(`http://${address}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
  const url = new URL(started.headers.get('location') ?? '');
  url.searchParams.set('digest', digestOf(bytes));
  const put = await fetch(url, { method: 'PUT', body: bytes as Uint8Array<ArrayBuffer> });
  assert.equal(put.status, 201);
  return digestOf(bytes);
}

/** What a GET of a blob of 1000 bytes comes to under a fault. */
async function underFault(effect: FaultEffect, signal?: AbortSignal) {
  await using registry = await startRegistry({ faults: [{ when: { method: 'GET' }, effect }] });
  const bytes = randomBytes(1000);
  const digest = await push(registry.address, 'a', bytes);
  const got = {
    bytes,
    status: 0,
    read: Buffer.alloc(0),
    headers: new Headers(),
    error: '',
    log: registry.requests,
  };
  try {
    const url = `http://${registry.address}/v2/a/blobs/${digest}`;
    const response = await fetch(url, signal ? { signal } : {});
    got.status = response.status;
    got.headers = response.headers;
    for await (const chunk of response.body ?? []) got.read = Buffer.concat([got.read, chunk]);
  } catch (error) {
    got.error = String((error as Error).cause ?? error);
  }
  return got;
}

test('faults: an answer of its own', async () => {
  const got = await underFault({ status: 429, headers: { 'Retry-After': '7' }, body: 'slow' });
  assert.deepEqual([got.status, got.headers.get('retry-after'), got.read.toString()], [429, '7', 'slow']);
});

test('faults: a connection that is reset, or closed in the middle', async () => {
  const reset = await underFault({ reset: true });
  assert.deepEqual([reset.status, reset.log.at(-1)?.status], [0, 0]);
  assert.match(reset.error, /ECONNRESET|other side closed/);
  const cut = await underFault({ truncateAfter: 400 });
  assert.deepEqual([cut.status, cut.headers.get('content-length')], [200, '1000']);
  assert.ok(cut.read.equals(cut.bytes.subarray(0, 400)));
  assert.match(cut.error, /closed|terminated/);
  assert.equal(cut.log.at(-1)?.bytesOut, 400);
});

test('faults: an answer that stands still', async () => {
  const got = await underFault({ stallAfter: 400 }, AbortSignal.timeout(100));
  assert.deepEqual([got.status, got.read.length], [200, 400]);
  assert.match(got.error, /TimeoutError/);
});

test('faults: a bit that is another', async () => {
  const got = await underFault({ corrupt: true });
  assert.deepEqual([got.status, got.read.length, got.error], [200, 1000, '']);
  const others = [...got.read].filter((byte, index) => byte !== got.bytes[index]);
  assert.equal(others.length, 1);
});

test('faults: a delay, together with another', async () => {
  const started = performance.now();
  await using registry = await startRegistry({
    faults: [
      { when: {}, effect: { delayMs: 60 } },
      { when: { path: /\/v2\/$/ }, effect: { status: 503 } },
    ],
  });
  assert.equal((await fetch(`http://${registry.address}/v2/`)).status, 503);
  assert.ok(performance.now() - started >= 59);
});

test('faults: an upload that is reset after so many bytes', async () => {
  await using registry = await startRegistry({
    faults: [{ when: { method: 'PUT' }, effect: { resetAfter: 300_000 } }],
  });
  await assert.rejects(push(registry.address, 'a', randomBytes(1_000_000)));
  assert.deepEqual(
    registry.requests.map(({ method, status, bytesIn }) => [method, status, bytesIn]),
    [
      ['POST', 202, 0],
      ['PUT', 0, 300_000],
    ],
  );
});

test('faults: which of the requests that fit', async () => {
  const statuses = async (...faults: Fault[]) => {
    await using registry = await startRegistry({ faults });
    const found: number[] = [];
    for (let time = 0; time < 4; time++) found.push((await fetch(`http://${registry.address}/v2/`)).status);
    return found;
  };
  const effect = { status: 500 };
  const path = /\/v2\//g;
  assert.deepEqual(await statuses({ when: { path }, effect }), [500, 500, 500, 500]);
  assert.deepEqual(await statuses({ when: { path, nth: 3 }, effect }), [200, 200, 500, 500]);
  assert.deepEqual(await statuses({ when: { path, times: 1 }, effect }), [500, 200, 200, 200]);
  assert.deepEqual(await statuses({ when: { nth: 2, times: 2 }, effect }), [200, 500, 500, 200]);
  assert.deepEqual(await statuses({ when: { method: 'PUT' }, effect }), [200, 200, 200, 200]);
});

test('faults can be added and taken away while it runs', async () => {
  await using registry = await startRegistry();
  const status = async () => (await fetch(`http://${registry.address}/v2/`)).status;
  registry.faults.push({ when: {}, effect: { status: 500 } });
  assert.equal(await status(), 500);
  registry.faults.length = 0;
  assert.equal(await status(), 200);
});

test('the log has every request, with its bytes', async () => {
  await using registry = await startRegistry();
  const digest = await push(registry.address, 'a', randomBytes(1000));
  await fetch(`http://${registry.address}/v2/a/blobs/${digest}`, { method: 'HEAD' });
  await (await fetch(`http://${registry.address}/v2/a/blobs/${digest}`)).arrayBuffer();
  assert.deepEqual(
    registry.requests.map(({ method, status, bytesIn, bytesOut }) => [method, status, bytesIn, bytesOut]),
    [
      ['POST', 202, 0, 0],
      ['PUT', 201, 1000, 0],
      ['HEAD', 200, 0, 0],
      ['GET', 200, 0, 1000],
    ],
  );
});

test('its blobs can be looked at, altered and taken away; in a directory they outlive it', async () => {
  await using directory = await temporaryDirectory();
  const bytes = randomBytes(100);
  let digest: string;
  {
    await using registry = await startRegistry({ directory: directory.path });
    digest = await push(registry.address, 'team/app', bytes);
  }
  await using again = await startRegistry({ directory: directory.path });
  const url = `http://${again.address}/v2/team/app/blobs/${digest}`;
  assert.ok(Buffer.from(await (await fetch(url)).arrayBuffer()).equals(bytes));
  assert.deepEqual(await again.blobs.digests(), [digest]);
  await again.blobs.replace(digest, Buffer.from('other'));
  assert.equal(await (await fetch(url)).text(), 'other');
  await again.blobs.remove(digest);
  assert.equal((await fetch(url)).status, 404);
  assert.equal(await again.blobs.read(digest), undefined);
});

test('a login: refused without, let in with', async () => {
  await using registry = await startRegistry({ auth: { kind: 'basic', username: 'me', password: 'pw' } });
  const get = (authorization: string) =>
    fetch(`http://${registry.address}/v2/`, { headers: { authorization } });
  const refused = await get('');
  assert.deepEqual(
    [refused.status, refused.headers.get('www-authenticate')],
    [401, 'Basic realm="test-registry"'],
  );
  assert.equal((await get(`Basic ${Buffer.from('me:no').toString('base64')}`)).status, 401);
  assert.equal((await get(`Basic ${Buffer.from('me:pw').toString('base64')}`)).status, 200);
});

test('tokens: each for its repository and what may be done there', async () => {
  await using registry = await startRegistry({
    auth: { kind: 'bearer', username: 'me', password: 'pw', anonymousPull: true },
  });
  const base = `http://${registry.address}`;
  const token = async (scope: string, login?: string) => {
    const headers: Record<string, string> = login
      ? { authorization: `Basic ${Buffer.from(login).toString('base64')}` }
      : {};
    const answer = await fetch(`${base}/token?service=x&scope=${scope}`, { headers });
    return answer.ok ? ((await answer.json()) as { token: string }).token : answer.status;
  };
  const status = async (method: string, path: string, shown: string | number) =>
    (await fetch(base + path, { method, headers: { authorization: `Bearer ${shown}` } })).status;
  const challenged = await fetch(`${base}/v2/a/tags/list`);
  assert.equal(
    challenged.headers.get('www-authenticate'),
    `Bearer realm="${base}/token",service="test-registry",scope="repository:a:pull"`,
  );
  const anybody = await token('repository:a:pull,push');
  assert.equal(await status('GET', '/v2/a/tags/list', anybody), 404, 'in, and nothing is there');
  assert.equal(await status('GET', '/v2/b/tags/list', anybody), 401);
  assert.equal(await status('POST', '/v2/a/blobs/uploads/', anybody), 401);
  assert.equal(await token('repository:a:pull', 'me:no'), 401);
  const mine = await token('repository:a:pull,push', 'me:pw');
  assert.equal(await status('POST', '/v2/a/blobs/uploads/', mine), 202);
  const mount = `/v2/a/blobs/uploads/?mount=${digestOf(Buffer.from('x'))}&from=b`;
  assert.equal(await status('POST', mount, mine), 401);
  const both = await token('repository:a:pull,push&scope=repository:b:pull', 'me:pw');
  assert.equal(await status('POST', mount, both), 202);
  assert.equal(await status('DELETE', '/v2/a/manifests/x', both), 401);
});

test('a registry that mounts nothing, and one that knows referrers', async () => {
  await using without = await startRegistry({ mounts: false });
  const digest = await push(without.address, 'a', randomBytes(10));
  const uploads = `http://${without.address}/v2/b/blobs/uploads/?mount=${digest}&from=a`;
  assert.equal((await fetch(uploads, { method: 'POST' })).status, 202);

  await using registry = await startRegistry({ referrers: true });
  const blob = await push(registry.address, 'a', Buffer.from('{}'));
  const subject = { mediaType: MANIFEST, digest: digestOf(Buffer.from('s')), size: 1 };
  const config = { mediaType: 'application/vnd.oci.empty.v1+json', digest: blob, size: 2 };
  const artifact = (artifactType: string) =>
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      artifactType,
      config,
      layers: [config],
      subject,
    });
  for (const type of ['application/a', 'application/b']) {
    const put = await fetch(`http://${registry.address}/v2/a/manifests/${type.slice(-1)}`, {
      method: 'PUT',
      headers: { 'content-type': MANIFEST },
      body: artifact(type),
    });
    assert.deepEqual([put.status, put.headers.get('oci-subject')], [201, subject.digest]);
  }
  const typesOf = async (query: string) => {
    const found = await fetch(`http://${registry.address}/v2/a/referrers/${subject.digest}${query}`);
    assert.equal(found.headers.get('content-type'), INDEX);
    const { manifests } = (await found.json()) as { manifests: { artifactType: string }[] };
    return manifests.map(({ artifactType }) => artifactType).sort();
  };
  assert.deepEqual(await typesOf(''), ['application/a', 'application/b']);
  assert.deepEqual(await typesOf('?artifactType=application/a'), ['application/a']);
});
