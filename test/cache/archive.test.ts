import assert from 'node:assert/strict';
import {
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import {
  type ArchiveEntry,
  decodeBlock,
  decodePax,
  encodeHeader,
  toEntry,
} from '../../src/cache/archive-header.ts';
import { finishDirectories, unpackArchive } from '../../src/cache/archive-read.ts';
import { archiveOf } from '../../src/cache/archive-write.ts';
import { compressed, decompressed } from '../../src/cache/archive-zstd.ts';
import { run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { seededNumbers } from '../support/random.ts';
import { listing, nastyTree, randomTree } from './tree.ts';

const isRoot = process.getuid?.() === 0;

async function scratch(t: TestContext): Promise<(name: string) => Promise<string>> {
  const directory = await temporaryDirectory('lw-archive-');
  t.after(async () => {
    await run(['chmod', '-R', 'u+rwx', directory.path]);
    await directory[Symbol.asyncDispose]();
  });
  return async (name) => {
    const path = join(directory.path, name);
    await mkdir(path);
    return path;
  };
}

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const copies: Buffer[] = [];
  for await (const chunk of chunks) copies.push(Buffer.from(chunk));
  return Buffer.concat(copies);
}

/** Bytes in pieces of one size, so that headers and contents are cut anywhere. */
async function* pieces(content: Buffer, size = 64 * 1024): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
}

async function unpack(archive: Buffer, into: string, size?: number): Promise<number> {
  const { files, directories } = await unpackArchive(pieces(archive, size), into, isRoot);
  await finishDirectories(into, directories, isRoot);
  return files;
}

async function tar(...args: string[]): Promise<void> {
  const { exitCode, stderr } = await run(['tar', ...args]);
  assert.equal(exitCode, 0, stderr);
}

test('a nasty tree comes back as it was, also in pieces of any size', async (t) => {
  const directory = await scratch(t);
  const tree = await directory('tree');
  await nastyTree(tree);
  const expected = await listing(tree);
  assert.ok(expected.length > 60);
  const archive = await bytesOf(archiveOf(tree));
  for (const size of [64 * 1024, 997, 512]) {
    const out = await directory(`out-${size}`);
    await unpack(archive, out, size);
    assert.deepEqual(await listing(out), expected);
    assert.ok(archive.equals(await bytesOf(archiveOf(out))), 'its archive has the same bytes');
  }
});

test("the system's tar reads what we write, and we read what it writes", async (t) => {
  const directory = await scratch(t);
  const trees = ['nasty', '1', '2', '3', '4'];
  for (const name of trees) {
    const tree = await directory(name);
    if (name === 'nasty') await nastyTree(tree);
    else await randomTree(tree, Number(name));
    const expected = await listing(tree);

    const ours = join(tree, '..', `${name}.ours.tar`);
    await writeFile(ours, await bytesOf(archiveOf(tree)));
    const theirs = await directory(`${name}-theirs`);
    await tar('-xpf', ours, '-C', theirs);
    assert.deepEqual(await listing(theirs), expected);

    const posix = join(tree, '..', `${name}.posix.tar`);
    await tar('--format=posix', '--hard-dereference', '-cf', posix, '-C', tree, '.');
    const back = await directory(`${name}-back`);
    await unpack(await readFile(posix), back);
    assert.deepEqual(await listing(back), expected);
  }
});

test('the same tree gives the same bytes, whatever the order in which it was made', async (t) => {
  const directory = await scratch(t);
  const [one, two] = [await directory('one'), await directory('two')];
  const names = ['b', 'a', 'B', 'ab', 'a.b', 'a-b', 'ä'];
  for (const [tree, order] of [
    [one, names],
    [two, names.toReversed()],
  ] as const)
    for (const name of order) {
      await mkdir(join(tree, name));
      await writeFile(join(tree, name, 'f'), name);
    }
  const times = async (tree: string) => {
    for (const name of names) {
      await utimes(join(tree, name, 'f'), 1, 1);
      await utimes(join(tree, name), 2, 2);
    }
  };
  await times(one);
  await times(two);
  const first = await bytesOf(archiveOf(one));
  assert.ok(first.equals(await bytesOf(archiveOf(two))));
  await utimes(join(two, 'a', 'f'), 1, 1.0000015);
  assert.ok(!first.equals(await bytesOf(archiveOf(two))), 'a time of last change counts');
});

test('hard links become files; sockets and pipes are left out and counted', async (t) => {
  const directory = await scratch(t);
  const tree = await directory('tree');
  await writeFile(join(tree, 'a'), 'linked');
  await link(join(tree, 'a'), join(tree, 'b'));
  await run(['mkfifo', join(tree, 'pipe')]);
  const server = createServer().listen(join(tree, 'socket'));
  t.after(() => server.close());
  await new Promise((ready) => server.once('listening', ready));
  await mkdir(join(tree, '.layerwright-restore-left'));
  const tally = { files: 0, skipped: 0 };
  const archive = await bytesOf(archiveOf(tree, tally));
  assert.deepEqual(tally, { files: 2, skipped: 2 });
  const out = await directory('out');
  assert.equal(await unpack(archive, out), 2);
  assert.deepEqual((await readdir(out)).sort(), ['a', 'b'], 'nor what a killed restore left');
});

test('a file that shrinks while it is read is told, and never padded', async (t) => {
  const directory = await scratch(t);
  const tree = await directory('tree');
  await writeFile(join(tree, 'a'), Buffer.alloc(3_000_000));
  const archive = archiveOf(tree);
  await archive.next();
  await truncate(join(tree, 'a'), 1_000_000);
  await assert.rejects(bytesOf(archive), { code: 'DIRECTORY_CHANGED' });
  await rename(join(tree, 'a'), join(tree, 'b'));
  await symlink('b', join(tree, 'a'));
  await bytesOf(archiveOf(tree));
});

const entry = (changes: Partial<ArchiveEntry>): ArchiveEntry => ({
  ...{ path: 'f', type: 'file', mode: 0o644, uid: 0, gid: 0, mtimeUs: 0, size: 0, link: '' },
  ...changes,
});

test('numbers that a plain header cannot hold come back from a PAX header', () => {
  const next = seededNumbers(7);
  const extremes = [0, 1, 0o7777777, 0o10000000, 4_294_967_294];
  const sizes = [0, 511, 8 ** 11 - 1, 8 ** 11, 20 * 2 ** 40];
  const times = [0, 1, -1, -1_500_000, 1_700_000_000_123_457, (8 ** 11 - 1) * 1e6, 8 ** 11 * 1e6];
  for (let round = 0; round < 200; round++) {
    const pick = <T>(list: readonly T[]) => list[next(list.length)] as T;
    const written = entry({
      path: pick(['f', 'ä', 'x'.repeat(99), 'x'.repeat(100), `${'x/'.repeat(400)}y`, '= 12\n']),
      mode: next(0o10000),
      uid: pick(extremes),
      gid: pick(extremes),
      mtimeUs: pick(times),
      size: pick(sizes),
    });
    const block = encodeHeader(written);
    const first = decodeBlock(block.subarray(0, 512));
    assert.ok(first);
    const isPax = first.type === 'x';
    const pax = isPax ? decodePax(block.subarray(512, 512 + first.size)) : new Map<string, string>();
    const plain = decodeBlock(block.subarray(-512));
    assert.ok(plain);
    assert.deepEqual(toEntry(plain, pax), written);
  }
});

/** An archive of entries that our writer would never make. */
function archive(...entries: readonly (Partial<ArchiveEntry> | Buffer)[]): Buffer {
  const blocks = entries.map((one) =>
    Buffer.isBuffer(one) ? one : Buffer.concat([encodeHeader(entry(one)), Buffer.alloc(one.size ?? 0)]),
  );
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** A header with other bytes in one place and a checksum that matches. */
function forged(changes: Partial<ArchiveEntry>, offset: number, text: string): Buffer {
  const block = Buffer.from(encodeHeader(entry(changes)));
  block.write(text, offset, 'latin1');
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

test('an archive that would write outside, or holds what we never write, is corrupt', async (t) => {
  const directory = await scratch(t);
  const outside = await directory('outside');
  const refused: Record<string, Buffer> = {
    'a path upwards': archive({ path: '../evil' }),
    'a path upwards in the middle': archive({ path: 'd', type: 'directory' }, { path: 'd/../../evil' }),
    'an absolute path': archive({ path: '/evil' }),
    'an absolute path of a directory': archive({ path: '/evil', type: 'directory' }),
    'a file through a link': archive({ path: 'l', type: 'symlink', link: outside }, { path: 'l/evil' }),
    'a directory through a link': archive(
      { path: 'l', type: 'symlink', link: outside },
      { path: 'l/evil', type: 'directory' },
    ),
    'a file over a link': archive({ path: 'l', type: 'symlink', link: join(outside, 'evil') }, { path: 'l' }),
    'a directory over a link': archive(
      { path: 'l', type: 'symlink', link: outside },
      { path: 'l', type: 'directory' },
    ),
    'a file in no directory': archive({ path: 'd/f' }),
    'a file in a file': archive({ path: 'd' }, { path: 'd/f' }),
    'a file without a name': archive({ path: '' }),
    'a hard link': archive(forged({ path: 'h', link: '/etc/passwd' }, 156, '1')),
    'a device': archive(forged({ path: 'h' }, 156, '3')),
    'a pipe': archive(forged({ path: 'h' }, 156, '6')),
    'a global PAX header': archive(forged({ path: 'h' }, 156, 'g')),
    'a link that leads nowhere': archive({ path: 'l', type: 'symlink', link: '' }),
    'a wrong checksum': archive(Buffer.concat([encodeHeader(entry({})).fill('7', 100, 101)])),
    'another kind of header': archive(forged({ path: 'h' }, 257, 'other')),
    'numbers that are none': archive(forged({ path: 'h' }, 124, '99999999999')),
    'what is cut off': archive({ path: 'f', size: 512 }).subarray(0, 700),
    'no end': archive({ path: 'f' }).subarray(0, 512),
    nothing: Buffer.alloc(0),
    'something after the end': Buffer.concat([archive({ path: 'f' }), Buffer.from('x')]),
  };
  for (const [what, content] of Object.entries(refused)) {
    const into = await directory(what);
    await assert.rejects(unpack(content, into), { code: 'CACHE_CORRUPT', exit: 1 }, what);
  }
  assert.deepEqual(await readdir(outside), []);
});

test('the same entries unharmed are taken', async (t) => {
  const directory = await scratch(t);
  const into = await directory('into');
  const content = archive(
    { path: 'd', type: 'directory', mode: 0o755 },
    { path: 'd/l', type: 'symlink', link: '/nowhere/../x' },
    { path: 'd/f', size: 512 },
    { path: 'd/..f' },
  );
  assert.equal(await unpack(content, into), 3);
});

test('zstd: what is cut off or damaged is corrupt, and an error of the source is told as it is', async () => {
  const content = Buffer.alloc(2_000_000, 'content of an archive');
  const whole = await bytesOf(compressed(pieces(content)));
  assert.ok((await bytesOf(decompressed(pieces(whole)))).equals(content));
  const flipped = Buffer.from(whole);
  flipped[whole.length >> 1] = (flipped[whole.length >> 1] as number) ^ 1;
  for (const damaged of [
    whole.subarray(0, -1),
    whole.subarray(0, whole.length >> 1),
    whole.subarray(0, 3),
    flipped,
    Buffer.from('<html>'),
    zstdCompressSync(content).subarray(4),
  ])
    await assert.rejects(bytesOf(decompressed(pieces(damaged))), { code: 'CACHE_CORRUPT' });
  const broken = async function* () {
    yield whole.subarray(0, 10);
    throw new Error('the network');
  };
  await assert.rejects(bytesOf(decompressed(broken())), /the network/);
});
