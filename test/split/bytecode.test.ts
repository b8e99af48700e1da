import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { temporaryDirectory } from '../../src/host/files.ts';
import type { TarLine } from '../verify/tar.ts';
import { bytecode, distribution, LARGE, MTIME, SITE, splitAlike, withDirectories } from './samples.ts';

let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
before(async () => {
  temporary = await temporaryDirectory();
});
after(() => temporary[Symbol.asyncDispose]());
const fresh = () => mkdtemp(join(temporary.path, 'split-'));

const BIG = distribution('big', '1.0', { 'big/data.bin': LARGE });
/** When the solve wrote its files. */
const THEN = 1_750_000_000;
const SOURCE = 'print(1)\n';
const CACHE = 'app/__pycache__/mod.cpython-311.pyc';

async function timesOf(
  added: readonly TarLine[],
  below: readonly TarLine[] = [],
  paths: readonly string[] = ['app/mod.py', CACHE],
) {
  const { tree } = await splitAlike(
    [withDirectories(below)],
    [withDirectories([...BIG, ...added])],
    await fresh(),
  );
  return paths.map((path) => {
    const entry = tree.entries.get(path);
    return path.endsWith('.pyc') ? entry?.bytecode?.source?.mtime : entry?.mtime;
  });
}

const source = (rest: Partial<TarLine> = {}): TarLine => ({
  path: 'app/mod.py',
  content: SOURCE,
  mtime: THEN,
  ...rest,
});
const cache = (mtime: number, size = SOURCE.length, rest: Partial<TarLine> = {}): TarLine => ({
  ...{ path: CACHE, content: bytecode(mtime, size), mtime: THEN },
  ...rest,
});

test('bytecode that fits its source goes on fitting, at the pinned time', async () => {
  assert.deepEqual(await timesOf([source(), cache(THEN)]), [MTIME, MTIME]);
});

test('what does not fit does not begin to', async () => {
  // The source was changed afterwards, by one of the same length.
  assert.deepEqual(await timesOf([source(), cache(THEN - 100)]), [MTIME, THEN - 100]);
  // The bytecode was made for a source of the pinned time.
  assert.deepEqual(await timesOf([source(), cache(MTIME)]), [THEN, MTIME]);
  assert.deepEqual(await timesOf([source(), cache(THEN, SOURCE.length + 1)]), [MTIME, THEN]);
});

test('a source whose bytecode is in the image below keeps its time: it may be bytecode of the pinned time', async () => {
  assert.deepEqual(
    await timesOf([source()], [source({ mtime: MTIME, content: 'print(0)\n' }), cache(MTIME)]),
    [THEN, MTIME],
  );
});

test('bytecode of a source that is in the image below stays as it is', async () => {
  assert.deepEqual(await timesOf([cache(1234)], [source({ mtime: 1234 })]), [1234, 1234]);
});

test('a source keeps its time for bytecode of a Python before 3.7, of another one, and for the caches of numba', async () => {
  const old = bytecode(THEN, SOURCE.length);
  old.writeUInt16LE(3379, 0);
  const paths = ['app/mod.py'];
  assert.deepEqual(
    await timesOf([source(), { path: 'app/__pycache__/mod.cpython-36.pyc', content: old }], [], paths),
    [THEN],
  );
  assert.deepEqual(
    await timesOf([source(), { path: 'app/__pycache__/mod.f-12.py311.nbi', content: 'stamp' }], [], paths),
    [THEN],
  );
  // That of another module whose name begins alike is no reason.
  assert.deepEqual(
    await timesOf([source(), { path: 'app/__pycache__/module.f-12.py311.nbi', content: 'stamp' }], [], paths),
    [MTIME],
  );
  assert.deepEqual(
    await timesOf(
      [source(), { path: 'var/pycache/app/mod.cpython-311.pyc', content: bytecode(THEN, 9) }],
      [],
      paths,
    ),
    [THEN],
  );
});

test('a source that a link leads to keeps its time where the link has bytecode', async () => {
  const link: TarLine = { path: 'app/ln.py', type: 'symlink', link: 'mod.py' };
  const linked = cache(THEN, SOURCE.length, { path: 'app/__pycache__/ln.cpython-311.pyc' });
  assert.deepEqual(await timesOf([source(), link, linked], [], ['app/mod.py', linked.path]), [THEN, THEN]);
});

test('bytecode by hash stays, alone in the place of a source it gets the pinned time', async () => {
  const hashed = { ...cache(0), content: bytecode(0x1234, 0x5678, 1, 3) };
  const { tree } = await splitAlike([], [withDirectories([...BIG, source(), hashed])], await fresh());
  assert.equal(tree.entries.get(CACHE)?.bytecode?.validity, 'checked');
  assert.equal(tree.entries.get('app/mod.py')?.mtime, MTIME);
  assert.deepEqual(
    await timesOf([{ path: 'app/only.pyc', content: bytecode(THEN, 9) }], [], ['app/only.pyc']),
    [MTIME],
  );
});

test('times stay where something compares them', async () => {
  const lines: readonly TarLine[] = [
    { path: 'src/Makefile', content: 'all:' },
    { path: 'src/lib/a.o', content: 'o' },
    { path: 'other/a.o', content: 'o' },
    { path: 'usr/lib/jvm/java/lib/server/classes.jsa', content: 'j' },
    { path: 'usr/lib/jvm/java/lib/modules', content: 'j' },
  ].map((line) => ({ ...line, mtime: THEN }));
  assert.deepEqual(await timesOf(lines, [], ['src/lib/a.o', 'other/a.o', 'usr/lib/jvm/java/lib/modules']), [
    THEN,
    MTIME,
    THEN,
  ]);
  // A distribution that brings a Makefile along is as it is anywhere.
  const inside = distribution('made', '1.0', { 'made/Makefile': 'all:', 'made/a.c': 'c' });
  assert.deepEqual(await timesOf(inside, [], [`${SITE}/made/a.c`]), [MTIME]);
});
