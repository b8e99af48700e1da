import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { configFileSchema } from '../../src/config/schema.ts';
import { problemsOf } from './support.ts';

const file = join(import.meta.dirname, '..', '..', 'docs', 'reference', 'layerwright.schema.json');
const validate = new Ajv({ strict: true, allowUnionTypes: true }).compile(configFileSchema());

test('docs/reference/layerwright.schema.json is what the table of keys says', () => {
  assert.deepEqual(
    JSON.parse(readFileSync(file, 'utf8')),
    JSON.parse(JSON.stringify(configFileSchema())),
    'run node scripts/config-schema.ts, then npm run fix',
  );
});

test('the schema and our reader agree on what is right', async () => {
  for (const text of [
    'build: { push: true, tags: [a:1], buildArgs: { A: 3.10, B: true }, sbom: true, provenance: mode=max }',
    'build:\nnetwork: { mirrors: { docker.io: [a] } }\nstore: s3://b\nci:\n',
    'store: file:///x',
    '',
  ]) {
    assert.deepEqual(await problemsOf(text), [], text);
    assert.ok(validate(parse(text)), text);
  }
});

test('the schema and our reader agree on what is wrong', async () => {
  for (const text of [
    'x: 1',
    'build: { tag: [a] }',
    'build: { tags: a }',
    'build: { tags: [""] }',
    'build: { tags: [1] }',
    'build: { push: "true" }',
    'build: { target: 1 }',
    'build: { target: "" }',
    'build: { compression: lz4 }',
    'build: { buildArgs: [A] }',
    'build: { buildArgs: { A: [x] } }',
    'build: { buildArgs: { A: } }',
    'build: { sbom: [x] }',
    'network: { mirrors: { docker.io: a } }',
    'store: http://x',
    'store: s3://',
    'ci: 1',
    '[]',
  ]) {
    assert.notDeepEqual(await problemsOf(text), [], text);
    assert.ok(!validate(parse(text)), text);
  }
});
