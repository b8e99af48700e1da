import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { wheelStore } from '../../../src/compose/install/wheels-on-disk.ts';
import type { Keeper } from '../../../src/compose/keep/keeper.ts';
import { withAddresses } from '../../../src/compose/wheels/wheel-address.ts';
import type { WheelBuild } from '../../../src/compose/wheels/wheel-build.ts';
import { temporaryDirectory } from '../../../src/host/files.ts';
import { FACTS } from '../../lock/support.ts';
import { testHost } from '../../support/host.ts';
import { packageIndex, sha256 } from '../../support/package-index.ts';

const ADDRESS = 'https://files.example/files';

type Kept = Map<string, unknown>;

/** What builds keep for each other, of these kinds alone. */
function keeperOf(kept: Kept): Pick<Keeper, 'find' | 'keep'> {
  return {
    async find(kind, key) {
      const config = kept.get(`${kind} ${key}`);
      return config === undefined ? undefined : ({ config, layers: [] } as never);
    },
    async keep(kind, key, config) {
      kept.set(`${kind} ${key}`, JSON.parse(JSON.stringify(config)));
      return { outcome: 'put' } as never;
    },
  };
}

function buildOf(
  filename: string,
  { name = 'demo', hash }: { readonly name?: string; readonly hash?: string } = {},
): WheelBuild {
  return {
    ...{ name, version: undefined, isDirect: true, tool: { kind: 'pip' } },
    source: { kind: 'archive', url: `${ADDRESS}/${filename}`, sha256: hash, subdirectory: undefined },
    python: { ...FACTS, pip: '24.0' },
  } as unknown as WheelBuild;
}

/** An index behind `https://files.example`, and a source of wheels that builds nothing. */
async function addresses(kept: Kept = new Map()) {
  const index = await packageIndex();
  const directory = await temporaryDirectory();
  const host = testHost({
    fetch: (input, init) =>
      fetch(String(input).replace(ADDRESS, index.url.replace(/\/simple$/, '/files')), init),
  });
  const builds = { get: async () => ({ reason: 'it would be built' }) };
  const store = wheelStore(host, join(directory.path, 'wheels'));
  return {
    ...{ index, store },
    source: withAddresses(builds, store, keeperOf(kept)),
    async [Symbol.asyncDispose]() {
      await directory[Symbol.asyncDispose]();
      await index[Symbol.asyncDispose]();
    },
  };
}

test('a wheel at an address is fetched once for its hash, and then known by it', async () => {
  const kept: Kept = new Map();
  await using given = await addresses(kept);
  const bytes = given.index.add({ name: 'demo', metadata: 'Requires-Dist: other>=1' });
  const build = buildOf('demo-1.0-py3-none-any.whl');
  const found = await given.source.get(build);
  assert.ok('wheel' in found, JSON.stringify(found));
  assert.deepEqual(found.wheel, {
    ...{ url: `${ADDRESS}/demo-1.0-py3-none-any.whl`, filename: 'demo-1.0-py3-none-any.whl' },
    ...{ sha256: sha256(bytes), size: bytes.length },
  });
  assert.deepEqual(found.facts.requiresDist, ['other>=1']);
  assert.match(found.files['direct_url.json'] ?? '', /"url": "https:\/\/files\.example\/files\/demo-1\.0/);
  assert.equal(given.store.bytes(), bytes.length);
  await given.store.fetch(found.wheel);
  assert.equal(given.index.requests.length, 1);

  await using later = await addresses(kept);
  const again = await later.source.get(build);
  assert.ok('wheel' in again);
  assert.deepEqual([again.wheel, again.isNew], [found.wheel, false]);
  assert.deepEqual({ ...again.facts, requiresPython: undefined }, found.facts);
  assert.deepEqual(later.index.requests, [], 'nothing is asked for');
});

test('what is not the wheel that the step wants is left to its tool', async () => {
  await using given = await addresses();
  const bytes = given.index.add({ name: 'demo' });
  given.index.add({ name: 'demo', tag: 'cp27-cp27m-win32' });
  given.index.files.set('broken-1.0-py3-none-any.whl', { bytes: Buffer.from('no archive') });
  const reasons: readonly (readonly [WheelBuild, RegExp])[] = [
    [buildOf('demo-1.0-py3-none-any.whl', { name: 'other' }), /is not of other/],
    [buildOf('demo-1.0-cp27-cp27m-win32.whl'), /does not fit the image's Python/],
    [buildOf('broken-1.0-py3-none-any.whl', { name: 'broken' }), /broken-1\.0/],
    [buildOf('gone-1.0-py3-none-any.whl', { name: 'gone' }), /is not at files\.example/],
    [buildOf('demo-1.0-py3-none-any.whl', { hash: '0'.repeat(64) }), /has not the hash/],
    [buildOf('demo.whl'), /is no name of a wheel/],
    [buildOf('demo-1.0.tar.gz'), /it would be built/],
  ];
  for (const [build, reason] of reasons) {
    const found = await given.source.get(build);
    assert.ok('reason' in found, `${reason}`);
    assert.match(found.reason, reason);
  }
  const named = await given.source.get(buildOf('demo-1.0-py3-none-any.whl', { hash: sha256(bytes) }));
  assert.ok('wheel' in named);
});
