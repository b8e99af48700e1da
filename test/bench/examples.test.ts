import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXAMPLES } from '../../bench/example-list.ts';
import { examplesOptions } from '../../bench/examples-options.ts';
import { type ExampleSample, examplesIn, examplesTable } from '../../bench/examples-table.ts';
import { temporaryDirectory } from '../../src/host/files.ts';

const root = join(import.meta.dirname, '..', '..', 'examples');

for (const { folder, code, bump } of EXAMPLES)
  test(`the example ${folder} can be changed as its measurement changes it`, async () => {
    assert.match(await readFile(join(root, folder, 'Dockerfile'), 'utf8'), /^FROM /m);
    await readFile(join(root, folder, code), 'utf8');
    assert.ok(bump.edit ?? bump.uv, 'something changes');
    if (bump.edit === undefined) return;
    const text = await readFile(join(root, folder, bump.edit.file), 'utf8');
    assert.equal(
      text.split(bump.edit.before).length,
      2,
      `${bump.edit.before} stands once in ${bump.edit.file}`,
    );
  });

test('every example is measured, but for those that cannot be, and the document names all', async () => {
  const entries = await readdir(root, { withFileTypes: true });
  const folders = entries.filter((one) => one.isDirectory()).map(({ name }) => name);
  const measured = EXAMPLES.map(({ folder }) => folder);
  assert.deepEqual([...measured, 'monorepo', 'private'].sort(), folders.sort());
  const document = await readFile(join(root, '..', 'docs', 'examples.md'), 'utf8');
  for (const folder of folders) assert.match(document, new RegExp(`\\(\\.\\./examples/${folder}\\)`));
});

const machine = {
  ...{ date: '2026-01-02T00:00:00Z', processors: 2, processor: 'some', memoryBytes: 8e9 },
  versions: { Node: '24' },
};
const sample: ExampleSample = {
  ...{ folder: 'venv', peer: 'layerwright', scenario: 'cold', way: 'composed' },
  ...{ seconds: 12.34, pushedBytes: 2_500_000, builderStarted: true, failure: null },
};
const failed = { way: null, seconds: null, pushedBytes: null, failure: 'buildx ended with exit code 1' };
const resultOf = (...samples: readonly ExampleSample[]) => ({ schemaVersion: 1, machine, samples }) as const;
const folded = (line = '') => line.replaceAll(/ +/g, ' ');

test('the table has a row for each example, and says what failed', () => {
  const lines = examplesTable(resultOf(sample, { ...sample, ...failed, peer: 'buildx' }), []).split('\n');
  assert.match(
    folded(lines[2]),
    /^\| \[venv\]\(.*\) \| composed \| 12\.3 \/ failed \| 2\.5 MB \/ - \| - \/ - \|/,
  );
  assert.ok(lines.includes('- venv, cold, buildx: buildx ended with exit code 1'), lines.join('\n'));
});

test('a document gets rows in their order, and keeps the others and all around the table', () => {
  const order = ['recipe', 'uv', 'venv'];
  const before = `# Title\n\nText.\n\n${examplesTable(resultOf(sample, { ...sample, ...failed, peer: 'buildx' }), order)}\nThe end.\n`;
  const other = { ...sample, folder: 'recipe', ...failed };
  const both = examplesTable(resultOf(other), order, before);
  assert.deepEqual([...examplesIn(both)], ['recipe', 'venv']);
  assert.match(both, /^# Title\n\nText\.\n\n\| example .*\n/);
  assert.match(both, /\nThe end\.\n$/);
  assert.match(both, /- venv, cold, buildx: buildx ended/);
  assert.match(both, /- recipe, cold, layerwright: buildx ended/);

  const again = examplesTable(resultOf({ ...sample, seconds: 1 }), order, both);
  assert.deepEqual([...examplesIn(again)], ['recipe', 'venv']);
  assert.match(folded(again), /\[venv\]\([^)]*\) \| composed \| 1\.0 \/ - \|/);
  // What was measured anew did not fail.
  assert.doesNotMatch(again, /- venv, cold/);
  assert.match(again, /- recipe, cold, layerwright: buildx ended/);
  assert.equal(again.split('Measured on:').length, 2);
});

test('options choose examples in the order of the list, and what a document has no row of', async () => {
  await using directory = await temporaryDirectory();
  const into = join(directory.path, 'table.md');
  await writeFile(into, examplesTable(resultOf(sample), ['venv']));
  const chosen = async (...args: string[]) => {
    const options = await examplesOptions({ cwd: directory.path }, args);
    return options?.examples.map(({ folder }) => folder);
  };
  assert.deepEqual(await chosen('--only', 'uv, recipe'), ['recipe', 'uv']);
  assert.deepEqual(await chosen('--only', 'uv,venv', '--into', 'table.md', '--missing'), ['uv']);
  assert.deepEqual(await chosen('--only', 'uv,venv', '--into', 'table.md'), ['venv', 'uv']);
  assert.equal((await chosen())?.length, EXAMPLES.length);
  for (const wrong of [['--only', 'strange'], ['--minutes', 'many'], ['--missing']])
    await assert.rejects(chosen(...wrong), { code: 'BENCH_USAGE' });
});
