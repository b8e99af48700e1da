import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type CacheVerifyRequest, cacheVerify } from '../../src/commands/cache-verify.ts';
import { MEDIA } from '../../src/image/oci.ts';
import { testHost } from '../support/host.ts';
import { type MemoryRegistry, memoryRegistry } from '../verify/registry.ts';
import { digestOf, SAMPLE } from '../verify/sample.ts';
import { tarOf } from '../verify/tar.ts';

const ARCHIVE = tarOf(SAMPLE);
const TYPE = 'application/vnd.layerwright.layer.v1+json';

/** Puts an artifact of one dependency layer. */
function artifact(registry: MemoryRegistry, tag: string, config: object, archive = ARCHIVE) {
  const layer = registry.blob(gzipSync(archive), MEDIA.layerGzip);
  registry.put('team/cache', tag, {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    artifactType: TYPE,
    config: registry.blob(Buffer.from(JSON.stringify(config)), TYPE),
    layers: [layer],
  });
  return layer;
}

/** A cache with two artifacts that keep one layer, an image, and a tag of somebody else. */
async function cache() {
  const registry = await memoryRegistry();
  const layer = artifact(registry, 'lw-a', { diffId: digestOf(ARCHIVE) });
  artifact(registry, 'lw-b', { diffId: digestOf(ARCHIVE), more: true });
  registry.image('team/cache:lw-plan-c', { layers: [SAMPLE, [{ path: 'app.py' }]] });
  registry.put('team/cache', 'cache', { mediaType: MEDIA.manifest, not: 'ours' });
  return { registry, layer, [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose]() };
}

const check = (registry: MemoryRegistry, options: Partial<CacheVerifyRequest> = {}) =>
  cacheVerify(testHost(), {
    repository: `${registry.address}/team/cache`,
    deep: false,
    rebuild: undefined,
    ...options,
  });

/** Problems in few words. */
async function problems(...given: Parameters<typeof check>) {
  const { record, exit } = await check(...given);
  assert.equal(exit, record.problems.length > 0 ? 1 : 0);
  assert.equal(record.outcome, record.problems.length > 0 ? 'problem' : 'sound');
  return record.problems.map(({ kind, tags, digest }) => ({ kind, tags, digest }));
}

test('a sound cache: every blob is counted once, and none is read without --deep', async () => {
  await using kept = await cache();
  const { record, text, exit } = await check(kept.registry);
  assert.equal(exit, 0);
  assert.deepEqual(
    [record.outcome, record.artifacts, record.blobs, record.deep, record.problems],
    ['sound', 3, 5, false, []],
  );
  assert.match(
    text,
    /^✓ nothing is wrong in 127\.0\.0\.1:\d+\/team\/cache: 3 artifacts, 5 blobs of \d\.\d kB, in \d/,
  );
  assert.ok(!kept.registry.requests.some((one) => one === `GET /v2/team/cache/blobs/${kept.layer.digest}`));
});

test('with --deep a sound cache is read to its end', async () => {
  await using kept = await cache();
  assert.deepEqual(await problems(kept.registry, { deep: true }), []);
  const reads = kept.registry.requests.filter(
    (one) => one === `GET /v2/team/cache/blobs/${kept.layer.digest}`,
  );
  assert.equal(reads.length, 1, 'what several keep is read once');
});

test('a blob that is gone is found, with all that keep it', async () => {
  await using kept = await cache();
  kept.registry.blobs.delete(kept.layer.digest);
  const tags = ['lw-a', 'lw-b', 'lw-plan-c'];
  assert.deepEqual(await problems(kept.registry), [{ kind: 'missing', tags, digest: kept.layer.digest }]);
  const { text } = await check(kept.registry);
  assert.match(text, /^✗ 1 problem in /);
  assert.match(text, /\n {2}lw-a, lw-b, lw-plan-c\n {4}missing: the registry has no blob sha256:\w+\n/);
});

test('a blob of another size is found, and one of other bytes with --deep', async () => {
  await using kept = await cache();
  const { registry, layer } = kept;
  const whole = registry.blobs.get(layer.digest) as Buffer;
  const found = (kind: string) => [{ kind, tags: ['lw-a', 'lw-b', 'lw-plan-c'], digest: layer.digest }];
  registry.blobs.set(layer.digest, whole.subarray(1));
  assert.deepEqual(await problems(registry), found('size'));
  const damaged = Buffer.from(whole).fill(0, 100, 110);
  registry.blobs.set(layer.digest, damaged);
  assert.deepEqual(await problems(registry), []);
  assert.deepEqual(await problems(registry, { deep: true }), found('corrupt'));
});

test('with --deep a layer of another archive than its artifact says is found', async () => {
  await using registry = await memoryRegistry();
  const layer = artifact(registry, 'lw-a', { diffId: `sha256:${'0'.repeat(64)}` });
  assert.deepEqual(await problems(registry, { deep: true }), [
    { kind: 'diffId', tags: ['lw-a'], digest: layer.digest },
  ]);
});

test('what is listed and not there, and what is no manifest of ours, is found', async () => {
  await using kept = await cache();
  const { registry } = kept;
  const digest = registry.put('team/cache', 'lw-odd', { mediaType: MEDIA.manifest });
  registry.put('team/cache', 'lw-index', {
    mediaType: MEDIA.index,
    manifests: [{ digest: `sha256:${'1'.repeat(64)}` }],
  });
  assert.deepEqual(await problems(registry), [
    { kind: 'gone', tags: ['lw-index'], digest: `sha256:${'1'.repeat(64)}` },
    { kind: 'unreadable', tags: ['lw-odd'], digest },
  ]);
});

test('layers are made anew: what comes out otherwise is found, what cannot be made is told', async () => {
  await using kept = await cache();
  const made: string[] = [];
  const { record, text, exit } = await check(kept.registry, {
    rebuild: async ({ tag, diffIds }) => {
      if (tag.startsWith('lw-plan')) return undefined;
      made.push(tag);
      if (tag === 'lw-b') return { impossible: 'its wheels are not on the index any more' };
      return { kept: diffIds[0] ?? '', made: `sha256:${'2'.repeat(64)}` };
    },
  });
  assert.deepEqual(made, ['lw-a', 'lw-b']);
  assert.equal(exit, 1);
  assert.equal(record.rebuilt, 1);
  assert.deepEqual(record.notRebuilt, [{ tag: 'lw-b', why: 'its wheels are not on the index any more' }]);
  assert.deepEqual(
    record.problems.map(({ kind, tags }) => [kind, tags]),
    [['rebuilt', ['lw-a']]],
  );
  assert.match(text, /, 1 layer made anew, in /);
  assert.match(text, /\nNot made anew:\n {2}lw-b: its wheels are not on the index any more\n/);
  const wrong = await check(kept.registry, { rebuild: async () => ({ wrong: 'it has another key' }) });
  assert.deepEqual(
    [...new Set(wrong.record.problems.map(({ kind, detail }) => `${kind}: ${detail}`))],
    ['rebuilt: it has another key'],
  );
  assert.equal(wrong.record.rebuilt, 0);
  const same = { rebuild: async () => ({ kept: 'sha256:1', made: 'sha256:1' }) };
  assert.deepEqual(await problems(kept.registry, same), []);
});

test('a registry that cannot be asked is an error and no problem of the cache', async () => {
  await using registry = await memoryRegistry();
  const nowhere = check(registry, { repository: `${registry.address}/team/cache:tag` });
  await assert.rejects(nowhere, { code: 'BAD_REFERENCE', exit: 2 });
});
