import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { composedResult } from '../../src/commands/compose/composed-result.ts';
import { type BakeResult, bakeSummary } from '../../src/report/bake-result.ts';
import { composedParts } from './composed-sample.ts';
import { layerwright } from './launch.ts';

const reference = join(import.meta.dirname, '..', '..', 'docs', 'reference');
const read = (name: string) => readFileSync(join(reference, name), 'utf8');

const one = composedResult(composedParts());
const RESULT: BakeResult = { schemaVersion: 1, targets: { web: one, 'a-longer-name': one } };

test('bake.md has every option of `layerwright bake`, and no others', async () => {
  const { stdout } = await layerwright(['bake', '--help']);
  const options = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, option]) => option);
  const page = read('bake.md');
  const section = page.slice(page.indexOf('## Options'), page.indexOf('## Targets as contexts'));
  const documented = [...section.matchAll(/^\| (?:`-\w`, )?`(--[a-z-]+)/gm)].map(([, option]) => option);
  assert.deepEqual(documented.sort(), options.sort());
});

test('the result is as its schema says', () => {
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
  ajv.addSchema(JSON.parse(read('build-result.schema.json')));
  const validate = ajv.compile(JSON.parse(read('bake-result.schema.json')));
  const printed = (value: unknown) => JSON.parse(JSON.stringify(value));
  assert.ok(validate(printed(RESULT)), ajv.errorsText(validate.errors));
  assert.equal(validate(printed({ ...RESULT, more: 1 })), false);
  assert.equal(
    validate(printed({ schemaVersion: 1, targets: { web: { ...one, outcome: 'unknown' } } })),
    false,
  );
  assert.equal(validate(printed({ schemaVersion: 1 })), false);
});

test('the summary has a line for each target and the totals', () => {
  const lines = bakeSummary(RESULT, 4.06, { colour: false }).split('\n');
  assert.match(lines[0] ?? '', /^Built 2 targets in 4\.1 s \(/);
  const [web, longer] = lines.filter((line) => /^ {2}(?:web|a-longer-name) /.test(line));
  assert.equal(web?.indexOf('composed'), longer?.indexOf('composed'), 'they stand below each other');
  assert.match(lines.join('\n'), /in all: .* pulled, .* pushed, \d+ layers? made, \d+ steps? executed/);
  for (const { message } of one.warnings) assert.ok(lines.includes(`warning: web: ${message}`));
});
