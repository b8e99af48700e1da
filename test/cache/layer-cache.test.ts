import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { lookAtLayerCache, manifestForm } from '../../src/cache/layer-cache.ts';
import { LayerwrightError } from '../../src/errors.ts';
import { testHost } from '../support/host.ts';
import { httpServer, type TestServer } from '../support/http-server.ts';

const CACHE_CONFIG = { mediaType: 'application/vnd.buildkit.cacheconfig.v0' };
const IMAGE_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const IMAGE_CONFIG = 'application/vnd.oci.image.config.v1+json';
const NO_CACHE = 'what is under this name is no BuildKit cache';

/** A registry with these manifests by tag or digest, and blobs by digest; what it does not have is not found. */
function registry(content: Readonly<Record<string, unknown>>): Promise<TestServer> {
  return httpServer((request, response) => {
    const found = content[request.url?.split('/').at(-1) ?? ''];
    if (found === undefined) return void response.writeHead(404).end('{}');
    response.writeHead(200).end(typeof found === 'string' ? found : JSON.stringify(found));
  });
}

const anonymous = () => testHost({ env: { DOCKER_CONFIG: '/nonexistent' } });

async function look(server: TestServer, name: string) {
  const { outcome, detail, foreign } = await lookAtLayerCache(anonymous(), `${server.address}/team/${name}`);
  return [outcome, detail, ...(foreign ? ['foreign'] : [])];
}

/** The manifest of an image with so many layers, and its config under its digest. */
function image(layers: number, config: object) {
  const text = JSON.stringify(config);
  const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
  const manifest = { config: { mediaType: IMAGE_CONFIG, digest }, layers: Array(layers).fill({}) };
  return { manifest, blob: { [digest]: text } };
}

test('a cache in both forms that BuildKit writes', async () => {
  const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd' };
  await using server = await registry({
    manifest: { config: CACHE_CONFIG, layers: [layer, layer, layer] },
    index: { manifests: [layer, CACHE_CONFIG] },
    empty: { config: CACHE_CONFIG },
  });
  assert.deepEqual(await look(server, 'app:manifest'), ['hit', '3 layers']);
  assert.deepEqual(await look(server, 'app:index'), ['hit', '1 layer']);
  assert.deepEqual(await look(server, 'app:empty'), ['hit', '0 layers']);
  assert.deepEqual(await look(server, 'app:other'), ['miss', undefined]);
});

test('an image is a cache if its config holds one, for one platform or several', async () => {
  const plain = image(4, { architecture: 'amd64' });
  const inline = image(4, { architecture: 'arm64', 'moby.buildkit.cache.v0': [] });
  await using server = await registry({
    ...plain.blob,
    ...inline.blob,
    plain: plain.manifest,
    inline: inline.manifest,
    first: plain.manifest,
    both: {
      manifests: ['first', 'inline'].map((digest) => ({ mediaType: IMAGE_MANIFEST, digest })),
    },
    neither: { manifests: [{ mediaType: IMAGE_MANIFEST, digest: 'plain' }] },
    broken: { ...plain.manifest, config: { mediaType: IMAGE_CONFIG, digest: `sha256:${'0'.repeat(64)}` } },
  });
  assert.deepEqual(await look(server, 'app:inline'), ['hit', '4 layers']);
  assert.deepEqual(await look(server, 'app:both'), ['hit', '4 layers']);
  for (const tag of ['plain', 'neither', 'broken'])
    assert.deepEqual(await look(server, `app:${tag}`), ['unreadable', NO_CACHE, 'foreign'], tag);
});

test('a name without a tag is latest, a digest comes before a tag', async () => {
  await using server = await registry({});
  const digest = `sha256:${'a'.repeat(64)}`;
  for (const name of ['app', 'app:1', `app:1@${digest}`]) await look(server, name);
  assert.deepEqual(server.requests, [
    'GET /v2/team/app/manifests/latest',
    'GET /v2/team/app/manifests/1',
    `GET /v2/team/app/manifests/${digest}`,
  ]);
});

test('what a registry does wrong makes a cache unreadable, and fails no build', async () => {
  await using server = await registry({ page: '<html>log in</html>', nothing: 'null', list: '[]' });
  assert.match(String((await look(server, 'app:page'))[1]), /answers with something that is no manifest$/);
  assert.deepEqual(await look(server, 'app:nothing'), ['unreadable', NO_CACHE, 'foreign']);
  assert.deepEqual(await look(server, 'app:list'), ['unreadable', NO_CACHE, 'foreign']);
  const { outcome, detail } = await lookAtLayerCache(anonymous(), 'r.example.com/App:cache');
  assert.equal(outcome, 'unreadable');
  assert.match(detail ?? '', /"App" is not allowed/);
});

test('a registry in trouble is asked three times', async () => {
  await using server = await httpServer(
    (_request, response) => void response.writeHead(503, { 'retry-after': '0' }).end(),
  );
  const [outcome, detail] = await look(server, 'app:cache');
  assert.equal(outcome, 'unreadable');
  assert.match(String(detail), /answers HTTP 503$/);
  assert.equal(server.requests.length, 3);
});

test('an interrupt is not mistaken for a cache that cannot be read', async () => {
  const host = anonymous();
  await using server = await httpServer(() => host.abort());
  await assert.rejects(
    lookAtLayerCache(host, `${server.address}/app:cache`),
    (error) => error instanceof LayerwrightError && error.code === 'INTERRUPTED',
  );
});

test('the forms of a manifest are told apart by their media types alone', () => {
  assert.deepEqual(manifestForm({ config: { mediaType: 'application/vnd.cncf.helm.config.v1+json' } }), {
    form: 'other',
  });
  assert.deepEqual(
    manifestForm({
      config: { mediaType: 'application/vnd.docker.container.image.v1+json', digest: 'd' },
      layers: [{}, {}],
    }),
    { form: 'image', layers: 2, config: 'd' },
  );
});
