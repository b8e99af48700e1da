import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { type Compiler, compilerFor } from '../../src/layers/compiler.ts';
import { testHost } from '../support/host.ts';
import { diffIds, distribution, LARGE, SITE, splitAlike, withDirectories } from './samples.ts';

let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
let python: Compiler;
before(async () => {
  temporary = await temporaryDirectory();
  const found = await compilerFor(testHost(), '3.11.2', '/nowhere');
  assert.ok(found, 'these tests need a Python 3.11');
  python = found;
});
after(() => temporary[Symbol.asyncDispose]());

const THEN = 1_750_000_000;
const SOURCE = `"""A module."""\nNAMES = ('one', 'two', 'two', 1.5, (1, 2), (1, 2))\ndef f(one, two=(1, 2)):\n    return one, 'two', 1.5\n`;

/** Bytecode as a Python writes it for that path. @param version of marshal: 2 shares nothing, 4 is the usual one */
async function compiled(text: string, path: string, version: number): Promise<Buffer> {
  const code = [
    'import marshal, sys, importlib.util as u, struct',
    `code = marshal.dumps(compile(${JSON.stringify(text)}, ${JSON.stringify(path)}, 'exec', optimize=0), ${version})`,
    `head = u.MAGIC_NUMBER + struct.pack('<III', 0, ${THEN}, ${Buffer.byteLength(SOURCE)})`,
    'print((head + code).hex())',
  ].join('\n');
  const { exitCode, stdout, stderr } = await run([python.program, '-I', '-c', code]);
  assert.equal(exitCode, 0, stderr);
  return Buffer.from(stdout.trim(), 'hex');
}

/** A split of a distribution with that bytecode. */
async function splitWith(pyc: Buffer, compiler: Compiler | undefined) {
  const lines = distribution('mods', '1.0', {
    'mods/a.py': SOURCE,
    'mods/__pycache__/a.cpython-311.pyc': pyc,
    'mods/large.bin': LARGE,
  }).map((line) => ({ ...line, mtime: THEN }));
  const asked: string[] = [];
  const result = await splitAlike([], [withDirectories(lines)], await mkdtemp(join(temporary.path, 's-')), {
    compilerFor: async (minor) => {
      asked.push(minor);
      return compiler;
    },
  });
  assert.deepEqual(asked, ['3.11']);
  const entry = result.tree.entries.get(PYC);
  assert.equal(entry?.bytecode?.source?.mtime, 315_532_800);
  return { diffId: diffIds(result).get('mods 1.0'), code: entry?.bytecode?.code };
}

const PLACE = `/${SITE}/mods/a.py`;
const PYC = `${SITE}/mods/__pycache__/a.cpython-311.pyc`;

test('bytecode that shares its constants in another way becomes the same', async () => {
  const [usual, unshared] = [await compiled(SOURCE, PLACE, 4), await compiled(SOURCE, PLACE, 2)];
  assert.notDeepEqual(usual, unshared);
  const expected = await splitWith(usual, python);
  assert.deepEqual(await splitWith(unshared, python), expected);
  // Without a Python it stays what it is, and is right all the same.
  const kept = await splitWith(unshared, undefined);
  assert.notEqual(kept.code, expected.code);
});

test('bytecode of another code than the source stays: what runs is not changed', async () => {
  const other = await compiled(SOURCE.replace('1.5', '2.5'), PLACE, 4);
  assert.deepEqual(await splitWith(other, python), await splitWith(other, undefined));
  // So does that of an optimising Python, whose file has the usual name.
  const bare = await compiled(SOURCE.replace('"""A module."""', ''), PLACE, 4);
  assert.deepEqual(await splitWith(bare, python), await splitWith(bare, undefined));
});

test('bytecode of a Python that is not known stays', async () => {
  const odd = await compiled(SOURCE, PLACE, 4);
  odd.writeUInt16LE(3494, 0);
  assert.deepEqual(await splitWith(odd, python), await splitWith(odd, undefined));
});
