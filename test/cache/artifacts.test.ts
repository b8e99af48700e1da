import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getArtifact, type NewArtifact, putArtifact } from '../../src/cache/artifacts.ts';
import { type CacheRepository, registryRepository } from '../../src/cache/repository.ts';
import { layoutRepository } from '../../src/cache/repository-layout.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { MEDIA } from '../../src/image/oci.ts';
import { asked, blobOf, failing, withRegistry } from '../support/registry.ts';

/** A repository of a registry of this process. */
async function withRepository(...options: Parameters<typeof withRegistry>) {
  const bed = await withRegistry(...options);
  const of = (path: string) => registryRepository(bed.host, `${bed.registry.address}/${path}`, bed.client);
  return { ...bed, of, repository: of('team/cache'), [Symbol.asyncDispose]: bed[Symbol.asyncDispose] };
}

function layerOf({ digest, size, content }: ReturnType<typeof blobOf>) {
  return { descriptor: { mediaType: MEDIA.layerZstd, digest, size }, content };
}

const artifactOf = (...blobs: ReturnType<typeof blobOf>[]): NewArtifact => ({
  kind: 'thing',
  config: { diffIds: ['sha256:1'] },
  layers: blobs.map(layerOf),
  annotations: { 'org.example.made': '1' },
});

async function roundTrip(repository: CacheRepository): Promise<void> {
  assert.deepEqual(await getArtifact(repository, 'lw-1', 'thing'), { outcome: 'miss' });
  const blobs = [blobOf(1000), blobOf(70_000, 999)];
  const put = await putArtifact(repository, 'lw-1', artifactOf(...blobs));
  assert.ok(put.outcome === 'put');
  assert.ok(put.sentBytes >= 71_000);
  const found = await getArtifact(repository, 'lw-1', 'thing');
  assert.deepEqual(found, {
    outcome: 'hit',
    artifact: {
      digest: put.digest,
      config: { diffIds: ['sha256:1'] },
      layers: blobs.map((blob) => layerOf(blob).descriptor),
      annotations: { 'org.example.made': '1' },
    },
  });
  assert.equal((await putArtifact(repository, 'lw-2', artifactOf())).outcome, 'put');
  const empty = await getArtifact(repository, 'lw-2', 'thing');
  assert.ok(empty.outcome === 'hit');
  assert.deepEqual(empty.artifact.layers, []);
}

test('an artifact is put and found again, in a registry and in a layout', async () => {
  await using bed = await withRepository();
  await roundTrip(bed.repository);
  await using directory = await temporaryDirectory();
  await roundTrip(layoutRepository(directory.path));
});

test('reading one takes a single request, and its manifest is one that every registry takes', async () => {
  await using bed = await withRepository();
  const { repository, registry } = bed;
  const blob = blobOf(10);
  await putArtifact(repository, 'lw-1', artifactOf(blob));
  const before = registry.requests.length;
  await getArtifact(repository, 'lw-1', 'thing');
  assert.deepEqual(asked(registry).slice(before), ['GET /v2/team/cache/manifests/lw-1 200']);
  const type = 'application/vnd.layerwright.thing.v1+json';
  const contentOf = async (tag: string) => {
    const found = (await repository.manifest(tag)) ?? assert.fail(`${tag} is there`);
    return found.content as { artifactType: string; config: { mediaType: string }; layers: object[] };
  };
  const { artifactType, config } = await contentOf('lw-1');
  assert.deepEqual([artifactType, config.mediaType], [type, type]);
  await putArtifact(repository, 'lw-2', artifactOf());
  const { layers } = await contentOf('lw-2');
  assert.equal(layers.length, 1, 'never none');
  assert.ok(!('data' in (layers[0] as object)));
});

test('a large config is a blob of its own only', async () => {
  await using bed = await withRepository();
  const { repository, registry } = bed;
  const config = { text: 'x'.repeat(300_000) };
  await putArtifact(repository, 'lw-1', { kind: 'thing', config, layers: [] });
  assert.ok(((await repository.manifest('lw-1'))?.size ?? 0) < 2000);
  const before = registry.requests.length;
  const found = await getArtifact(repository, 'lw-1', 'thing');
  assert.ok(found.outcome === 'hit');
  assert.deepEqual(found.artifact.config, config);
  assert.equal(registry.requests.length - before, 2);
});

test('a config in the manifest that is not what it says: the blob is taken, and without that it is a miss', async () => {
  await using bed = await withRepository();
  const { repository, registry } = bed;
  await putArtifact(repository, 'lw-1', artifactOf());
  const { content } = (await repository.manifest('lw-1')) ?? assert.fail();
  const manifest = content as { config: { data: string; digest: string } };
  const data = Buffer.from('{"other":1}').toString('base64');
  await repository.putManifest('lw-1', { ...manifest, config: { ...manifest.config, data } }, MEDIA.manifest);
  const found = await getArtifact(repository, 'lw-1', 'thing');
  assert.ok(found.outcome === 'hit');
  assert.deepEqual(found.artifact.config, { diffIds: ['sha256:1'] });
  await registry.blobs.replace(manifest.config.digest, Buffer.from('{}'));
  assert.equal((await getArtifact(repository, 'lw-1', 'thing')).outcome, 'corrupt');
  await registry.blobs.remove(manifest.config.digest);
  assert.deepEqual(await getArtifact(repository, 'lw-1', 'thing'), { outcome: 'miss' });
});

test('something else under the name, or broken: corrupt, and what it is', async () => {
  await using bed = await withRepository();
  const { repository, registry } = bed;
  await putArtifact(repository, 'lw-1', artifactOf());
  const other = await getArtifact(repository, 'lw-1', 'other');
  assert.deepEqual(other, {
    outcome: 'corrupt',
    detail: `${registry.address}/team/cache:lw-1: something else is under this name`,
  });
  const outcome = async () => (await getArtifact(repository, 'lw-1', 'thing')).outcome;
  const found = (await repository.manifest('lw-1')) ?? assert.fail();
  for (const bytes of ['null', '[]', '{"config":{}}', '<html>']) {
    await registry.blobs.replace(found.digest, Buffer.from(bytes));
    assert.equal(await outcome(), 'corrupt', bytes);
  }
  const { config } = found.content as { config: { mediaType: string } };
  const notJson = blobOf(5);
  await repository.putBlob(notJson);
  const broken = { ...config, data: undefined, digest: notJson.digest, size: 5 };
  const content = { ...(found.content as object), config: broken };
  await registry.blobs.replace(found.digest, found.bytes);
  await repository.putManifest('lw-1', content, MEDIA.manifest);
  assert.equal(await outcome(), 'corrupt', 'a config that is no JSON');
});

test('not allowed and not reachable are two other things, and none of them throws', async () => {
  const auth = { kind: 'basic', username: 'me', password: 'pw' } as const;
  await using bed = await withRepository({ auth });
  const outcomes = async () => [
    (await getArtifact(bed.repository, 'lw-1', 'thing')).outcome,
    (await putArtifact(bed.repository, 'lw-1', artifactOf(blobOf(5)))).outcome,
  ];
  assert.deepEqual(await outcomes(), ['unauthorized', 'unauthorized']);
  bed.registry.faults.push({ when: {}, effect: { status: 503 } });
  assert.deepEqual(await outcomes(), ['unreachable', 'unreachable']);
  bed.registry.faults.splice(0, 1, { when: {}, effect: { reset: true } });
  assert.deepEqual(await outcomes(), ['unreachable', 'unreachable']);
  await bed.registry.close();
  assert.deepEqual(await outcomes(), ['unreachable', 'unreachable']);
});

test('layers that the repository was thought to have and has not are told', async () => {
  await using bed = await withRepository();
  const { descriptor } = layerOf(blobOf(10));
  const put = await putArtifact(bed.repository, 'lw-1', { ...artifactOf(), layers: [{ descriptor }] });
  assert.ok(put.outcome === 'missing');
  assert.deepEqual(put.digests, [descriptor.digest]);
});

test('a repository that is not there, or a tag that may not change: refused', async () => {
  await using bed = await withRepository();
  for (const [status, path, code] of [
    [404, /uploads/, 'NAME_UNKNOWN'],
    [400, /manifests/, 'TAG_INVALID'],
    [405, /manifests/, 'UNSUPPORTED'],
  ] as const) {
    const body = JSON.stringify({ errors: [{ code, message: 'no' }] });
    const when = { path };
    bed.registry.faults.splice(0, 1, { when, effect: { status, body } });
    assert.equal((await putArtifact(bed.repository, 'lw-1', artifactOf())).outcome, 'refused', code);
  }
});

test('layers are mounted from another repository of the registry, and sent where that cannot be', async () => {
  await using bed = await withRepository();
  const { of, repository, registry } = bed;
  const blob = blobOf(5000);
  await putArtifact(of('team/app'), 'v1', artifactOf(blob));
  const from = (mountFrom: string) => ({
    ...artifactOf(),
    layers: [{ ...layerOf(blob), mountFrom }],
  });
  const put = await putArtifact(repository, 'lw-1', from(`${registry.address}/team/app`));
  assert.ok(put.outcome === 'put');
  assert.ok(put.sentBytes < 100);
  const elsewhere = await putArtifact(of('team/third'), 'lw-1', from('registry.example.com/team/app'));
  assert.ok(elsewhere.outcome === 'put' && elsewhere.sentBytes > 5000);
  assert.ok(registry.requests.every(({ path }) => !path.includes('example.com')));
  assert.equal(await repository.mountBlob(blob.digest, '/a/directory'), false);
});

test('an interrupt is thrown', async () => {
  await using bed = await withRepository({ faults: [{ when: {}, effect: { delayMs: 5_000 } }] });
  setTimeout(bed.host.abort, 20);
  await failing(getArtifact(bed.repository, 'lw-1', 'thing'), 'INTERRUPTED', 130);
  await failing(putArtifact(bed.repository, 'lw-1', artifactOf()), 'INTERRUPTED', 130);
});

test('a repository is named without a tag', async () => {
  await using bed = await withRepository();
  assert.throws(() => registryRepository(bed.host, 'registry.example.com/a:1'), { code: 'BAD_REFERENCE' });
  assert.equal(bed.repository.name, `${bed.registry.address}/team/cache`);
});
