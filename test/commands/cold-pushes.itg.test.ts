import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { type ImageManifest, MEDIA } from '../../src/image/oci.ts';
import { registryClient } from '../../src/registry/client.ts';
import { testHost } from '../support/host.ts';
import { built, projectOf, testbedVariable } from './launch.ts';

const registry = testbedVariable('LW_REGISTRY');
const own = `cold-${randomUUID().slice(0, 8)}`;

/** Something of a size that shows whether it was compressed, new in each run. */
const LARGE = `head -c 3000000 /dev/zero > /large && echo ${randomUUID()} >> /large`;

async function manifestOf(path: string, tag: string): Promise<ImageManifest | undefined> {
  return (await registryClient(testHost(), registry).manifest(path, tag))?.content as
    | ImageManifest
    | undefined;
}

/** The one image of a solved segment in a repository. */
async function solvedIn(path: string): Promise<ImageManifest> {
  const response = await fetch(`http://${registry}/v2/${path}/tags/list`);
  const { tags } = (await response.json()) as { readonly tags: readonly string[] };
  const solved = tags.filter((tag) => tag.startsWith('lw-solved-'));
  assert.equal(solved.length, 1, tags.join(' '));
  return (await manifestOf(path, solved[0] as string)) as ImageManifest;
}

const layersOf = (manifest: ImageManifest | undefined) =>
  (manifest?.layers ?? []).filter(({ mediaType }) => mediaType.includes('layer'));

test('the layer cache has the layers of what was solved, compressed, and no others', async () => {
  const path = `${own}/twice`;
  await using project = await projectOf({
    Dockerfile: `FROM python:3.11-slim\nRUN ${LARGE}\nRUN pip --version > /version\nCOPY app.py .\n`,
    'app.py': 'one\n',
  });
  const build = () => built(['--push', '-t', `${registry}/${path}:1`, project.path]);
  const first = await build();
  assert.equal(first.cache.to[0]?.outcome, 'written');
  const [solved, cache] = [await solvedIn(path), await manifestOf(path, 'cache')];
  const digests = new Set(solved.layers.map(({ digest }) => digest));
  assert.ok(layersOf(cache).length >= 2);
  for (const { digest, mediaType, size } of layersOf(cache)) {
    assert.ok(digests.has(digest), `${digest} of ${size} bytes is pushed once`);
    assert.notEqual(mediaType, MEDIA.layer);
  }
  const added = solved.layers.filter(({ mediaType }) => mediaType === MEDIA.layerZstd);
  assert.equal(added.length, 2);
  assert.ok((added[0]?.size ?? 0) < 100_000, 'they are compressed');

  await project.write({ 'app.py': 'two\n' });
  const second = await build();
  assert.deepEqual([second.way, second.builder], ['composed', null]);
});

test('where no later build would find anything in it, there is no layer cache', async () => {
  const path = `${own}/once`;
  await using project = await projectOf({
    Dockerfile: `FROM python:3.11-slim\nRUN ${LARGE} && pip --version > /version\nCOPY app.py .\n`,
    'app.py': 'one\n',
  });
  const build = () => built(['--push', '-t', `${registry}/${path}:1`, project.path]);
  const first = await build();
  assert.deepEqual(first.warnings, []);
  assert.notEqual(first.builder, null);
  await solvedIn(path);
  assert.equal(await manifestOf(path, 'cache'), undefined);

  await project.write({ 'app.py': 'two\n' });
  const second = await build();
  assert.deepEqual([second.way, second.builder], ['composed', null]);
});
