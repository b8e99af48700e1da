import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { temporaryDirectory } from '../../src/host/files.ts';
import type { SplitLayers } from '../../src/split/request.ts';
import { splitLayers } from '../../src/split/split.ts';
import { testbedVariable } from '../commands/launch.ts';
import { registryImage } from '../facts/registry-image.ts';
import { assertSameFiles } from './same-files.ts';
import { diffIds, pathsIn } from './samples.ts';
import { requestFor, type SolvedImage, solvedImage, splitOf, treeBelow } from './solved-image.ts';

const registry = testbedVariable('LW_REGISTRY');
const BASE = 'FROM docker.io/library/python:3.11-slim';

let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
let baseLayers: number;
before(async () => {
  temporary = await temporaryDirectory('lw-split-');
  baseLayers = (await registryImage(registry, 'library/python', '3.11-slim')).manifest.layers.length;
});
after(() => temporary[Symbol.asyncDispose]());

interface Solved {
  readonly image: SolvedImage;
  readonly split: SplitLayers;
}

let solves = 0;

/** Solved without any cache, and split. */
async function solved(
  lines: readonly string[],
  files: Readonly<Record<string, string>> = {},
): Promise<Solved> {
  solves += 1;
  const directory = join(temporary.path, String(solves));
  await mkdir(directory);
  const image = await solvedImage(directory, [BASE, ...lines, ''].join('\n'), files, baseLayers);
  return { image, split: await splitOf(image, directory) };
}

/** Titles of layers that are other in the second one. */
function changedTitles(first: Solved, second: Solved): readonly string[] {
  const before = diffIds(first.split);
  return [...diffIds(second.split)]
    .filter(([title, diffId]) => before.get(title) !== diffId)
    .map(([title]) => title);
}

const PINS = [
  ...[
    'numpy==2.1.0',
    'idna==3.10',
    'six==1.17.0',
    'requests==2.32.3',
    'certifi==2024.8.30',
    'urllib3==2.2.3',
  ],
  ...['charset-normalizer==3.4.0', 'Jinja2==3.1.4', 'MarkupSafe==3.0.2', 'click==8.1.7', 'PyYAML==6.0.2'],
  ...['rich==13.9.4', 'Pygments==2.18.0', 'markdown-it-py==3.0.0', 'mdurl==0.1.2'],
];

test('a loop over requirement files: two solves give the same layers, a bump changes that of its bucket', {
  timeout: 500_000,
}, async () => {
  const loop = [
    'COPY requirements /requirements',
    'RUN for file in /requirements/*.txt; do pip install --no-cache-dir -r $file; done',
  ];
  const files = (pins: readonly string[]) => ({
    'requirements/a.txt': pins.slice(0, 6).join('\n'),
    'requirements/b.txt': pins.slice(6).join('\n'),
  });
  const first = await solved(loop, files(PINS));
  await assertSameFiles(await treeBelow(first.image), first.image.added, first.split);
  const titles = first.split.layers.map(({ title }) => title);
  for (const title of ['numpy 2.1.0', 'pygments 2.18.0', 'pyyaml 6.0.2'])
    assert.ok(titles.includes(title), title);
  assert.deepEqual(pathsIn(first.split, 'the rest of RUN install'), [
    'requirements/a.txt',
    'requirements/b.txt',
  ]);
  const second = await solved(loop, files(PINS));
  assert.deepEqual(changedTitles(first, second), []);
  const bumped = await solved(loop, files(PINS.map((pin) => pin.replace('click==8.1.7', 'click==8.1.8'))));
  const [bucket, rest, ...more] = changedTitles(first, bumped);
  assert.match(bucket ?? '', /^bucket-\d\d: .*click 8\.1\.8/);
  assert.deepEqual([rest, more], ['the rest of RUN install', []]);
});

test('an environment of uv, compiled side by side, with packages of the base removed and owners changed', {
  timeout: 500_000,
}, async () => {
  const lines = [
    'ENV UV_NO_CACHE=1',
    `RUN ${[
      'pip install --no-cache-dir uv',
      'uv venv /opt/venv',
      'uv pip install --system-certs --python /opt/venv --compile-bytecode numpy==2.1.0 rich==13.9.4 PyYAML==6.0.2',
      'pip install --no-cache-dir --upgrade pip==24.3.1',
      'pip uninstall -y uv',
      'chown -R nobody /opt/venv/lib',
      'rm -r /usr/share/doc',
    ].join(' && ')}`,
  ];
  const first = await solved(lines);
  const tree = await assertSameFiles(await treeBelow(first.image), first.image.added, first.split);
  assert.equal(tree.entries.get('usr/share/doc'), undefined);
  assert.equal(first.split.layers[0]?.kind, 'removed');
  const second = await solved(lines);
  assert.deepEqual(
    changedTitles(first, second).filter((title) => !title.startsWith('logs and caches')),
    [],
  );
});

test('a directory of its own and wheels for later', { timeout: 500_000 }, async () => {
  const lines = [
    'RUN for one in numpy==2.1.0 rich==13.9.4; do pip install --no-cache-dir --target /opt/deps $one; done',
    'RUN pip wheel --no-cache-dir -w /wheels PyYAML==6.0.2 idna==3.10',
  ];
  const first = await solved(lines);
  assert.equal(first.image.added.length, 2);
  // pip compiles in a directory of another name each time.
  const moved = 'opt/deps';
  await assertSameFiles(await treeBelow(first.image), first.image.added, first.split, moved);
  const titles = first.split.layers.map(({ title }) => title);
  assert.ok(titles.includes('wheel of pyyaml 6.0.2') && titles.includes('numpy 2.1.0'), titles.join('; '));
  const second = await solved(lines);
  assert.deepEqual(changedTitles(first, second), []);
});

test('a cache of uv in the image that shares its files by hard links is left as it is', {
  timeout: 300_000,
}, async () => {
  const directory = join(temporary.path, 'cache');
  await mkdir(directory);
  const run = 'RUN pip install --no-cache-dir uv && uv pip install --system-certs --system pandas==2.2.3';
  const image = await solvedImage(directory, `${BASE}\n${run}\n`, {}, baseLayers);
  const result = await splitLayers(requestFor(image, directory));
  assert.ok('reason' in result);
  assert.match(result.reason, /hard links between an installer's cache and what it installed/);
});
