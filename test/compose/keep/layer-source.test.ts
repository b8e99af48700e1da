import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { type CacheRepository, registryRepository } from '../../../src/cache/repository.ts';
import { type InstallInput, planInstall } from '../../../src/compose/install/install-plan.ts';
import { keeper, keptTag } from '../../../src/compose/keep/keeper.ts';
import { type LayerSourceOptions, layerSource } from '../../../src/compose/keep/layer-source.ts';
import type { RecentLayer } from '../../../src/compose/keep/recent.ts';
import { type DependencyLayer, NotComposable, type WrittenLayer } from '../../../src/compose/state.ts';
import { temporaryDirectory } from '../../../src/host/files.ts';
import { emptyIndex } from '../../../src/image/path-index.ts';
import type { Compression } from '../../../src/layers/layer.ts';
import { layerPool } from '../../../src/layers/layer-pool.ts';
import { recompressed } from '../../../src/layers/recompress.ts';
import { readWheelFacts } from '../../../src/layers/wheel-facts.ts';
import { writeLayer } from '../../../src/layers/write-layer.ts';
import type { TestRegistry } from '../../../src/testing/registry.ts';
import { sha256 } from '../../support/package-index.ts';
import { withRegistry } from '../../support/registry.ts';
import { writeWheel } from '../../support/wheel.ts';
import type { ZipPart } from '../../support/zip.ts';
import { givenImage } from '../given.ts';

let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
let pool: ReturnType<typeof layerPool>;
before(async () => {
  temporary = await temporaryDirectory('lw-layers-');
  pool = layerPool({ size: 1, directory: temporary.path });
});
after(async () => {
  await pool.close();
  await temporary[Symbol.asyncDispose]();
});

interface Setting extends AsyncDisposable {
  readonly registry: TestRegistry;
  readonly cache: CacheRepository;
  /** A source of a new run. */
  readonly source: (
    rest?: Partial<LayerSourceOptions> & { reads?: boolean },
  ) => ReturnType<typeof layerSource>;
  readonly fetched: string[];
}

async function setting(): Promise<Setting> {
  const { registry, client, host, ...rest } = await withRegistry();
  const cache = registryRepository(host, `${registry.address}/cache`, client);
  const fetched: string[] = [];
  return {
    ...{ registry, cache, fetched },
    source: ({ reads = true, ...options } = {}) =>
      layerSource({
        keeper: keeper(cache, reads),
        recent: new Map(),
        wheels: {
          fetch: async ({ url }) => {
            fetched.push(url);
            return url;
          },
          trust: () => {},
          bytes: () => 0,
        },
        pool: () => pool,
        compilerFor: async () => undefined,
        directory: temporary.path,
        now: () => 0,
        ...options,
      }),
    [Symbol.asyncDispose]: rest[Symbol.asyncDispose],
  };
}

/** The layer of one distribution, without bytecode unless asked for. */
async function dependency(
  parts: readonly ZipPart[] = [{ name: 'demo.py', content: 'x = 1\n' }],
  rest: Partial<InstallInput> = {},
): Promise<DependencyLayer> {
  const wheel = await writeWheel(temporary.path, parts);
  const filename = 'demo-1.0-py3-none-any.whl';
  const facts = await readWheelFacts(wheel.file, { ...wheel, filename });
  const site = '/usr/lib/python3.11/site-packages';
  const plan = planInstall({
    files: emptyIndex(),
    given: givenImage(),
    python: {
      ...{ executable: '/usr/bin/python3.11', version: '3.11.2', cacheTag: 'cpython-311', installed: [] },
      scheme: { purelib: site, platlib: site, headers: '/usr/include', scripts: '/usr/bin', data: '/usr' },
      ...{ libc: { kind: 'glibc', version: '2.36' }, architecture: 'amd64', pip: undefined },
      ...{ externallyManaged: false, venv: undefined },
    },
    distributions: [
      {
        locked: {
          ...{ name: 'demo', version: '1.0', requested: true },
          // The path stands for the place on the index.
          wheel: { url: wheel.file, filename, sha256: wheel.sha256, size: undefined },
        },
        facts,
      },
    ],
    ...{ installer: { tool: 'pip' }, bytecode: false, uid: 0, gid: 0, umask: 0o022, keep: undefined },
    ...{ compression: 'zstd', mtime: 315_532_800 },
    ...rest,
  });
  assert.ok('layers' in plan);
  const [planned] = plan.layers;
  assert.ok(planned);
  return { kind: 'dependency', key: planned.key, title: 'demo 1.0', line: 7, planned };
}

/** A layer of one file. */
function written(size: number, rest: Partial<WrittenLayer> = {}): WrittenLayer {
  const content = Buffer.alloc(size, 'lorem ipsum ');
  const entry = { path: 'file', type: 'file', mode: 0o644, uid: 0, gid: 0, size, link: '' } as const;
  return {
    ...{ kind: 'copy', key: sha256(content), title: 'COPY', line: 1, bytes: size },
    write: (directory) => writeLayer([{ entry, content }], { directory, compression: 'zstd', mtime: 1 }),
    ...rest,
  };
}

test('a layer is made once in a run, kept, and found by another run', async () => {
  await using one = await setting();
  const layer = await dependency();
  const source = one.source();
  const [first, again] = await Promise.all([source.get(layer), source.get(layer)]);
  assert.deepEqual(first, again);
  assert.equal(first.outcome, 'made');
  assert.equal(one.fetched.length, 1);
  assert.equal(first.blob?.repository, one.cache.name);
  const found = await one.source().get(layer);
  assert.deepEqual([found.outcome, found.sentBytes, one.fetched.length], ['found', 0, 1]);
  assert.deepEqual(found.blob?.descriptor, first.blob?.descriptor);
  assert.equal(found.blob?.diffId, first.blob?.diffId);
});

test('what is kept of a layer: its digests, and all that it was made from', async () => {
  await using one = await setting();
  const layer = await dependency();
  const { blob } = await one.source().get(layer);
  const artifact = await keeper(one.cache, true).find('layer', layer.key);
  assert.deepEqual(artifact?.layers, [blob?.descriptor]);
  const config = artifact?.config as Record<string, unknown>;
  assert.equal(config.diffId, blob?.diffId);
  assert.equal(config.title, 'demo 1.0');
  assert.match(JSON.stringify(config), /"name":"demo","version":"1\.0"/);
  assert.match(JSON.stringify(config), new RegExp(layer.planned.wheels[0]?.wheel?.sha256 as string));
  const tags = (await one.registry.requests)
    .map(({ path }) => path)
    .filter((path) => path.includes('manifests/'));
  assert.ok(tags.every((path) => path.endsWith(`/${keptTag('layer', layer.key)}`)));
});

test('a small layer is neither looked for nor kept, and one with nothing in it is none', async () => {
  await using one = await setting();
  const source = one.source();
  const small = await source.get(written(1000));
  assert.deepEqual([small.outcome, small.sentBytes, small.blob?.repository], ['made', 0, undefined]);
  assert.ok(small.blob?.file, 'it is on this machine');
  const empty = written(1000, {
    key: 'empty',
    write: (directory) => writeLayer([], { directory, compression: 'zstd', mtime: 1 }),
  });
  assert.equal((await source.get(empty)).blob, undefined);
  assert.deepEqual(one.registry.requests, []);
});

test('a large layer of the context is found again', async () => {
  await using one = await setting();
  const layer = written(2_000_000);
  assert.equal((await one.source().get(layer)).outcome, 'made');
  assert.equal(await one.source().isThere(layer), true);
  const untouched = { ...layer, write: () => Promise.reject(new Error('it is not made')) };
  assert.equal((await one.source().get(untouched)).outcome, 'found');
});

test('with --no-cache nothing is found, and what is made is kept for others', async () => {
  await using one = await setting();
  const layer = await dependency();
  await one.source().get(layer);
  assert.equal((await one.source({ reads: false }).get(layer)).outcome, 'made');
});

test('where the last build left a layer is asked first; if it is not there, the other place', async () => {
  await using one = await setting();
  const layer = await dependency();
  const { blob } = await one.source().get(layer);
  assert.ok(blob);
  const recent = new Map<string, RecentLayer>([[layer.key, blob]]);
  const before = one.registry.requests.length;
  assert.equal((await one.source({ recent }).get(layer)).outcome, 'found');
  assert.deepEqual(
    one.registry.requests.slice(before).map(({ method }) => method),
    ['HEAD'],
  );
  const gone = { ...blob, descriptor: { ...blob.descriptor, digest: `sha256:${'0'.repeat(64)}` } };
  const found = await one.source({ recent: new Map([[layer.key, gone]]) }).get(layer);
  assert.equal(found.blob?.descriptor.digest, blob.descriptor.digest);
});

test('a layer that is gone from the registry is made again', async () => {
  await using one = await setting();
  const layer = await dependency();
  const { blob } = await one.source().get(layer);
  await one.registry.blobs.remove(blob?.descriptor.digest as string);
  assert.equal(await one.source().isThere(layer), false);
  const again = await one.source().get(layer);
  assert.equal(again.outcome, 'made');
  assert.equal(again.blob?.descriptor.digest, blob?.descriptor.digest);
  assert.equal(await one.cache.statBlob(blob?.descriptor.digest as string), blob?.descriptor.size);
});

test('of a layer that is cut off in the registry another blob is kept, and found from then on', async () => {
  for (const compression of ['zstd', 'gzip'] as Compression[]) {
    await using one = await setting();
    const layer = await dependency(undefined, { compression });
    const { blob } = await one.source().get(layer);
    assert.ok(blob);
    const { digest } = blob.descriptor;
    const whole = (await one.registry.blobs.read(digest)) as Uint8Array;
    await one.registry.blobs.replace(digest, whole.subarray(0, whole.length - 1));
    const again = await one.source().get(layer);
    assert.equal(again.outcome, 'made');
    assert.notEqual(again.blob?.descriptor.digest, digest, 'the registry keeps what it has');
    assert.equal(again.blob?.diffId, blob?.diffId);
    assert.equal(again.blob?.descriptor.mediaType, blob?.descriptor.mediaType);
    const bytes = await one.cache.blob(again.blob?.descriptor.digest as string);
    const tar =
      compression === 'gzip' ? gunzipSync(bytes as Uint8Array) : zstdDecompressSync(bytes as Uint8Array);
    assert.equal(`sha256:${sha256(tar)}`, blob?.diffId);
    const found = await one.source().get(layer);
    assert.deepEqual([found.outcome, found.blob?.descriptor], ['found', again.blob?.descriptor]);
  }
});

test('a registry that takes what is pushed in the place of what is damaged keeps the first digest', async () => {
  await using one = await setting();
  const layer = await dependency();
  const { blob } = await one.source().get(layer);
  assert.ok(blob);
  const { digest, size } = blob.descriptor;
  one.registry.faults.push({
    // What is told before the push.
    when: { method: 'HEAD', path: new RegExp(digest), times: 1 },
    effect: { status: 200, headers: { 'Content-Length': String(size - 1) } },
  });
  const again = await one.source().get(layer);
  assert.deepEqual([again.outcome, again.blob?.descriptor.digest], ['made', digest]);
});

test('what is forgotten is made anew, under another digest if it was damaged', async () => {
  await using one = await setting();
  const layer = await dependency();
  const source = one.source();
  const first = await source.get(layer);
  const digest = first.blob?.descriptor.digest as string;
  source.forget({ lost: ['sha256:other'], damaged: [] });
  assert.equal(await source.get(layer), first, 'it is not of what was forgotten');
  source.forget({ lost: [digest], damaged: [] });
  const second = await source.get(layer);
  assert.deepEqual([second.outcome, second.blob?.descriptor.digest], ['made', digest]);
  assert.ok(second.sentBytes > 0);
  source.forget({ lost: [], damaged: [digest] });
  const third = await source.get(layer);
  assert.equal(third.blob?.diffId, first.blob?.diffId);
  assert.notEqual(third.blob?.descriptor.digest, digest);
});

test('a repository that cannot be read or written does no harm: the layer is on this machine', async () => {
  for (const effect of [{ status: 403 }, { status: 404 }, { reset: true }] as const) {
    await using one = await setting();
    one.registry.faults.push({ when: {}, effect });
    const { blob, outcome } = await one.source().get(await dependency());
    assert.deepEqual([outcome, blob?.repository], ['made', undefined]);
    assert.equal(sha256(await readFile(blob?.file as string)), blob?.descriptor.digest.slice(7));
  }
});

test('what is kept and makes no sense is not taken for a layer', async () => {
  await using one = await setting();
  const layer = await dependency();
  const kept = keeper(one.cache, true);
  for (const config of [{}, { diffId: 5 }, []]) {
    await kept.keep('layer', layer.key, config);
    assert.equal((await one.source().get(layer)).outcome, 'made', JSON.stringify(config));
  }
});

test('a wheel that is refused is left to pip, at its line', async () => {
  await using one = await setting();
  const layer = await dependency([
    { name: 'demo.py', content: 'x'.repeat(500), central: { crc: 5 }, local: { crc: 5 } },
  ]);
  await assert.rejects(one.source().get(layer), (error: Error) => {
    assert.ok(error instanceof NotComposable);
    assert.deepEqual([error.line, /demo 1\.0 is no valid wheel/.test(error.reason)], [7, true]);
    return true;
  });
});

test('without a Python of that version bytecode is left to pip, with what to do', async () => {
  await using one = await setting();
  const layer = await dependency(undefined, { bytecode: true });
  await assert.rejects(one.source().get(layer), (error: Error) => {
    assert.ok(error instanceof NotComposable);
    assert.match(error.reason, /no Python 3\.11 on this machine/);
    assert.match(error.hint ?? '', /Install Python 3\.11/);
    return true;
  });
});

test('the same archive compressed in another way, even an empty one', async () => {
  for (const compression of ['zstd', 'gzip'] as Compression[])
    for (const layer of [written(100_000), written(0)]) {
      const made = await writeLayer([], { directory: temporary.path, compression, mtime: 1 });
      const one = layer.bytes === 0 ? made : await layer.write(temporary.path);
      const other = await recompressed(one, temporary.path);
      assert.deepEqual([other.diffId, other.tarBytes], [one.diffId, one.tarBytes]);
      assert.equal(other.descriptor.mediaType, one.descriptor.mediaType);
      assert.notEqual(other.descriptor.digest, one.descriptor.digest);
      const bytes = await readFile(other.file);
      assert.deepEqual(
        [`sha256:${sha256(bytes)}`, bytes.length],
        [other.descriptor.digest, other.descriptor.size],
      );
    }
});
