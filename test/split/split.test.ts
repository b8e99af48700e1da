import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { temporaryDirectory } from '../../src/host/files.ts';
import { seededNumbers, seededRandom, shuffled } from '../support/random.ts';
import type { TarLine } from '../verify/tar.ts';
import { randomLayer } from './random-layers.ts';
import {
  bytecode,
  diffIds,
  distribution,
  indexOfLayers,
  LARGE,
  pathsIn,
  splitAlike,
  withDirectories,
} from './samples.ts';

let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
before(async () => {
  temporary = await temporaryDirectory();
});
after(() => temporary[Symbol.asyncDispose]());
const fresh = () => mkdtemp(join(temporary.path, 'split-'));

/** Makes it worth to be split. */
const BIG = distribution('big', '1.0', { 'big/data.bin': LARGE });

test('random layers upon random images: the same files, whatever was removed or became something else', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const below = seededNumbers(seed);
    const lower: TarLine[][] = [];
    for (let count = 1 + below(2); count > 0; count--)
      lower.push(randomLayer(below, await indexOfLayers(lower)));
    const added: TarLine[][] = [BIG];
    for (let count = 1 + below(3); count > 0; count--)
      added.push(randomLayer(below, await indexOfLayers([...lower, ...added])));
    try {
      const { layers } = await splitAlike(lower, added, await fresh());
      assert.ok(layers.length > 0);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
});

const PACKAGES: readonly (readonly TarLine[])[] = [
  BIG,
  distribution('large', '2.0', { 'large/data.bin': Buffer.alloc(600_000, 'other') }),
  ...['idna', 'six', 'requests', 'click', 'rich', 'attrs', 'yarl', 'anyio'].map((name) =>
    distribution(name, '1.0', { [`${name}/__init__.py`]: name, [`../../../bin/${name}`]: '#!/bin/sh' }),
  ),
];

const REST = withDirectories([
  { path: 'etc/app.conf', content: 'a' },
  { path: 'var/log/install.log', content: 'at some time' },
  { path: 'root/.cache/pip/http/a.whl', content: 'cached' },
  { path: 'srv/empty', type: 'directory', mode: 0o700 },
]);

/** The same files, written in another order at another time. */
function elsewhere(lines: readonly TarLine[], seed: number): TarLine[] {
  const isDirectory = ({ type }: TarLine) => type === 'directory';
  return [
    ...lines.filter(isDirectory),
    ...shuffled(
      lines.filter((line) => !isDirectory(line)),
      seededRandom(seed),
    ),
  ].map((line) => ({ ...line, mtime: (line.mtime ?? 1_700_000_000) + seed }));
}

test('the same layers whatever the order and time in which the files were written, and in however many steps', async () => {
  const all = [...PACKAGES.flat(), ...REST];
  const first = await splitAlike([], [all], await fresh());
  const expected = diffIds(first);
  for (const seed of [1, 2, 3])
    assert.deepEqual(diffIds(await splitAlike([], [elsewhere(all, seed)], await fresh())), expected);
  const steps = PACKAGES.map((lines, at) => elsewhere(lines, at)).toReversed();
  assert.deepEqual(diffIds(await splitAlike([], [...steps, REST], await fresh())), expected);
  // As blobs too, by the same program.
  const again = await splitAlike([], [all], await fresh(), { atOnce: 1 });
  assert.deepEqual(
    again.layers.map(({ made }) => made.descriptor),
    first.layers.map(({ made }) => made.descriptor),
  );
});

test('one distribution more changes its bucket alone; another version its own layer alone', async () => {
  const before = diffIds(await splitAlike([], [[...PACKAGES.flat(), ...REST]], await fresh()));
  const more = distribution('more', '3.0', { 'more/__init__.py': 'more' });
  const added = await splitAlike([], [[...PACKAGES.flat(), ...more, ...REST]], await fresh());
  const changed = [...diffIds(added)].filter(([title, diffId]) => before.get(title) !== diffId);
  assert.equal(changed.length, 1);
  assert.match(changed[0]?.[0] ?? '', /^bucket-\d\d: .*\bmore 3\.0/);
  const bumped = [
    ...PACKAGES.slice(0, 1).flat(),
    ...distribution('large', '2.1', { 'large/data.bin': Buffer.alloc(600_000, 'newer') }),
    ...PACKAGES.slice(2).flat(),
  ];
  const other = await splitAlike([], [[...bumped, ...REST]], await fresh());
  assert.deepEqual(
    [...diffIds(other)].filter(([title, diffId]) => before.get(title) !== diffId).map(([title]) => title),
    ['large 2.1'],
  );
});

test('what belongs to a distribution: files of its RECORD wherever they are, bytecode, what is left beside RECORD', async () => {
  const venv = 'opt/venv/lib/python3.11/site-packages';
  const lines = [
    ...distribution(
      'Some.Name',
      '1.0',
      {
        'mod.py': 'a',
        'odd, "name".txt': 'b',
        '../../../bin/tool': 'c',
        '/opt/venv/share/abs.txt': 'd',
        'inner/vendored-9.dist-info/RECORD': 'vendored/x.py,,\n',
        'large.bin': LARGE,
      },
      venv,
    ),
    { path: 'opt/venv/lib64', type: 'symlink' as const, link: 'lib' },
    { path: 'opt/venv/pyvenv.cfg', content: 'home = /usr/bin' },
    { path: `${venv}/Some.Name-1.0.dist-info/uv_cache.json`, content: '{}' },
    ...withDirectories([
      { path: `${venv}/__pycache__/mod.cpython-311.pyc`, content: bytecode(1_700_000_000, 1) },
      { path: `${venv}/__pycache__/nobody.cpython-311.pyc`, content: bytecode(1, 1) },
    ]),
  ].map((line) =>
    line.path.includes('/opt/venv/share') ? { ...line, path: 'opt/venv/share/abs.txt' } : line,
  );
  const result = await splitAlike([], [withDirectories(lines)], await fresh());
  const info = `${venv}/Some.Name-1.0.dist-info`;
  assert.deepEqual(pathsIn(result, 'some-name 1.0'), [
    'opt/venv/bin/tool',
    ...['INSTALLER', 'METADATA', 'RECORD', 'uv_cache.json'].map((name) => `${info}/${name}`),
    `${venv}/__pycache__/mod.cpython-311.pyc`,
    `${venv}/inner/vendored-9.dist-info/RECORD`,
    `${venv}/large.bin`,
    `${venv}/mod.py`,
    `${venv}/odd, "name".txt`,
    'opt/venv/share/abs.txt',
  ]);
  assert.deepEqual(pathsIn(result, 'the rest of RUN install'), ['opt/venv/lib64', 'opt/venv/pyvenv.cfg']);
  assert.deepEqual(pathsIn(result, 'logs and caches of RUN install'), [
    `${venv}/__pycache__/nobody.cpython-311.pyc`,
  ]);
});

test('distributions that write one path are one layer, those of one name in two environments are two', async () => {
  const one = distribution('aone', '1.0', { 'shared.py': 'x', 'aone.bin': LARGE });
  const other = distribution('btwo', '1.0', { 'shared.py': 'x', 'btwo.bin': LARGE });
  const elsewhere = distribution('aone', '2.0', { 'aone.bin': LARGE }, 'opt/v/lib/python3.11/site-packages');
  const { layers } = await splitAlike([], [[...one, ...other, ...elsewhere]], await fresh());
  assert.deepEqual(
    layers.map(({ title }) => title),
    ['aone 2.0', 'aone 1.0, btwo 1.0'],
  );
});

test('wheels that lie in a directory: large ones have a layer of their own', async () => {
  const lines = withDirectories([
    { path: 'wheels/numpy-2.1.0-cp311-cp311-linux_x86_64.whl', content: LARGE },
    { path: 'wheels/six-1.17.0-py2.py3-none-any.whl', content: 'six' },
    { path: 'wheels/idna-3.10-py3-none-any.whl', content: 'idna' },
    { path: 'wheels/note.txt', content: '' },
    { path: 'root/.cache/pip/wheels/a/idna-3.9-py3-none-any.whl', content: 'idna' },
  ]);
  const { layers } = await splitAlike([], [lines], await fresh());
  assert.deepEqual(
    layers.map(({ kind, title }) => [kind, title.replace(/\d\d:/, 'NN:')]),
    [
      ['distributions', 'bucket-NN: wheel of idna 3.10'],
      ['distributions', 'bucket-NN: wheel of six 1.17.0'],
      ['distributions', 'wheel of numpy 2.1.0'],
      ['rest', 'the rest of RUN install'],
      ['volatile', 'logs and caches of RUN install'],
    ],
  );
});
