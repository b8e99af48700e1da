import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { MEDIA } from '../../src/image/oci.ts';
import type { PathEntry } from '../../src/image/path-entry.ts';
import type { MadeLayer } from '../../src/layers/layer.ts';
import { sortedByPath } from '../../src/layers/layer-directories.ts';
import { tarEntryHeader } from '../../src/layers/tar-entry.ts';
import { type LayerEntry, writeLayer } from '../../src/layers/write-layer.ts';

let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
before(async () => {
  temporary = await temporaryDirectory();
});
after(() => temporary[Symbol.asyncDispose]());

const MTIME = 1_234_567_890;

function entry(path: string, rest: Partial<PathEntry> = {}): PathEntry {
  return { path, type: 'file', mode: 0o644, uid: 0, gid: 0, size: 0, link: '', ...rest };
}

function file(path: string, text: string, rest: Partial<PathEntry> = {}): LayerEntry {
  const content = Buffer.from(text);
  return { entry: entry(path, { size: content.length, ...rest }), content };
}

function write(
  entries: readonly LayerEntry[],
  compression: 'zstd' | 'gzip' = 'zstd',
  directory = temporary.path,
): Promise<MadeLayer> {
  return writeLayer(entries, { directory, compression, mtime: MTIME });
}

async function tarOf(layer: MadeLayer): Promise<Buffer> {
  const blob = await readFile(layer.file);
  return layer.descriptor.mediaType === MEDIA.layerGzip ? gunzipSync(blob) : zstdDecompressSync(blob);
}

const TREE: readonly LayerEntry[] = [
  { entry: entry('opt', { type: 'directory', mode: 0o2775, gid: 50 }) },
  file('opt/a file', 'text', { mode: 0o4755, uid: 1000, gid: 5_000_000 }),
  file('opt/.wh.gone', ''),
  { entry: entry(`opt/${'long/'.repeat(60)}name`, { type: 'symlink', mode: 0o777, link: '../ä' }) },
  { entry: entry('opt/other', { type: 'hardlink', link: 'opt/a file' }) },
  file('opt/ünïcode-\u{1f40d}', 'x'.repeat(600_000)),
];

test('another program reads what was written: types, modes, owners, times, links, names', async () => {
  const layer = await write(TREE);
  const listed = await run(
    ['tar', '--zstd', '--full-time', '--numeric-owner', '--quoting-style=literal', '-tvf', layer.file],
    { env: { PATH: process.env.PATH, TZ: 'UTC', LC_ALL: 'C.UTF-8' } },
  );
  assert.equal(listed.exitCode, 0, listed.stderr);
  const day = '2009-02-13 23:31:30';
  assert.deepEqual(
    listed.stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.replaceAll(/ +/g, ' ')),
    [
      `drwxrwsr-x 0/50 0 ${day} opt/`,
      `-rwsr-xr-x 1000/5000000 4 ${day} opt/a file`,
      `-rw-r--r-- 0/0 0 ${day} opt/.wh.gone`,
      `lrwxrwxrwx 0/0 0 ${day} opt/${'long/'.repeat(60)}name -> ../ä`,
      `hrw-r--r-- 0/0 0 ${day} opt/other link to opt/a file`,
      `-rw-r--r-- 0/0 600000 ${day} opt/ünïcode-\u{1f40d}`,
    ],
  );
});

test('descriptor, diff ID and sizes are those of the bytes, in both compressions', async () => {
  for (const compression of ['zstd', 'gzip'] as const) {
    const layer = await write(TREE, compression);
    const blob = await readFile(layer.file);
    const tar = await tarOf(layer);
    assert.deepEqual(layer.descriptor, {
      mediaType: compression === 'zstd' ? MEDIA.layerZstd : MEDIA.layerGzip,
      digest: `sha256:${createHash('sha256').update(blob).digest('hex')}`,
      size: blob.length,
    });
    assert.equal(layer.diffId, `sha256:${createHash('sha256').update(tar).digest('hex')}`);
    assert.equal(layer.tarBytes, tar.length);
    assert.deepEqual(
      layer.entries,
      TREE.map((one) => one.entry),
    );
  }
});

test('an archive ends with two blocks of zeros and has nothing of this machine in its headers', async () => {
  const tar = await tarOf(await write([file('a', 'b')]));
  assert.equal(tar.length, 4 * 512);
  assert.ok(tar.subarray(1024).every((byte) => byte === 0));
  assert.ok(
    tar.subarray(265, 345).every((byte) => byte === 0),
    'names of owners, device numbers',
  );
});

test('the same entries give the same bytes: in pieces of any size, in any directory, with any umask and time zone', async () => {
  const text = Buffer.from('0123456789'.repeat(100_000));
  const cut = (size: number) =>
    (async function* () {
      for (let at = 0; at < text.length; at += size) yield text.subarray(at, at + size);
    })();
  const large = entry('large', { size: text.length });
  const other = join(temporary.path, 'a directory with another, much longer name');
  await mkdir(other);
  const before = process.umask(0o077);
  process.env.TZ = 'Pacific/Kiritimati';
  try {
    const layers = [
      await write([...TREE, { entry: large, content: text }]),
      await write([...TREE, { entry: large, content: cut(97) }], 'zstd', other),
      await write([...TREE, { entry: large, content: cut(70_001) }]),
      await write([...TREE, { entry: large, content: cut(900_000) }], 'zstd', other),
    ];
    assert.equal(new Set(layers.map(({ diffId }) => diffId)).size, 1);
    assert.equal(new Set(layers.map(({ descriptor }) => descriptor.digest)).size, 1);
  } finally {
    process.umask(before);
    delete process.env.TZ;
  }
});

test('a content that is not as long as its entry says is our bug, and no file stays', async () => {
  const directory = join(temporary.path, 'empty');
  await mkdir(directory);
  for (const content of ['12', '1234'])
    await assert.rejects(
      write([{ entry: entry('f', { size: 3 }), content: Buffer.from(content) }], 'zstd', directory),
      /f: \d bytes of content, but its entry says 3/,
    );
  const broken = (async function* () {
    yield Buffer.from('ab');
    throw new Error('the source is gone');
  })();
  await assert.rejects(
    write([{ entry: entry('f', { size: 3 }), content: broken }], 'gzip', directory),
    /the source is gone/,
  );
  assert.deepEqual(await readdir(directory), []);
});

test('an abort stops it, and no file stays', async () => {
  const aborting = new AbortController();
  aborting.abort();
  const directory = join(temporary.path, 'aborted');
  await mkdir(directory);
  await assert.rejects(
    writeLayer([file('f', 'content')], {
      ...{ directory, compression: 'zstd', mtime: MTIME, signal: aborting.signal },
    }),
    { code: 'INTERRUPTED', exit: 130 },
  );
  assert.deepEqual(await readdir(directory), []);
});

test('a directory that is not there is an error that names it', async () => {
  await assert.rejects(write([], 'zstd', join(temporary.path, 'none')), { code: 'FILE_UNUSABLE', exit: 2 });
});

test('devices, pipes and the root itself are no entries of ours', () => {
  for (const wrong of [entry('p', { type: 'fifo' }), entry('b', { type: 'block' }), entry('')])
    assert.throws(() => tarEntryHeader(wrong, 0));
});

test('entries are sorted by the bytes of their paths, directories before what is in them', () => {
  const paths = ['b', 'a/b', 'a', 'a-b', 'a.c', 'a/b/c', '\u{1f40d}', '\uffee', 'ä'];
  const expected = ['a', 'a-b', 'a.c', 'a/b', 'a/b/c', 'b', 'ä', '\uffee', '\u{1f40d}'];
  const sorted = (list: readonly string[]) =>
    sortedByPath(list.map((path) => ({ path }))).map(({ path }) => path);
  assert.deepEqual(sorted(paths), expected);
  assert.deepEqual(sorted(paths.toReversed()), expected);
});
