import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { treeOfLayers } from '../../src/verify/read-tree.ts';
import type { Tree } from '../../src/verify/tree.ts';
import { digestOf, inPieces, layersOf, treeOf } from './sample.ts';
import { type TarLine, tarOf } from './tar.ts';

/** Paths with their types, without the root. */
function paths(tree: Tree): readonly string[] {
  return [...tree.entries.values()]
    .slice(1)
    .map(({ path, type }) => (type === 'directory' ? `${path}/` : path));
}

const LOWER: readonly TarLine[] = [
  { path: 'a', type: 'directory', mode: 0o700, uid: 7 },
  { path: 'a/one', content: '1' },
  { path: 'a/two', content: '2' },
  { path: 'a/deep', type: 'directory' },
  { path: 'a/deep/three', content: '3' },
  { path: 'link', type: 'symlink', link: 'a' },
];

test('a later layer adds to directories and replaces files', async () => {
  const tree = await treeOf(LOWER, [{ path: 'a/two', content: 'zwei' }, { path: 'a/four' }]);
  assert.deepEqual(paths(tree), ['a/', 'a/deep/', 'a/deep/three', 'a/four', 'a/one', 'a/two', 'link']);
  assert.equal(tree.entries.get('a/two')?.size, 4);
  assert.equal(tree.entries.get('a/two')?.layer, 1);
  // Nothing says anything new of the directory.
  assert.deepEqual(
    [tree.entries.get('a')?.mode, tree.entries.get('a')?.uid, tree.entries.get('a')?.layer],
    [0o700, 7, 0],
  );
});

test("a directory's own entry alters it and keeps what is in it", async () => {
  const tree = await treeOf(LOWER, [{ path: 'a', type: 'directory', mode: 0o755 }]);
  assert.deepEqual(paths(tree), paths(await treeOf(LOWER)));
  assert.deepEqual([tree.entries.get('a')?.mode, tree.entries.get('a')?.uid], [0o755, 0]);
});

test('a file in place of a directory takes all of it away', async () => {
  assert.deepEqual(paths(await treeOf(LOWER, [{ path: 'a', content: '' }])), ['a', 'link']);
});

test('a path below a symbolic link makes a directory of the link', async () => {
  const tree = await treeOf(LOWER, [{ path: 'link/x', content: '' }]);
  assert.deepEqual(paths(tree).slice(-2), ['link/', 'link/x']);
  assert.ok(!tree.entries.has('a/x'));
});

test('a whiteout takes away a file or a whole directory of lower layers', async () => {
  assert.deepEqual(paths(await treeOf(LOWER, [{ path: 'a/.wh.one' }])), [
    'a/',
    'a/deep/',
    'a/deep/three',
    'a/two',
    'link',
  ]);
  assert.deepEqual(paths(await treeOf(LOWER, [{ path: '.wh.a' }])), ['link']);
});

test('a whiteout leaves what its own layer has, wherever in it the whiteout stands', async () => {
  const added = { path: 'a/deep/new', content: '' };
  for (const layer of [
    [added, { path: '.wh.a' }],
    [{ path: '.wh.a' }, added],
  ]) {
    const tree = await treeOf(LOWER, layer);
    assert.deepEqual(paths(tree), ['a/', 'a/deep/', 'a/deep/new', 'link']);
    assert.deepEqual(
      [tree.entries.get('a')?.mode, tree.entries.get('a')?.uid],
      [0o755, 0],
      'it is a new directory',
    );
  }
});

test('an opaque directory shows only what its layer and those above it have', async () => {
  const opaque = [{ path: 'a/.wh..wh..opq' }, { path: 'a/new', content: '' }];
  assert.deepEqual(paths(await treeOf(LOWER, opaque, [{ path: 'a/newer' }])), [
    'a/',
    'a/new',
    'a/newer',
    'link',
  ]);
  assert.equal((await treeOf(LOWER, opaque)).entries.get('a')?.mode, 0o700);
});

test("a whiteout of what is not there, and a storage driver's notes, do nothing", async () => {
  const notes = [
    { path: 'no/.wh.thing' },
    { path: 'a/.wh.thing' },
    { path: '.wh..wh.plnk', type: 'directory' },
  ] as const;
  assert.deepEqual(paths(await treeOf(LOWER, notes)), paths(await treeOf(LOWER)));
});

test('a hard link leads to a file of its own or a lower layer, and to nothing else', async () => {
  const tree = await treeOf(LOWER, [{ path: 'hard', type: 'hardlink', link: 'a/one' }]);
  const [file, hard] = [tree.entries.get('a/one'), tree.entries.get('hard')];
  assert.deepEqual([hard?.type, hard?.sha256, hard?.layer], ['file', file?.sha256, 1]);
  for (const link of ['a/none', 'a'])
    await assert.rejects(treeOf(LOWER, [{ path: 'hard', type: 'hardlink', link }]), {
      code: 'LAYER_UNREADABLE',
    });
});

test('layers on a tree are the same as all layers at once, and the tree below stays as it was', async () => {
  const upper = [{ path: 'a/.wh.one' }, { path: 'b', content: 'b' }];
  const below = await treeOf(LOWER);
  const before = structuredClone([...below.entries]);
  const tree = await treeOfLayers(layersOf(upper), below);
  assert.deepEqual(tree, await treeOf(LOWER, upper));
  assert.deepEqual([...below.entries], before);
});

test('plain, gzip and zstd layers are read, and each diffID is that of the archive', async () => {
  const archive = tarOf(LOWER);
  const kinds = {
    'application/vnd.oci.image.layer.v1.tar': archive,
    'application/vnd.oci.image.layer.v1.tar+zstd': zstdCompressSync(archive),
  };
  for (const [mediaType, bytes] of Object.entries(kinds)) {
    const tree = await treeOfLayers([{ mediaType, open: async () => inPieces(bytes) }]);
    assert.deepEqual(tree.layers, [{ diffId: digestOf(archive), tarBytes: archive.length, hazards: [] }]);
    assert.deepEqual(paths(tree), paths(await treeOf(LOWER)));
  }
});

test('a layer cut short, and what is no layer, are refused', async () => {
  const read = (mediaType: string, bytes: Buffer) =>
    treeOfLayers([{ mediaType, open: async () => inPieces(bytes) }]);
  const archive = tarOf(LOWER);
  for (const [mediaType, bytes] of [
    ['application/vnd.docker.image.rootfs.diff.tar.gzip', gzipSync(archive).subarray(0, 40)],
    ['application/vnd.oci.image.layer.v1.tar+zstd', zstdCompressSync(archive).subarray(0, 40)],
    ['application/vnd.oci.image.layer.v1.tar', archive.subarray(0, 700)],
    ['application/json', archive],
  ] as const)
    await assert.rejects(read(mediaType, bytes), { code: 'LAYER_UNREADABLE', exit: 1 }, mediaType);
});

test('what the source of a layer throws comes through', async () => {
  const failing = async function* () {
    yield tarOf(LOWER).subarray(0, 600);
    throw new Error('the line is dead');
  };
  await assert.rejects(
    treeOfLayers([{ mediaType: 'application/vnd.oci.image.layer.v1.tar', open: async () => failing() }]),
    /the line is dead/,
  );
});

test('what runtimes read differently is found: in one layer removed and written, removed and not there, a directory without entry', async () => {
  const directory = { path: 'a', type: 'directory' } as const;
  const hazards = async (...layer: TarLine[]) =>
    (await treeOf(LOWER, layer)).layers
      .at(-1)
      ?.hazards.map(({ path, what }) => `${path} ${what.split(':')[0]}`);
  assert.deepEqual(await hazards(directory, { path: 'a/.wh.one' }, { path: 'a/new' }), []);
  assert.deepEqual(await hazards(directory, { path: 'a/.wh..wh..opq' }, { path: 'a/one' }), []);
  assert.deepEqual(await hazards({ path: 'a/.wh..wh.note' }), []);
  const both = ['a/one is removed and written in one layer'];
  assert.deepEqual(await hazards(directory, { path: 'a/.wh.one' }, { path: 'a/one' }), both);
  assert.deepEqual(await hazards(directory, { path: 'a/one' }, { path: 'a/.wh.one' }), both);
  assert.deepEqual(await hazards(directory, { path: 'a/.wh.none' }), ['a/none is removed where nothing is']);
  const bare = 'is a directory without an entry in a layer that writes into it';
  assert.deepEqual(await hazards({ path: 'a/deep/new' }), [`a ${bare}`, `a/deep ${bare}`]);
  assert.deepEqual(await hazards({ path: 'a/.wh.one' }), [`a ${bare}`]);
});
