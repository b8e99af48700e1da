import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { ExplainedInstruction, ExplainResult } from '../../src/report/explain-result.ts';
import { explainText } from '../../src/report/explain-text.ts';

const APT: ExplainedInstruction = {
  ...{ place: 'Dockerfile:12', stage: 'base', text: 'RUN apt-get update && apt-get install -y curl tini' },
  reason: 'it runs apt-get, which only BuildKit can do',
  hint: 'Put it above COPY . . (line 10): a changed file would not make it run again.',
  ...{ state: 'there', repeats: 'application', copies: ['COPY . .'], seconds: 8.64 },
};

const RESULT: ExplainResult = {
  ...{ schemaVersion: 1, dockerfile: 'Dockerfile', target: 'final', platform: 'linux/amd64' },
  ...{ way: 'composed', reason: null, hint: null, cacheRepository: 'registry.example.com/shop/web' },
  last: { branch: 'main', commit: 'ab'.repeat(20), builtAt: '2026-03-04T05:06:07.000Z' },
  changes: [
    {
      ...{ kind: 'dependencies', subject: 'requirements.txt', what: ['numpy 2.1.0 -> 2.2.0'] },
      ...{ layers: 1, of: 61, bytes: 18_000_000, seconds: null },
    },
  ],
  counts: {
    ...{
      layers: 61,
      exact: true,
      unknown: 0,
      given: 7,
      there: 52,
      missing: 1,
      compiled: 0,
      small: 1,
      missingBytes: 18e6,
    },
  },
  solved: [APT],
};

const lines = (result: Partial<ExplainResult>, columns = 80) =>
  explainText({ ...RESULT, ...result }, { colour: false, columns }).split('\n');

test('what changed, what a build does now, and what keeps it from being faster', () => {
  assert.deepEqual(lines({}), [
    'Dockerfile, target final, for linux/amd64',
    '',
    'Since the last build of main (abababababab, 2026-03-04 05:06 UTC)',
    '  requirements.txt: numpy 2.1.0 -> 2.2.0; 1 of 61 layers, 18.0 MB of files',
    '',
    'A build now',
    '  makes 1 of 61 layers (18.0 MB of files), finds 52, writes a small one',
    '  needs no builder',
    '',
    'What only BuildKit can do, the costliest first',
    '  Dockerfile:12  RUN apt-get update && apt-get install -y curl tini',
    '    it runs apt-get, which only BuildKit can do',
    '    solved before in 8.6 s; runs again when a file of COPY . . changes',
    '    Put it above COPY . . (line 10): a changed file would not make it run again.',
    '',
  ]);
});

test('a first build, and one that BuildKit does as a whole', () => {
  const solved = [{ ...APT, state: 'missing', repeats: 'base', hint: null, seconds: null } as const];
  const first = lines({ last: null, changes: [], solved });
  assert.deepEqual(first.slice(2, 4), [
    'Since the last build',
    '  No build of this branch has left a record in registry.example.com/shop/web.',
  ]);
  assert.equal(first[7], '  needs a builder for Dockerfile:12');
  assert.equal(first.at(-2), '    to be solved now; runs again only with a new base image');
  const whole = { way: 'solved', reason: 'it is for several platforms', counts: null, solved: [] } as const;
  assert.deepEqual(lines(whole), [
    'Dockerfile, target final, for linux/amd64',
    '  BuildKit would build all of it: it is for several platforms',
    '',
  ]);
});

test('nothing changed, nothing to run', () => {
  const said = lines({ changes: [], solved: [] });
  assert.equal(said[3], '  Nothing changed.');
  assert.equal(said.at(-2), 'Nothing has to run: all of the image is composed.');
});

test('it fits a narrow terminal, and colour changes nothing but the look', () => {
  assert.deepEqual(
    lines({}, 50).filter((line) => line.length > 50 && !/^Since/.test(line)),
    [],
  );
  const coloured = explainText(RESULT, { colour: true, columns: 80 });
  assert.notEqual(coloured, explainText(RESULT, { colour: false, columns: 80 }));
  assert.equal(stripVTControlCharacters(coloured), explainText(RESULT, { colour: false, columns: 80 }));
});

test('why what was installed is not split, and what helps', () => {
  const notSplit = { reason: '90 MB of it are hard links', hint: 'Keep the cache out of the image.' };
  assert.deepEqual(lines({ solved: [{ ...APT, notSplit }] }).slice(-3), [
    `    not split: ${notSplit.reason}`,
    `    ${notSplit.hint}`,
    '',
  ]);
});
