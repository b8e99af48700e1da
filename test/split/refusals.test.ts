import assert from 'node:assert/strict';
import { mkdtemp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { temporaryDirectory } from '../../src/host/files.ts';
import { MEDIA } from '../../src/image/oci.ts';
import { isWorthSplitting } from '../../src/split/worth.ts';
import type { TarLine } from '../verify/tar.ts';
import {
  distribution,
  indexOfLayers,
  LARGE,
  type Layers,
  pathsIn,
  reasonOf,
  SITE,
  split,
  splitAlike,
  withDirectories,
} from './samples.ts';

let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
before(async () => {
  temporary = await temporaryDirectory();
});
after(() => temporary[Symbol.asyncDispose]());
const fresh = () => mkdtemp(join(temporary.path, 'split-'));

const BIG = distribution('big', '1.0', { 'big/data.bin': LARGE });

/** The reason; nothing may be left behind. */
async function refused(added: readonly TarLine[], below: readonly TarLine[] = []): Promise<string> {
  const directory = await fresh();
  const reason = await reasonOf([below], [withDirectories([...BIG, ...added])], directory);
  assert.deepEqual(await readdir(directory), []);
  return reason;
}

test('what our layers cannot hold is left as it is', async () => {
  const xattrs = { 'security.capability': Buffer.from([1, 0, 0, 2]) };
  assert.equal(
    await refused([{ path: 'bin/ping', content: 'x', xattrs }]),
    '/bin/ping has extended attributes',
  );
  assert.equal(await refused([{ path: 'run/pipe', type: 'fifo' }]), '/run/pipe is a device or a pipe');
  assert.equal(
    await refused([{ path: 'dev/null', type: 'character', device: [1, 3] }]),
    '/dev/null is a device or a pipe',
  );
  assert.equal(
    await refused([{ path: 'b', type: 'hardlink', link: 'a' }], [{ path: 'a', content: 'x' }]),
    '/b is a hard link to /a, which was there before',
  );
  // As bytes that are no UTF-8 are kept, too.
  assert.match(
    await refused([{ path: 'odd\u{10ffe9}', content: 'x' }]),
    /has a name that is no proper UTF-8$/,
  );
  assert.match(await refused([{ path: '.wh.odd\u{10ffe9}' }], [{ path: 'odd\u{10ffe9}' }]), /proper UTF-8$/);
  assert.equal(await refused([{ path: '', type: 'directory', mode: 0o700 }]), '/ would not be what it is');
  assert.equal(
    await refused([
      { path: 'big2', content: '' },
      { path: 'etc/ln', type: 'symlink', link: '/srv' },
      { path: 'etc/ln/through', content: 'x' },
    ]),
    '/srv would not be what it is',
  );
});

test('what is covered again is no reason', async () => {
  const first = [
    ...BIG,
    { path: 'pipe', type: 'fifo' as const },
    { path: 'd', type: 'directory' as const, xattrs: { 'user.a': Buffer.from('b') } },
  ];
  const { layers } = await splitAlike(
    [],
    [withDirectories(first), [{ path: '.wh.pipe' }, { path: '.wh.d' }]],
    await fresh(),
  );
  assert.equal(layers.length, 1);
});

test('hard links within a layer stay such, between layers they become files', async () => {
  const lines = withDirectories([
    ...distribution('linked', '1.0', { 'linked/a.bin': LARGE }),
    { path: `${SITE}/linked/b.bin`, type: 'hardlink', link: `${SITE}/linked/a.bin` },
    { path: 'srv/one', content: 'x' },
    { path: 'srv/two', type: 'hardlink', link: 'srv/one' },
    { path: 'root/.cache/uv/a.bin', type: 'hardlink', link: `${SITE}/linked/a.bin` },
  ]);
  const result = await splitAlike([], [lines], await fresh());
  assert.deepEqual(
    result.layers.flatMap(({ made }) =>
      made.entries.filter(({ type }) => type === 'hardlink').map(({ path, link }) => [path, link]),
    ),
    [[`srv/two`, 'srv/one']],
  );
  assert.deepEqual(pathsIn(result, 'logs and caches of RUN install'), ['root/.cache/uv/a.bin']);
});

test('an installer cache that shares its files by hard links is a reason, with a hint', async () => {
  const lines = withDirectories([
    ...distribution('linked', '1.0', { 'linked/a.bin': Buffer.alloc(65 * 1024 * 1024) }),
    { path: 'root/.cache/uv/a.bin', type: 'hardlink', link: `${SITE}/linked/a.bin` },
  ]);
  const directory = await fresh();
  const result = await split([], [lines], directory);
  assert.ok('reason' in result);
  assert.match(result.reason, /^68 MB of it are hard links between an installer's cache/);
  assert.match(result.hint ?? '', /UV_NO_CACHE=1/);
  assert.deepEqual(await readdir(directory), []);
});

test('a layer that is not what its digest says is no layer', async () => {
  const directory = await fresh();
  const digest = `sha256:${'0'.repeat(64)}`;
  const descriptor = { mediaType: MEDIA.layer, digest, size: 1024 };
  async function* zeros(): AsyncGenerator<Uint8Array> {
    yield Buffer.alloc(1024);
  }
  await assert.rejects(split([], [BIG], directory, { layers: [{ descriptor, open: async () => zeros() }] }), {
    code: 'BLOB_CORRUPT',
  });
  assert.deepEqual(await readdir(directory), []);
});

test('an abort ends it and leaves nothing', async () => {
  const directory = await fresh();
  await assert.rejects(split([], [BIG], directory, { signal: AbortSignal.abort() }), { code: 'INTERRUPTED' });
  assert.deepEqual(await readdir(directory), []);
});

test('what is worth it: distributions, and more than 1 MiB of them', async () => {
  const reason = async (below: Layers, added: Layers) => {
    const lower = await indexOfLayers(below);
    return isWorthSplitting(lower, await indexOfLayers(added, lower))?.reason;
  };
  const small = distribution('small', '1.0', { 'small/a.py': 'a' });
  const beside = withDirectories([{ path: 'srv/data', content: LARGE }]);
  assert.equal(await reason([], [BIG]), undefined);
  assert.equal(await reason([], [small]), 'what it installs is too small to be worth it');
  assert.equal(await reason([], [small, beside]), 'what it installs is too small to be worth it');
  assert.match((await reason([], [beside])) ?? '', /^it installs no distribution/);
  // What was there before does not count, nor what an installer keeps in its cache.
  assert.match((await reason([BIG], [small])) ?? '', /too small/);
  const cached = distribution('cached', '1.0', { 'a.bin': LARGE }, 'root/.cache/uv/archive-v0/x');
  assert.match((await reason([], [cached])) ?? '', /no distribution/);
});
