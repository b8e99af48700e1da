import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { emptyIndex } from '../../src/image/path-index.ts';
import { withLayer } from '../../src/image/path-index-layer.ts';
import { type ScannedTar, tarScanner } from '../../src/image/tar-read-scan.ts';
import { isEscaped } from '../../src/image/tar-text.ts';
import { paxContent, rawEntry, rawTar } from './tar-archives.ts';

const LIMITS = { fileBytes: 1000, totalBytes: 1500 };

function scan(
  bytes: Buffer,
  pieces = bytes.length,
  wanted: (path: string) => boolean = () => true,
): ScannedTar {
  const scanner = tarScanner(wanted, LIMITS);
  for (let at = 0; at < bytes.length; at += pieces) {
    // Memory that is used again must not be held.
    const piece = Buffer.from(bytes.subarray(at, at + pieces));
    scanner.push(piece);
    piece.fill(0xff);
  }
  return scanner.end();
}

const paths = (bytes: Buffer): string[] => scan(bytes).entries.map(({ path }) => path);

const unreadable = (message: RegExp) => ({ code: 'LAYER_UNREADABLE', exit: 1, message });

test('entries come with type, mode, owner, size and link, in pieces of any size', () => {
  const bytes = rawTar(
    { name: './', type: '5', mode: 0o755 },
    { name: 'usr/', type: '5', mode: 0o42755 },
    { name: 'usr/file', content: 'hello', mode: 0o104755 },
    { name: 'usr/old\0', type: '\0', content: 'x' },
    { name: 'usr/dir-of-v7/', type: '\0', magic: '\0'.repeat(8) },
    { name: 'link', type: '2', link: '../usr/', size: 0 },
    { name: 'hard', type: '1', link: './usr/file', size: 5 },
    { name: 'null', type: '3' },
    { name: 'disk', type: '4' },
    { name: 'pipe', type: '6' },
    { name: 'contiguous', type: '7', content: 'y'.repeat(700) },
  );
  const facts = scan(bytes).entries.map(({ path, type, mode, size, link }) => [path, type, mode, size, link]);
  assert.deepEqual(facts, [
    ['', 'directory', 0o755, 0, ''],
    ['usr', 'directory', 0o2755, 0, ''],
    ['usr/file', 'file', 0o4755, 5, ''],
    ['usr/old', 'file', 0o644, 1, ''],
    ['usr/dir-of-v7', 'directory', 0o644, 0, ''],
    ['link', 'symlink', 0o644, 0, '../usr/'],
    ['hard', 'hardlink', 0o644, 0, 'usr/file'],
    ['null', 'character', 0o644, 0, ''],
    ['disk', 'block', 0o644, 0, ''],
    ['pipe', 'fifo', 0o644, 0, ''],
    ['contiguous', 'file', 0o644, 700, ''],
  ]);
  for (const pieces of [1, 7, 511, 512, 513, 1024, 1500])
    assert.deepEqual(scan(bytes, pieces), scan(bytes), `${pieces}`);
});

test('content is kept of wanted files, within the limits, of two of one path the later one', () => {
  const file = (name: string, length: number) => ({ name, content: name[0]?.repeat(length) ?? '' });
  const bytes = rawTar(
    file('a', 1000),
    file('b', 1001),
    file('skip', 5),
    file('a', 3),
    file('c', 400),
    file('d', 200),
    file('e', 0),
  );
  for (const pieces of [1, 100, 100000]) {
    const { contents } = scan(bytes, pieces, (path) => path !== 'skip');
    assert.deepEqual(
      [...contents].map(([path, content]) => [path, content.toString()]),
      [
        ['a', 'aaa'],
        ['c', 'c'.repeat(400)],
        ['e', ''],
      ],
      'd is past the limit of all',
    );
  }
  const gone = rawTar(file('a', 3), { name: 'a', type: '5' });
  assert.equal(scan(gone).contents.size, 0);
});

test('long names, large numbers and global records are read in the forms of PAX and GNU', () => {
  const long = `${'d'.repeat(120)}/${'ü'.repeat(80)}`;
  const pax = (records: Readonly<Record<string, string>>, type = 'x') =>
    rawEntry({ name: 'PaxHeader', type, content: paxContent(records) });
  assert.deepEqual(paths(rawTar(pax({ path: long }), { name: 'short' }, { name: 'next' })), [long, 'next']);
  assert.deepEqual(
    paths(rawTar({ name: '././@LongLink', type: 'L', content: `${long}\0` }, { name: 'short' })),
    [long],
  );
  assert.deepEqual(paths(rawTar({ name: 'b', patch: [[345, Buffer.from('prefix/a')]] })), ['prefix/a/b']);
  // GNU has times where ustar has a prefix.
  assert.deepEqual(
    paths(rawTar({ name: 'b', magic: 'ustar  \0', patch: [[345, Buffer.from('14000000000')]] })),
    ['b'],
  );

  const links = rawTar(
    { name: '././@LongLink', type: 'K', content: `${long}\0` },
    { name: 's', type: '2' },
    pax({ linkpath: long }),
    { name: 'h', type: '1' },
  );
  assert.deepEqual(
    scan(links).entries.map(({ link }) => link),
    [long, long],
  );

  const base256 = Buffer.from([0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe]);
  assert.equal(scan(rawTar({ name: 'a', type: '5', patch: [[108, base256]] })).entries[0]?.uid, 4294967294);
  const ids = rawTar(
    pax({ uid: '3000000', gid: '1' }, 'g'),
    { name: 'a' },
    pax({ gid: '7', size: '3' }),
    {
      ...{ name: 'b', content: 'abc', patch: [[124, Buffer.from('00000000000\0')] as const] },
    },
    { name: 'c' },
  );
  assert.deepEqual(
    scan(ids).entries.map(({ path, uid, gid, size }) => [path, uid, gid, size]),
    [
      ['a', 3000000, 1, 0],
      ['b', 3000000, 7, 3],
      ['c', 3000000, 1, 0],
    ],
  );
});

test('names that are no UTF-8 stay different from each other and from those that are', () => {
  const names = [
    [0x61, 0xff],
    [0x61, 0xfe],
    [0x61, 0xef, 0xbf, 0xbd],
    [0xe4],
    [0xc3, 0xa4],
    [0xf4, 0x8f, 0xbf, 0xbf],
    [0xef, 0xbb, 0xbf, 0x61],
  ];
  const found = paths(rawTar(...names.map((name) => ({ name: Buffer.from(name) }))));
  assert.equal(new Set(found).size, names.length);
  assert.deepEqual(found.map(isEscaped), [true, true, false, true, false, true, false]);
  assert.equal(found[4], 'ä');
  assert.equal(found[6], '\ufeffa');
});

test('what cannot be read rightly is refused', () => {
  const good = rawEntry({ name: 'a', content: 'x'.repeat(600) });
  const flipped = Buffer.from(good);
  flipped[0] = 0x62;
  const cases: readonly (readonly [Buffer, RegExp])[] = [
    [flipped, /checksum/],
    [Buffer.from('this is no archive'.repeat(100)), /checksum|none/],
    [good.subarray(0, 700), /cut off/],
    [good.subarray(0, 300), /cut off/],
    [rawEntry({ name: 'x', type: 'x', content: paxContent({ path: 'a' }) }), /cut off/],
    [rawTar({ name: 'a', type: 'S' }), /unknown type "S"/],
    [
      rawTar({ name: 'x', type: 'x', content: paxContent({ 'GNU.sparse.major': '1' }) }, { name: 'a' }),
      /sparse/,
    ],
    [rawTar({ name: '../a' }), /leads upwards/],
    [rawTar({ name: 'a/../../b' }), /leads upwards/],
    [rawTar({ name: 'a', type: '1', link: '../b' }), /leads upwards/],
    [rawTar({ name: 'x', type: 'x', content: '9 path=a\n9999 b=c\n' }, { name: 'a' }), /extended/],
    [rawTar({ name: 'x', type: 'x', content: paxContent({ size: '-1' }) }, { name: 'a' }), /number/],
    [rawTar({ name: 'x', type: 'x', size: 2 ** 30 }), /too long/],
    [rawTar({ name: 'a', patch: [[124, Buffer.from('12x')]] }), /none/],
    [rawTar({ name: 'a', patch: [[124, Buffer.alloc(12, 0xff)]] }), /out of range/],
  ];
  for (const [bytes, message] of cases)
    assert.throws(() => scan(bytes), unreadable(message), String(message));
});

test('an archive without its end is taken, and what follows its end is not', () => {
  const file = rawEntry({ name: 'a', content: 'x' });
  assert.deepEqual(paths(file), ['a']);
  assert.deepEqual(paths(Buffer.concat([rawTar(file), rawEntry({ name: 'b' })])), ['a']);
  assert.deepEqual(paths(Buffer.alloc(0)), []);
});

const GNU_TAR = (() => {
  try {
    return execFileSync('tar', ['--version'], { encoding: 'utf8' }).includes('GNU tar');
  } catch {
    return false;
  }
})();

/** What is below a directory: type, mode, size and link by path. */
function treeOf(root: string, below = ''): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of readdirSync(join(root, below))) {
    const path = below === '' ? name : `${below}/${name}`;
    const facts = lstatSync(join(root, path));
    if (facts.isSymbolicLink()) found.set(path, `symlink ${readlinkSync(join(root, path))}`);
    else if (facts.isDirectory()) {
      found.set(path, `directory ${(facts.mode & 0o7777).toString(8)}`);
      for (const [one, text] of treeOf(root, path)) found.set(one, text);
    } else found.set(path, `file ${(facts.mode & 0o7777).toString(8)} ${facts.size}`);
  }
  return found;
}

test('GNU tar unpacks layers to the paths that the index has', { skip: !GNU_TAR && 'needs GNU tar' }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'lw-tar-'));
  try {
    const target = join(directory, 'target');
    mkdirSync(target);
    const make = (layer: string, files: (root: string) => void, format: string): Buffer => {
      const root = join(directory, layer);
      mkdirSync(root);
      files(root);
      return execFileSync('tar', ['-C', root, `--format=${format}`, '-cf', '-', ...readdirSync(root)]);
    };
    const long = `${'long'.repeat(30)}/${'name'.repeat(30)}`;
    const file = (root: string, path: string, content: string, mode = 0o644) => {
      mkdirSync(join(root, path, '..'), { recursive: true });
      writeFileSync(join(root, path), content);
      chmodSync(join(root, path), mode);
    };
    const layers = [
      make(
        'one',
        (root) => {
          file(root, long, 'x');
          file(root, 'usr/lib/a', 'abc', 0o4755);
          file(root, 'usr/lib/ä ö', '');
          linkSync(join(root, 'usr/lib/a'), join(root, 'usr/lib/hard'));
          symlinkSync(`/${long}`, join(root, 'link'));
          mkdirSync(join(root, 'tmp'));
          chmodSync(join(root, 'tmp'), 0o1777);
          file(root, 'becomes/file', 'x');
          file(root, 'stays/file', 'x');
          symlinkSync('usr', join(root, 'becomes-dir'));
          file(root, 'gone/deep/file', '1');
        },
        'gnu',
      ),
      make(
        'two',
        (root) => {
          file(root, 'becomes', 'now a file');
          file(root, 'becomes-dir/x', '1');
          file(root, '.wh.gone', '');
          file(root, 'usr/lib/.wh.hard', '');
          mkdirSync(join(root, 'stays'), 0o700);
        },
        'pax',
      ),
      make(
        'three',
        (root) => {
          file(root, 'gone/new', '22', 0o600);
          symlinkSync('a', join(root, 'usr'));
          file(root, 'becomes-dir/y', '2');
        },
        'ustar',
      ),
    ];
    let index = emptyIndex();
    for (const bytes of layers) {
      const { entries } = scan(bytes);
      index = withLayer(index, entries);
      for (const { path, type } of entries) {
        const hidden = /^(.*\/)?\.wh\.([^/]+)$/.exec(path);
        if (hidden) rmSync(join(target, hidden[1] ?? '', hidden[2] as string), { recursive: true });
        // tar does not put one kind in place of the other.
        const before = lstatSync(join(target, path), { throwIfNoEntry: false });
        if (before && before.isDirectory() !== (type === 'directory'))
          rmSync(join(target, path), { recursive: true });
      }
      execFileSync('tar', ['-C', target, '--exclude=.wh.*', '-xpf', '-'], { input: bytes });
    }
    const mine = [...index.entries()].map(({ path, type, mode, size, link }): [string, string] => [
      path,
      type === 'symlink'
        ? `symlink ${link}`
        : `${type} ${mode.toString(8)}${type === 'file' ? ` ${size}` : ''}`,
    ]);
    assert.deepEqual(new Map(mine.sort()), new Map([...treeOf(target)].sort()));
    assert.ok(mine.length > 12);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
