import assert from 'node:assert/strict';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { layoutRepository } from '../../src/cache/repository-layout.ts';
import { run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { MEDIA } from '../../src/image/oci.ts';
import { blobOf, failing, read } from '../support/registry.ts';

async function withLayout() {
  const directory = await temporaryDirectory('lw-layout-');
  const path = join(directory.path, 'not-there-yet');
  return { ...directory, path, parent: directory.path, layout: layoutRepository(path) };
}

const imageOf = (config: { digest: string; size: number }, layer: { digest: string; size: number }) => ({
  schemaVersion: 2,
  mediaType: MEDIA.manifest,
  config: { mediaType: MEDIA.config, digest: config.digest, size: config.size },
  layers: [{ mediaType: MEDIA.layer, digest: layer.digest, size: layer.size }],
});
const fileOf = (path: string, digest: string) => join(path, 'blobs', 'sha256', digest.replace('sha256:', ''));

test('nothing is there before something is put', async () => {
  await using bed = await withLayout();
  const { layout } = bed;
  const { digest } = blobOf(1);
  assert.deepEqual(
    await Promise.all([
      layout.manifest('v1'),
      layout.manifest(digest),
      layout.blob(digest),
      layout.openBlob(digest),
      layout.statBlob(digest),
    ]),
    [undefined, undefined, undefined, undefined, undefined],
  );
  assert.deepEqual(await readdir(bed.parent), []);
});

test('an image layout as the specification has it, that other tools read', async () => {
  await using bed = await withLayout();
  const { layout, path } = bed;
  const [config, layer] = [blobOf(20), blobOf(600_000, 1000)];
  for (const blob of [config, layer]) assert.equal(await layout.putBlob(blob), 'sent');
  assert.equal(await layout.putBlob(layer, { ifMissing: true }), 'there');
  const digest = await layout.putManifest('v1', imageOf(config, layer), MEDIA.manifest);
  assert.deepEqual(JSON.parse(await readFile(join(path, 'oci-layout'), 'utf8')), {
    imageLayoutVersion: '1.0.0',
  });
  const size = (await stat(fileOf(path, digest))).size;
  assert.deepEqual(JSON.parse(await readFile(join(path, 'index.json'), 'utf8')), {
    schemaVersion: 2,
    mediaType: MEDIA.index,
    manifests: [
      {
        mediaType: MEDIA.manifest,
        digest,
        size,
        annotations: { 'org.opencontainers.image.ref.name': 'v1' },
      },
    ],
  });
  assert.deepEqual((await readdir(path)).sort(), ['blobs', 'index.json', 'oci-layout'], 'and nothing else');
  assert.equal((await readdir(join(path, 'blobs', 'sha256'))).length, 3);

  for (const reference of ['v1', digest]) {
    const found = await layout.manifest(reference);
    assert.deepEqual([found?.digest, found?.mediaType, found?.size], [digest, MEDIA.manifest, size]);
    assert.deepEqual(found?.content, imageOf(config, layer));
  }
  assert.equal(await layout.statBlob(layer.digest), 600_000);
  assert.ok((await read(await layout.openBlob(layer.digest))).equals(layer.bytes));
  const part = await read(await layout.openBlob(layer.digest, { range: [299_999, 700_000] }));
  assert.ok(part.equals(layer.bytes.subarray(299_999)));
  assert.ok(config.bytes.equals((await layout.blob(config.digest)) ?? Buffer.alloc(0)));
  await failing(layout.blob(config.digest, 19), 'LAYOUT_CORRUPT', 1);
});

test('a tag moves; what was under it stays by its digest', async () => {
  await using bed = await withLayout();
  const { layout } = bed;
  const [config, layer] = [blobOf(2), blobOf(3)];
  for (const blob of [config, layer]) await layout.putBlob(blob);
  const first = await layout.putManifest('v', imageOf(config, layer), MEDIA.manifest);
  const second = await layout.putManifest('v', imageOf(layer, config), MEDIA.manifest);
  assert.equal((await layout.manifest('v'))?.digest, second);
  assert.equal((await layout.manifest(first))?.digest, first);
  await layout.putManifest(second, imageOf(layer, config), MEDIA.manifest);
  await layout.putManifest(second, imageOf(layer, config), MEDIA.manifest);
  const { manifests } = JSON.parse(await readFile(join(bed.path, 'index.json'), 'utf8')) as {
    manifests: object[];
  };
  assert.equal(manifests.length, 2, 'one by tag, one by digest');
});

test('a manifest is put only when all that it names is there', async () => {
  await using bed = await withLayout();
  const { layout } = bed;
  const [config, layer] = [blobOf(2), blobOf(3)];
  await layout.putBlob(config);
  const put = layout.putManifest('v', imageOf(config, layer), MEDIA.manifest);
  const error = await failing(put, 'MANIFEST_BLOB_UNKNOWN', 75);
  assert.deepEqual((error.cause as { digests: string[] }).digests, [layer.digest]);
  assert.equal(await layout.manifest('v'), undefined);
});

test('what is written is checked, and leaves nothing behind if it is wrong', async () => {
  await using bed = await withLayout();
  const { layout, path } = bed;
  const blob = blobOf(1000, 100);
  await failing(layout.putBlob({ ...blob, digest: blobOf(1).digest }), 'BLOB_CHANGED', 1);
  await failing(layout.putBlob({ ...blob, size: 999 }), 'BLOB_CHANGED', 1);
  assert.deepEqual(await readdir(join(path, 'blobs', 'sha256')), []);
  await failing(layout.putBlob({ ...blob, digest: 'sha256:../../../../escaped' }), 'BAD_REFERENCE', 2);
});

test('what is read is checked', async () => {
  await using bed = await withLayout();
  const { layout, path } = bed;
  const [config, layer] = [blobOf(2000), blobOf(3)];
  for (const blob of [config, layer]) await layout.putBlob(blob);
  const digest = await layout.putManifest('v', imageOf(config, layer), MEDIA.manifest);
  await writeFile(fileOf(path, config.digest), 'other');
  await failing(layout.blob(config.digest), 'BLOB_CORRUPT', 1);
  await failing(read(await layout.openBlob(config.digest)), 'BLOB_CORRUPT', 1);
  await writeFile(fileOf(path, digest), '{}');
  await failing(layout.manifest('v'), 'MANIFEST_CORRUPT', 1);
  for (const text of ['{', '{}', 'null']) {
    await writeFile(join(path, 'index.json'), text);
    await failing(layout.manifest('v'), 'LAYOUT_CORRUPT', 1);
  }
});

test('a blob is taken over from another layout', async () => {
  await using one = await withLayout();
  await using two = await withLayout();
  const blob = blobOf(500);
  await one.layout.putBlob(blob);
  assert.equal(await two.layout.mountBlob(blob.digest, one.path), true);
  assert.ok(blob.bytes.equals((await two.layout.blob(blob.digest)) ?? Buffer.alloc(0)));
  assert.equal(await two.layout.mountBlob(blobOf(3).digest, one.path), false);
  assert.equal(await two.layout.mountBlob(blob.digest, 'registry.example.com/a'), false);
  assert.equal(await two.layout.putBlob(blob, { mountFrom: 'registry.example.com/a' }), 'sent');
  assert.equal(await two.layout.putBlob(blob, { mountFrom: one.path }), 'mounted');
});

test('processes that write at the same time lose nothing', async () => {
  await using bed = await withLayout();
  const { layout, path } = bed;
  const [config, layer] = [blobOf(2), blobOf(3)];
  for (const blob of [config, layer]) await layout.putBlob(blob);
  const module = pathToFileURL(join(import.meta.dirname, '../../src/cache/repository-layout.ts')).href;
  const script = `
    const { layoutRepository } = await import(${JSON.stringify(module)});
    const layout = layoutRepository(process.argv[1]);
    const manifest = JSON.parse(process.argv[2]);
    await Promise.all(Array.from({ length: 5 }, (_, index) =>
      layout.putManifest(process.argv[3] + index, { ...manifest, annotations: { of: process.argv[3] + index } }, manifest.mediaType)));
  `;
  const manifest = JSON.stringify(imageOf(config, layer));
  const results = await Promise.all(
    ['a', 'b', 'c'].map((name) =>
      run([process.execPath, '--input-type=module', '-e', script, path, manifest, name], {
        env: process.env,
      }),
    ),
  );
  assert.deepEqual(
    results.map(({ exitCode, stderr }) => [exitCode, stderr]),
    [
      [0, ''],
      [0, ''],
      [0, ''],
    ],
  );
  for (const name of ['a', 'b', 'c'])
    for (let index = 0; index < 5; index++)
      assert.ok(await layout.manifest(`${name}${index}`), `${name}${index}`);
});
