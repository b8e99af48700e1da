import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXAMPLES } from '../../bench/example-list.ts';
import { type ExampleSample, examplesTable } from '../../bench/examples-table.ts';

const root = join(import.meta.dirname, '..', '..', 'examples');

for (const { folder, code, bump } of EXAMPLES)
  test(`the example ${folder} can be changed as its measurement changes it`, async () => {
    assert.match(await readFile(join(root, folder, 'Dockerfile'), 'utf8'), /^FROM /m);
    await readFile(join(root, folder, code), 'utf8');
    if (bump === undefined || 'uv' in bump) return;
    const text = await readFile(join(root, folder, bump.file), 'utf8');
    assert.equal(text.split(bump.before).length, 2, `${bump.before} stands once in ${bump.file}`);
  });

test('the table has a row for each example, and says what failed', () => {
  const sample: ExampleSample = {
    ...{ folder: 'venv', peer: 'layerwright', scenario: 'cold', way: 'composed' },
    ...{ seconds: 12.34, pushedBytes: 2_500_000, builderStarted: true, failure: null },
  };
  const failed = { way: null, seconds: null, pushedBytes: null, failure: 'buildx ended with exit code 1' };
  const table = examplesTable({
    schemaVersion: 1,
    machine: {
      ...{ date: '2026-01-02T00:00:00Z', processors: 2, processor: 'some', memoryBytes: 8e9 },
      versions: { Node: '24' },
    },
    samples: [sample, { ...sample, ...failed, peer: 'buildx' }],
  });
  const lines = table.split('\n');
  assert.match(
    lines[2] ?? '',
    /^\| \[venv\]\(.*\) \| composed \| 12\.3 \/ failed \| 2\.5 MB \/ - \| - \/ - \|/,
  );
  assert.ok(lines.includes('- venv, cold, buildx: buildx ended with exit code 1'), table);
});
