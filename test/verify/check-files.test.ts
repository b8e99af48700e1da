import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { MEDIA } from '../../src/image/oci.ts';
import { checkFiles, type ExpectedDistribution, knowsMachine } from '../../src/verify/check-files.ts';
import { treeOfLayers } from '../../src/verify/read-tree.ts';
import { type TarLine, tarOf } from './tar.ts';

const SITE = 'usr/lib/python3/dist-packages';
const sha256 = (content: string | Buffer) => createHash('sha256').update(content).digest('hex');

/** The head of an ELF file. */
function elf(machine: number): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.write('\x7fELF\x02\x01\x01', 'latin1');
  bytes.writeUInt16LE(machine, 18);
  return bytes;
}

const PYTHON: readonly TarLine[] = [
  ...['usr', 'usr/bin', 'usr/lib', 'usr/lib/python3', SITE].map(
    (path): TarLine => ({ path, type: 'directory' }),
  ),
  { path: 'bin', type: 'symlink', link: 'usr/bin' },
  { path: 'usr/bin/python3', type: 'symlink', link: '/usr/bin/python3.11' },
];

async function checked(
  expected: Partial<ExpectedDistribution>,
  lines: readonly TarLine[],
  python = 183,
  architecture = 'arm64',
) {
  const archive = tarOf([...PYTHON, { path: 'usr/bin/python3.11', content: elf(python) }, ...lines]);
  const tree = await treeOfLayers([{ mediaType: MEDIA.layer, open: async () => chunked(archive) }]);
  const whole = { name: 'demo', version: '1.0', isNative: true, executable: '/bin/python3', files: [] };
  return checkFiles(tree, [{ ...whole, ...expected }], architecture);
}

/** One byte at a time at first: heads of files come in pieces. */
async function* chunked(archive: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < archive.length; at += 13) yield archive.subarray(at, at + 13);
}

const LIBRARY = { path: `${SITE}/demo.so`, content: elf(183) };

test('files with the content of their wheel and programs of the platform: nothing is wrong', async () => {
  const found = await checked({ files: [{ path: LIBRARY.path, sha256: sha256(LIBRARY.content) }] }, [
    LIBRARY,
  ]);
  assert.deepEqual(found, { distributions: 1, files: 1, programs: 1, differences: [] });
});

test('a missing file, other content, and a program for another processor are told with their layer', async () => {
  const files = [
    { path: `${SITE}/gone.py`, sha256: sha256('') },
    { path: `${SITE}/demo.py`, sha256: sha256('a') },
    { path: `${SITE}/demo.so`, sha256: undefined },
  ];
  const { differences } = await checked({ files }, [
    { path: `${SITE}/demo.py`, content: 'b' },
    { path: `${SITE}/demo.so`, content: elf(62) },
  ]);
  assert.deepEqual(
    differences.map(({ path, kind, image, plain, layer }) => [
      path.slice(SITE.length + 2),
      kind,
      image,
      plain,
      layer,
    ]),
    [
      ['demo.py', 'content', `sha256:${sha256('b')}`, `sha256:${sha256('a')}`, 0],
      ['demo.so', 'machine', 'x86-64', 'AArch64', 0],
      ['gone.py', 'missing', null, 'a file of its wheel', null],
    ],
  );
});

test('a wheel for any platform may bring programs for all of them', async () => {
  const files = [{ path: LIBRARY.path, sha256: undefined }];
  const found = await checked({ files, isNative: false }, [{ ...LIBRARY, content: elf(62) }]);
  assert.deepEqual([found.differences, found.programs], [[], 0]);
});

test('the interpreter is looked at behind its links', async () => {
  const { differences } = await checked({}, [], 62);
  assert.deepEqual(
    differences.map(({ path, kind }) => [path, kind]),
    [['/usr/bin/python3.11', 'machine']],
  );
  const none = await checked({ executable: '/opt/venv/bin/python' }, []);
  assert.deepEqual(
    none.differences.map(({ path, kind }) => [path, kind]),
    [['/opt/venv/bin/python', 'missing']],
  );
});

test('processors are told apart by their numbers, in either order of bytes', async () => {
  assert.ok(knowsMachine('arm64') && !knowsMachine('m68k'));
  const big = Buffer.alloc(64);
  big.write('\x7fELF\x02\x02\x01', 'latin1');
  big.writeUInt16BE(22, 18);
  const files = [{ path: LIBRARY.path, sha256: undefined }];
  const found = await checked({ files }, [{ ...LIBRARY, content: big }], 22, 's390x');
  assert.deepEqual(found.differences, []);
});
