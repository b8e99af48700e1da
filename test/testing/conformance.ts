import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { test } from 'node:test';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';

export const digestOf = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

interface Asked {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
}

/** What clients see of a registry after the distribution specification: the same tests for any server. */
export function conformance(title: string, addressOf: () => string): void {
  const ask = async (
    method: string,
    path: string,
    { body, headers = {} }: { body?: Uint8Array; headers?: Record<string, string> } = {},
  ): Promise<Asked> => {
    const url = new URL(path, `http://${addressOf()}`);
    const sent = body === undefined ? {} : { body: body as Uint8Array<ArrayBuffer> };
    const response = await fetch(url, { method, headers, ...sent });
    const bytes = Buffer.from(await response.arrayBuffer());
    return { status: response.status, headers: response.headers, bytes };
  };
  const codesOf = ({ bytes }: Asked) =>
    (JSON.parse(bytes.toString()) as { errors: { code: string; detail?: unknown }[] }).errors;
  const fails = (asked: Asked, status: number, code: string) =>
    assert.deepEqual([asked.status, codesOf(asked)[0]?.code], [status, code]);
  const repositoryOf = () => `conformance/${randomUUID().slice(0, 8)}`;
  const locationOf = ({ headers }: Asked) => headers.get('location') ?? assert.fail('there is a Location');
  const begin = (name: string, query = '') => ask('POST', `/v2/${name}/blobs/uploads/${query}`);
  const withDigest = (location: string, digest: string) => {
    const url = new URL(location, `http://${addressOf()}`);
    url.searchParams.set('digest', digest);
    return url.href;
  };
  const push = async (name: string, bytes: Uint8Array) => {
    const started = await begin(name);
    const put = await ask('PUT', withDigest(locationOf(started), digestOf(bytes)), { body: bytes });
    assert.equal(put.status, 201);
    return digestOf(bytes);
  };
  const pushImage = async (name: string, tag: string, layer = randomBytes(10)) => {
    const config = Buffer.from(`{"of":"${randomUUID()}"}`);
    const describe = async (bytes: Uint8Array, mediaType: string) => ({
      mediaType,
      digest: await push(name, bytes),
      size: bytes.length,
    });
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST,
        config: await describe(config, 'application/vnd.oci.image.config.v1+json'),
        layers: [await describe(layer, 'application/vnd.oci.image.layer.v1.tar')],
      }),
    );
    const put = await putManifest(name, tag, manifest);
    return { manifest, put, digest: digestOf(manifest) };
  };
  const putManifest = (name: string, reference: string, manifest: Uint8Array, type = MANIFEST) =>
    ask('PUT', `/v2/${name}/manifests/${reference}`, { body: manifest, headers: { 'Content-Type': type } });
  const accept = { Accept: `${MANIFEST}, ${INDEX}` };

  test(`${title}: it says that it is one`, async () => {
    const base = await ask('GET', '/v2/');
    assert.deepEqual([base.status, base.bytes.toString().trim()], [200, '{}']);
    assert.equal(base.headers.get('docker-distribution-api-version'), 'registry/2.0');
    assert.equal((await ask('GET', '/v2/a/nonsense')).status, 404);
  });

  test(`${title}: a blob in one request, and read again whole, in parts and by its size`, async () => {
    const name = repositoryOf();
    const bytes = randomBytes(1000);
    const digest = digestOf(bytes);
    const started = await begin(name);
    assert.deepEqual([started.status, started.headers.get('range')], [202, '0-0']);
    assert.ok(started.headers.get('docker-upload-uuid'));
    const put = await ask('PUT', withDigest(locationOf(started), digest), { body: bytes });
    assert.deepEqual([put.status, put.headers.get('docker-content-digest')], [201, digest]);
    assert.equal(new URL(locationOf(put), 'http://x').pathname, `/v2/${name}/blobs/${digest}`);

    const path = `/v2/${name}/blobs/${digest}`;
    const got = await ask('GET', path);
    assert.deepEqual([got.status, got.bytes.equals(bytes)], [200, true]);
    assert.equal(got.headers.get('docker-content-digest'), digest);
    assert.equal(got.headers.get('content-type'), 'application/octet-stream');
    const head = await ask('HEAD', path);
    assert.deepEqual([head.status, head.headers.get('content-length'), head.bytes.length], [200, '1000', 0]);
    for (const [range, from, to] of [
      ['bytes=10-19', 10, 20],
      ['bytes=990-', 990, 1000],
      ['bytes=990-5000', 990, 1000],
      ['bytes=-7', 993, 1000],
    ] as const) {
      const part = await ask('GET', path, { headers: { Range: range } });
      assert.deepEqual([part.status, part.bytes.equals(bytes.subarray(from, to))], [206, true], range);
      assert.equal(part.headers.get('content-range'), `bytes ${from}-${to - 1}/1000`);
    }
    const beyond = await ask('GET', path, { headers: { Range: 'bytes=1000-' } });
    assert.deepEqual([beyond.status, beyond.headers.get('content-range')], [416, 'bytes */1000']);
  });

  test(`${title}: an empty blob is a blob`, async () => {
    const name = repositoryOf();
    const digest = await push(name, new Uint8Array());
    const got = await ask('GET', `/v2/${name}/blobs/${digest}`);
    assert.deepEqual([got.status, got.bytes.length, got.headers.get('content-length')], [200, 0, '0']);
  });

  test(`${title}: what is not there is told as such`, async () => {
    const name = repositoryOf();
    const digest = digestOf(randomBytes(8));
    fails(await ask('GET', `/v2/${name}/blobs/${digest}`), 404, 'BLOB_UNKNOWN');
    const head = await ask('HEAD', `/v2/${name}/blobs/${digest}`);
    assert.deepEqual([head.status, head.bytes.length], [404, 0]);
    fails(await ask('GET', `/v2/${name}/manifests/latest`, { headers: accept }), 404, 'MANIFEST_UNKNOWN');
    fails(await ask('GET', `/v2/${name}/manifests/${digest}`, { headers: accept }), 404, 'MANIFEST_UNKNOWN');
    fails(await ask('GET', `/v2/${name}/tags/list`), 404, 'NAME_UNKNOWN');
    fails(await ask('DELETE', `/v2/${name}/blobs/${digest}`), 404, 'BLOB_UNKNOWN');
    fails(await ask('DELETE', `/v2/${name}/manifests/${digest}`), 404, 'MANIFEST_UNKNOWN');
    const upload = `/v2/${name}/blobs/uploads/${randomUUID()}`;
    fails(await ask('PATCH', upload, { body: randomBytes(3) }), 404, 'BLOB_UPLOAD_INVALID');
  });

  test(`${title}: a blob in parts, with the registry telling how far it is`, async () => {
    const name = repositoryOf();
    const bytes = randomBytes(300);
    const started = await begin(name);
    const patch = (location: string, from: number, to: number) =>
      ask('PATCH', location, {
        body: bytes.subarray(from, to),
        headers: { 'Content-Range': `${from}-${to - 1}`, 'Content-Type': 'application/octet-stream' },
      });
    const first = await patch(locationOf(started), 0, 100);
    assert.deepEqual([first.status, first.headers.get('range')], [202, '0-99']);
    const gap = await patch(locationOf(first), 150, 200);
    assert.equal(gap.status, 416);
    const status = await ask('GET', locationOf(first));
    assert.deepEqual([status.status, status.headers.get('range')], [204, '0-99']);
    const second = await patch(locationOf(status), 100, 200);
    assert.deepEqual([second.status, second.headers.get('range')], [202, '0-199']);
    // The last part may come with the end of the upload.
    const put = await ask('PUT', withDigest(locationOf(second), digestOf(bytes)), {
      body: bytes.subarray(200),
    });
    assert.equal(put.status, 201);
    assert.ok((await ask('GET', `/v2/${name}/blobs/${digestOf(bytes)}`)).bytes.equals(bytes));
  });

  test(`${title}: an upload that breaks keeps what came before`, async () => {
    const name = repositoryOf();
    const location = locationOf(await begin(name));
    await new Promise<void>((broken) => {
      const sending = request(new URL(location, `http://${addressOf()}`), {
        method: 'PATCH',
        headers: { 'Content-Length': '100000', 'Content-Type': 'application/octet-stream' },
      });
      sending.on('error', () => broken());
      sending.write(randomBytes(50_000), () => sending.destroy());
      sending.on('close', () => broken());
    });
    let status = await ask('GET', location);
    // The server notices the end of the connection when it does.
    while (status.headers.get('range') === '0-0') status = await ask('GET', location);
    assert.match(status.headers.get('range') ?? '', /^0-\d+$/);
    assert.equal(status.status, 204);
  });

  test(`${title}: an upload with another digest is refused and over, and one that is cancelled is gone`, async () => {
    const name = repositoryOf();
    const started = await begin(name);
    const wrong = digestOf(randomBytes(4));
    fails(
      await ask('PUT', withDigest(locationOf(started), wrong), { body: randomBytes(9) }),
      400,
      'DIGEST_INVALID',
    );
    assert.equal((await ask('HEAD', `/v2/${name}/blobs/${wrong}`)).status, 404);
    const other = await begin(name);
    assert.equal((await ask('DELETE', locationOf(other))).status, 204);
    fails(await ask('GET', locationOf(other)), 404, 'BLOB_UPLOAD_UNKNOWN');
  });

  test(`${title}: a blob belongs to its repository until it is mounted in another`, async () => {
    const [one, two] = [repositoryOf(), repositoryOf()];
    const digest = await push(one, randomBytes(50));
    assert.equal((await ask('HEAD', `/v2/${two}/blobs/${digest}`)).status, 404);
    const mounted = await begin(two, `?mount=${digest}&from=${one}`);
    assert.deepEqual([mounted.status, mounted.headers.get('docker-content-digest')], [201, digest]);
    assert.equal((await ask('HEAD', `/v2/${two}/blobs/${digest}`)).status, 200);
    const refused = await begin(two, `?mount=${digestOf(randomBytes(3))}&from=${one}`);
    assert.equal(refused.status, 202);
    assert.ok(locationOf(refused));
  });

  test(`${title}: a manifest by tag and digest, and only for who knows its type`, async () => {
    const name = repositoryOf();
    const { manifest, put, digest } = await pushImage(name, 'v1');
    assert.deepEqual([put.status, put.headers.get('docker-content-digest')], [201, digest]);
    for (const reference of ['v1', digest]) {
      const path = `/v2/${name}/manifests/${reference}`;
      const got = await ask('GET', path, { headers: accept });
      assert.deepEqual([got.status, got.bytes.equals(manifest)], [200, true]);
      assert.equal(got.headers.get('content-type'), MANIFEST);
      assert.equal(got.headers.get('docker-content-digest'), digest);
      const head = await ask('HEAD', path, { headers: accept });
      assert.deepEqual(
        [head.status, head.headers.get('content-length'), head.headers.get('docker-content-digest')],
        [200, String(manifest.length), digest],
      );
    }
    const old = await ask('GET', `/v2/${name}/manifests/v1`, {
      headers: { Accept: 'application/vnd.docker.distribution.manifest.v2+json' },
    });
    fails(old, 404, 'MANIFEST_UNKNOWN');
  });

  test(`${title}: a manifest that names what is not there is refused, and each is told`, async () => {
    const name = repositoryOf();
    const missing = [randomBytes(3), randomBytes(3)].map((bytes) => digestOf(bytes));
    const layers = missing.map((digest) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest,
      size: 3,
    }));
    const config = {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: await push(name, randomBytes(3)),
      size: 3,
    };
    const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config, layers }));
    const refused = await putManifest(name, 'x', manifest);
    fails(refused, 400, 'MANIFEST_BLOB_UNKNOWN');
    assert.deepEqual(
      codesOf(refused)
        .map(({ detail }) => detail)
        .sort(),
      [...missing].sort(),
    );
    const child = { mediaType: MANIFEST, digest: missing[0], size: 3 };
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [child] }));
    fails(await putManifest(name, 'x', index, INDEX), 400, 'MANIFEST_BLOB_UNKNOWN');
  });

  test(`${title}: a manifest that is none is refused`, async () => {
    const name = repositoryOf();
    fails(await putManifest(name, 'x', Buffer.from('{')), 400, 'MANIFEST_INVALID');
    const typed = Buffer.from(`{"schemaVersion":2,"mediaType":"${INDEX}"}`);
    fails(await putManifest(name, 'x', typed), 400, 'MANIFEST_INVALID');
    const { manifest } = await pushImage(name, 'v1');
    fails(await putManifest(name, digestOf(randomBytes(2)), manifest), 400, 'DIGEST_INVALID');
  });

  test(`${title}: an artifact of a type of its own, and an index`, async () => {
    const name = repositoryOf();
    const { manifest, digest } = await pushImage(name, 'v1');
    const config = Buffer.from('{"a":1}');
    const type = 'application/vnd.example.thing.v1+json';
    const descriptor = { mediaType: type, digest: await push(name, config), size: config.length };
    const artifact = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST,
        artifactType: type,
        config: { ...descriptor, data: config.toString('base64') },
        layers: [descriptor],
      }),
    );
    assert.equal((await putManifest(name, 'thing', artifact)).status, 201);
    assert.ok((await ask('GET', `/v2/${name}/manifests/thing`, { headers: accept })).bytes.equals(artifact));
    const child = { mediaType: MANIFEST, digest, size: manifest.length };
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [child] }));
    assert.equal((await putManifest(name, 'all', index, INDEX)).status, 201);
    const got = await ask('GET', `/v2/${name}/manifests/all`, { headers: accept });
    assert.equal(got.headers.get('content-type'), INDEX);
  });

  test(`${title}: tags are listed, in pages, and each can be taken away`, async () => {
    const name = repositoryOf();
    const { digest } = await pushImage(name, 'b');
    const manifest = (await ask('GET', `/v2/${name}/manifests/b`, { headers: accept })).bytes;
    for (const tag of ['c', 'a']) await putManifest(name, tag, manifest);
    const tagsAt = async (path: string) => {
      const listed = await ask('GET', path);
      return { ...(JSON.parse(listed.bytes.toString()) as object), link: listed.headers.get('link') };
    };
    const path = `/v2/${name}/tags/list`;
    assert.deepEqual(await tagsAt(path), { name, tags: ['a', 'b', 'c'], link: null });
    const page = await tagsAt(`${path}?n=2`);
    assert.deepEqual(page, { name, tags: ['a', 'b'], link: `<${path}?last=b&n=2>; rel="next"` });
    assert.deepEqual(await tagsAt(`${path}?last=b&n=2`), { name, tags: ['c'], link: null });

    assert.equal((await ask('DELETE', `/v2/${name}/manifests/a`)).status, 202);
    assert.deepEqual(await tagsAt(path), { name, tags: ['b', 'c'], link: null });
    assert.equal((await ask('GET', `/v2/${name}/manifests/${digest}`, { headers: accept })).status, 200);
    assert.equal((await ask('DELETE', `/v2/${name}/manifests/${digest}`)).status, 202);
    fails(await ask('GET', `/v2/${name}/manifests/b`, { headers: accept }), 404, 'MANIFEST_UNKNOWN');
  });

  test(`${title}: a blob that is deleted is gone from its repository only`, async () => {
    const [one, two] = [repositoryOf(), repositoryOf()];
    const digest = await push(one, randomBytes(60));
    await begin(two, `?mount=${digest}&from=${one}`);
    assert.equal((await ask('DELETE', `/v2/${one}/blobs/${digest}`)).status, 202);
    assert.equal((await ask('GET', `/v2/${one}/blobs/${digest}`)).status, 404);
    assert.equal((await ask('GET', `/v2/${two}/blobs/${digest}`)).status, 200);
  });

  test(`${title}: there are no referrers, as long as nobody asked for them`, async () => {
    const name = repositoryOf();
    const { digest } = await pushImage(name, 'v1');
    assert.equal((await ask('GET', `/v2/${name}/referrers/${digest}`)).status, 404);
  });
}
