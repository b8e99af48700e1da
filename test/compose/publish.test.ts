import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { registryRepository } from '../../src/cache/repository.ts';
import { composedImage, composedIndex, publishImage, unusableIn } from '../../src/compose/publish.ts';
import type { ImageState, KnownBlob } from '../../src/compose/state.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { MEDIA } from '../../src/image/oci.ts';
import { sha256 } from '../support/package-index.ts';
import { asked, failing, withRegistry } from '../support/registry.ts';
import { configOf } from './stages.ts';

const CREATED = '2024-05-06T07:08:09Z';
const LAYER = { kind: 'given', blob: blobOf('base') } as const;

function blobOf(text: string, rest: Partial<KnownBlob> = {}): KnownBlob & { readonly bytes: Buffer } {
  const bytes = gzipSync(text);
  const descriptor = { mediaType: MEDIA.layerGzip, digest: `sha256:${sha256(bytes)}`, size: bytes.length };
  return { descriptor, diffId: `sha256:${sha256(Buffer.from(text))}`, repository: undefined, bytes, ...rest };
}

const stateOf = (count: number): Pick<ImageState, 'layers'> => ({ layers: Array(count).fill(LAYER) });

test('the configuration and the manifest say the same of layers, and history has a line for each', () => {
  const blobs = [blobOf('one'), blobOf('two')];
  const history = [{ created_by: 'a' }, { created_by: 'b', empty_layer: true }, { created_by: 'c' }];
  const image = composedImage(stateOf(2), { ...configOf(), history }, blobs, CREATED);
  const config = JSON.parse(image.configBytes.toString());
  assert.deepEqual(config.rootfs, { type: 'layers', diff_ids: blobs.map(({ diffId }) => diffId) });
  assert.deepEqual(
    config.history,
    history.map((line) => ({ created: CREATED, ...line })),
  );
  assert.equal(config.created, CREATED);
  assert.deepEqual(
    image.manifest.layers,
    blobs.map(({ descriptor }) => descriptor),
  );
  assert.deepEqual(image.manifest.config, {
    mediaType: MEDIA.config,
    digest: `sha256:${sha256(image.configBytes)}`,
    size: image.configBytes.length,
  });
  assert.equal(image.digest, `sha256:${sha256(image.manifestBytes)}`);
  assert.deepEqual(JSON.parse(image.manifestBytes.toString()), image.manifest);
});

test('a layer with nothing in it is left out, and its line says so', () => {
  const history = [{ created_by: 'a' }, { created_by: 'b' }, { created_by: 'c' }];
  const blobs = [blobOf('one'), undefined, blobOf('three')];
  const image = composedImage(stateOf(3), { ...configOf(), history }, blobs, CREATED);
  const config = JSON.parse(image.configBytes.toString());
  assert.deepEqual(
    config.history.map((line: { empty_layer?: boolean }) => line.empty_layer ?? false),
    [false, true, false],
  );
  assert.equal(image.manifest.layers.length, 2);
  assert.equal(config.rootfs.diff_ids.length, 2);
});

test('layers that do not fit the lines of history are our mistake, not an image', () => {
  const config = { ...configOf(), history: [{ created_by: 'a' }] };
  assert.throws(
    () => composedImage(stateOf(2), config, [blobOf('one'), blobOf('two')], CREATED),
    /2 layers, but 1/,
  );
  assert.throws(() => composedImage(stateOf(2), config, [blobOf('one')], CREATED), /without a blob/);
});

test("Docker's own types become OCI's, times that are there stay, annotations are the manifest's", () => {
  const types = ['tar', 'tar.gzip', 'tar.zstd'].map(
    (one) => `application/vnd.docker.image.rootfs.diff.${one}`,
  );
  const blobs = types.map((mediaType, at) => {
    const blob = blobOf(String(at));
    return { ...blob, descriptor: { ...blob.descriptor, mediaType, annotations: { a: 'b' } } };
  });
  const history = [{ created: '2020-01-01T00:00:00Z', created_by: 'a' }, {}, {}];
  const base = { ...configOf(), created: '2021-01-01T00:00:00Z', history };
  const image = composedImage(stateOf(3), base, blobs, CREATED, { title: 'x' });
  assert.deepEqual(
    image.manifest.layers.map(({ mediaType, ...rest }) => [mediaType, Object.keys(rest)]),
    [MEDIA.layer, MEDIA.layerGzip, MEDIA.layerZstd].map((type) => [type, ['digest', 'size']]),
  );
  assert.deepEqual(image.manifest.annotations, { title: 'x' });
  const config = JSON.parse(image.configBytes.toString());
  assert.deepEqual(
    config.history.map((line: { created?: string }) => line.created),
    ['2020-01-01T00:00:00Z', CREATED, CREATED],
  );
});

const NOWHERE = { open: () => Promise.resolve(undefined) };

async function published(text: string, blob: KnownBlob) {
  const history = [{ created_by: text }];
  return composedImage(stateOf(1), { ...configOf(), history }, [blob], CREATED);
}

test('what a repository lacks is sent, mounted or copied, and what it has is left', async () => {
  await using directory = await temporaryDirectory();
  await using here = await withRegistry();
  await using there = await withRegistry();
  const target = registryRepository(here.host, `${here.registry.address}/app`, here.client);
  const made = blobOf('made', { file: join(directory.path, 'made') });
  await writeFile(made.file as string, made.bytes);
  const beside = blobOf('beside', { repository: `${here.registry.address}/library/python` });
  await here.client.putBlob('library/python', { ...beside.descriptor, content: beside.bytes });
  const far = blobOf('far', { repository: `${there.registry.address}/library/python` });
  await there.client.putBlob('library/python', { ...far.descriptor, content: far.bytes });
  const origin = {
    open: async (blob: KnownBlob) =>
      (await there.client.openBlob('library/python', blob.descriptor.digest)) as AsyncIterable<Uint8Array>,
  };
  const history = [{ created_by: '1' }, { created_by: '2' }, { created_by: '3' }, { created_by: '4' }];
  const image = composedImage(stateOf(4), { ...configOf(), history }, [made, beside, far, made], CREATED);
  const first = await publishImage(target, ['1', '2'], image, origin);
  assert.equal(first.sentBytes, made.bytes.length + far.bytes.length + image.configBytes.length);
  for (const tag of ['1', '2', image.digest])
    assert.equal((await target.manifest(tag))?.digest, image.digest, tag);
  const again = await publishImage(target, [], image, NOWHERE);
  assert.equal(again.sentBytes, image.configBytes.length, 'the configuration is smaller than the question');
});

test('a layer that was seen in this run is not asked for', async () => {
  await using one = await withRegistry();
  const target = registryRepository(one.host, `${one.registry.address}/app`, one.client);
  const seen = blobOf('seen', { repository: target.name, isSeen: true });
  await one.client.putBlob('app', { ...seen.descriptor, content: seen.bytes });
  const before = asked(one.registry).length;
  await publishImage(target, ['1'], await published('a', seen), NOWHERE);
  assert.deepEqual(
    asked(one.registry)
      .slice(before)
      .map((line) => line.split(' ')[0]),
    ['POST', 'PUT', 'PUT'],
  );
});

test('a layer that is nowhere any more is told by its digest', async () => {
  await using one = await withRegistry();
  const target = registryRepository(one.host, `${one.registry.address}/app`, one.client);
  for (const repository of [target.name, `${one.registry.address}/other`]) {
    const lost = blobOf('lost', { repository });
    const error = await failing(
      publishImage(target, ['1'], await published('a', lost), NOWHERE),
      'MANIFEST_BLOB_UNKNOWN',
      75,
    );
    assert.deepEqual(unusableIn(error), { lost: [lost.descriptor.digest], damaged: [] });
  }
});

test('a registry that does not say which layer it lacks: they are looked for', async () => {
  await using one = await withRegistry();
  const target = registryRepository(one.host, `${one.registry.address}/app`, one.client);
  const seen = blobOf('seen', { repository: target.name, isSeen: true });
  one.registry.faults.push({
    when: { method: 'PUT', path: /manifests/ },
    effect: { status: 400, body: '{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}' },
  });
  const fails = async () =>
    unusableIn(
      await failing(
        publishImage(target, ['1'], await published('a', seen), NOWHERE),
        'MANIFEST_BLOB_UNKNOWN',
        75,
      ),
    );
  assert.deepEqual(await fails(), { lost: [seen.descriptor.digest], damaged: [] }, 'it is not there');
  await one.client.putBlob('app', { ...seen.descriptor, content: seen.bytes });
  assert.deepEqual(await fails(), { lost: [seen.descriptor.digest], damaged: [] }, 'it was not asked for');
});

test('what is distrusted is put again, though the repository says that it has it', async () => {
  await using directory = await temporaryDirectory();
  await using one = await withRegistry();
  const target = registryRepository(one.host, `${one.registry.address}/app`, one.client);
  const made = blobOf('made', { file: join(directory.path, 'made') });
  await writeFile(made.file as string, made.bytes);
  await one.client.putBlob('app', { ...made.descriptor, content: made.bytes });
  const image = await published('a', made);
  assert.equal((await publishImage(target, ['1'], image, NOWHERE)).sentBytes, image.configBytes.length);
  const distrusted = new Set([made.descriptor.digest]);
  const { sentBytes } = await publishImage(target, ['1'], image, NOWHERE, distrusted);
  assert.equal(sentBytes, image.configBytes.length + made.bytes.length);
});

test('something else under the digest of a layer is no layer: told, never named in a manifest', async () => {
  await using directory = await temporaryDirectory();
  await using one = await withRegistry();
  const target = registryRepository(one.host, `${one.registry.address}/app`, one.client);
  const made = blobOf('made', { file: join(directory.path, 'made') });
  await writeFile(made.file as string, made.bytes);
  const { digest } = made.descriptor;
  for (const repository of ['app', 'library/python'])
    await one.client.putBlob(repository, { ...made.descriptor, content: made.bytes });
  await one.registry.blobs.replace(digest, made.bytes.subarray(0, 9));
  const other = registryRepository(one.host, `${one.registry.address}/other`, one.client);
  const places: readonly (readonly [typeof target, KnownBlob])[] = [
    [target, made],
    [target, { ...made, file: undefined, repository: target.name } as unknown as KnownBlob],
    [
      other,
      {
        ...made,
        file: undefined,
        repository: `${one.registry.address}/library/python`,
      } as unknown as KnownBlob,
    ],
  ];
  for (const [repository, blob] of places) {
    const error = await failing(
      publishImage(repository, ['1'], await published('a', blob), NOWHERE),
      'BLOB_CORRUPT',
      1,
    );
    assert.deepEqual(unusableIn(error), { lost: [], damaged: [digest] });
    assert.equal(await repository.manifest('1'), undefined);
  }
});

test('what is damaged where it is copied from is told the same way', async () => {
  await using here = await withRegistry();
  await using there = await withRegistry();
  const target = registryRepository(here.host, `${here.registry.address}/app`, here.client);
  const far = blobOf('far', { repository: `${there.registry.address}/app` });
  const { digest } = far.descriptor;
  await there.client.putBlob('app', { ...far.descriptor, content: far.bytes });
  const other = Buffer.from(far.bytes);
  other[5] = (other[5] as number) ^ 1;
  await there.registry.blobs.replace(digest, other);
  const origin = {
    open: async () => (await there.client.openBlob('app', digest)) as AsyncIterable<Uint8Array>,
  };
  const error = await failing(
    publishImage(target, ['1'], await published('a', far), origin),
    'BLOB_CORRUPT',
    1,
  );
  assert.deepEqual(unusableIn(error), { lost: [], damaged: [digest] });
});

test('other errors are not of blobs', () => {
  assert.equal(unusableIn(new Error('x')), undefined);
  assert.equal(unusableIn(undefined), undefined);
});

test('an index names its images in their order, as buildx writes it', () => {
  const image = (text: string) => composedImage(stateOf(0), { ...configOf(), history: [] }, [], text);
  const platforms = [
    { os: 'linux', architecture: 'arm64' },
    { os: 'linux', architecture: 'arm', variant: 'v7' },
  ];
  const images = platforms.map((platform, at) => ({
    platform,
    image: image(`2024-01-0${at + 1}T00:00:00Z`),
  }));
  const { bytes, digest } = composedIndex(images, { team: 'web' });
  assert.equal(digest, `sha256:${sha256(bytes)}`);
  const text = bytes.toString('utf8');
  assert.equal(text, JSON.stringify(JSON.parse(text), undefined, 2));
  assert.deepEqual(JSON.parse(text), {
    schemaVersion: 2,
    mediaType: MEDIA.index,
    manifests: images.map(({ platform, image: { digest: own, manifestBytes } }) => ({
      ...{ mediaType: MEDIA.manifest, digest: own, size: manifestBytes.length, platform },
    })),
    annotations: { team: 'web' },
  });
  assert.equal('annotations' in JSON.parse(composedIndex(images).bytes.toString('utf8')), false);
});
