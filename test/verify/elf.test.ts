import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareTrees } from '../../src/verify/compare-trees.ts';
import { withoutDebugInformation } from '../../src/verify/elf.ts';
import { AT, library } from './library.ts';
import { treeOf } from './sample.ts';
import type { TarLine } from './tar.ts';

const END = 3 * 0x1000;
const PLACE_OF_SECTIONS = 0x28;

function changed(at: number, bytes = library()): Buffer {
  bytes[at] = (bytes[at] as number) ^ 1;
  return bytes;
}

test('a library that was compiled in another directory is the same without debug information and build id', () => {
  const here = withoutDebugInformation(library());
  assert.ok(here);
  assert.ok(!library().equals(library('elsewhere')));
  assert.equal(withoutDebugInformation(library('elsewhere')), here);
});

test('of all bytes that are loaded, only those of the build id and the place of the section headers do not count', () => {
  const here = withoutDebugInformation(library());
  const ignored = Array.from({ length: END }, (_, at) => at).filter(
    (at) => withoutDebugInformation(changed(at)) === here,
  );
  const buildId = Array.from({ length: 20 }, (_, index) => AT.buildId + index);
  assert.deepEqual(ignored, buildId);
  // Where they stand is not taken for granted: what they say is read.
  assert.equal(withoutDebugInformation(changed(PLACE_OF_SECTIONS)), undefined);
});

test('a changed comment, symbol or byte between sections is found', () => {
  const here = withoutDebugInformation(library());
  for (const at of [AT.comment, AT.symbols + 0x18])
    assert.notEqual(withoutDebugInformation(changed(at)), here, at.toString(16));
  assert.equal(withoutDebugInformation(changed(0x31ce)), undefined);
  assert.equal(withoutDebugInformation(Buffer.concat([library(), Buffer.from('more')])), undefined);
});

test('what is no such library, or is cut anywhere, is not read', () => {
  assert.equal(withoutDebugInformation(Buffer.from('\x7fELF')), undefined);
  assert.equal(withoutDebugInformation(Buffer.alloc(5_000)), undefined);
  const whole = library();
  for (let size = 0; size < whole.length; size += 7)
    assert.equal(withoutDebugInformation(whole.subarray(0, size)), undefined, String(size));
  const bigEndian = library();
  bigEndian[5] = 2;
  assert.equal(withoutDebugInformation(bigEndian), undefined);
});

const SITE = 'usr/local/lib/python3.11/site-packages';
const INFO = `${SITE}/fast-1.0.dist-info`;

/** An installed distribution with a library. */
function installed(content: Buffer, hash: string, { tag = 'linux_x86_64', place = 'fast' } = {}): TarLine[] {
  return [
    { path: `${SITE}/${place}/_fast.so`, content, mode: 0o755 },
    { path: `${INFO}/WHEEL`, content: `Wheel-Version: 1.0\nTag: cp311-cp311-${tag}\n` },
    { path: `${INFO}/RECORD`, content: `fast/_fast.so,sha256=${hash},14376\nfast-1.0.dist-info/RECORD,,\n` },
  ];
}

async function verdict(image: readonly TarLine[], plain: readonly TarLine[]) {
  const { differences, excused } = compareTrees(await treeOf(image), await treeOf(plain), {
    solveNoise: false,
    homes: [],
  });
  return { excused, differences: differences.map(({ kind, path }) => `${kind} ${path}`) };
}

test('two builds of a distribution from source may differ in it, and in its line of RECORD', async () => {
  const pair = [installed(library(), 'aaaa'), installed(library('elsewhere'), 'bbbb')] as const;
  assert.deepEqual(await verdict(...pair), {
    excused: { 'debug-information': 1, record: 1 },
    differences: [],
  });
});

test('a changed instruction or another mode is a difference', async () => {
  const content = `content /${SITE}/fast/_fast.so`;
  const record = `record /${INFO}/RECORD`;
  const code = installed(changed(AT.text, library('elsewhere')), 'bbbb');
  assert.deepEqual((await verdict(installed(library(), 'aaaa'), code)).differences, [record, content]);
  const [file, ...rest] = installed(library('elsewhere'), 'bbbb') as [TarLine, ...TarLine[]];
  const mode = await verdict(installed(library(), 'aaaa'), [{ ...file, mode: 0o644 }, ...rest]);
  assert.deepEqual(mode.differences, [`mode /${SITE}/fast/_fast.so`]);
});

test('libraries of wheels from an index, and those that no RECORD names, have to be the same byte by byte', async () => {
  for (const how of [{ tag: 'manylinux_2_17_x86_64' }, { place: 'slow' }]) {
    const both = [installed(library(), 'aaaa', how), installed(library('elsewhere'), 'bbbb', how)] as const;
    const { differences, excused } = await verdict(...both);
    assert.equal(excused['debug-information'], undefined);
    assert.ok(differences.includes(`content /${SITE}/${how.place ?? 'fast'}/_fast.so`), differences.join());
  }
  const mixed = await verdict(
    installed(library(), 'aaaa'),
    installed(library('elsewhere'), 'bbbb', { tag: 'manylinux_2_17_x86_64' }),
  );
  assert.ok(mixed.differences.includes(`content /${SITE}/fast/_fast.so`));
});
