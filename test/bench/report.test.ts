import assert from 'node:assert/strict';
import { test } from 'node:test';
import { benchReport, benchResult, formatTimes } from '../../bench/report.ts';
import { sample } from './samples.ts';

const RESULT = benchResult(
  {
    date: '2026-01-02T03:04:05.000Z',
    processors: 2,
    processor: 'Some CPU',
    memoryBytes: 16e9,
    versions: { Layerwright: '1.2.3', Node: '24.0.0' },
  },
  [
    sample('cold', 'recipe', 60, { pullBytes: 297_000_000, newLayers: 10 }),
    sample('cold', 'layerwright', 16),
    sample('one-line', 'recipe', 20.5),
    sample('one-line', 'recipe-link', 0.5),
    sample('one-line', 'layerwright', 0.125, { builderStarted: false }),
    sample('five-packages', 'layerwright', 2),
  ],
  [],
);

test('the ratios come first, with the target and whether it is met', () => {
  assert.deepEqual(benchReport(RESULT).split('\n').slice(0, 8), [
    'Times faster than the recipe',
    '',
    '  scenario        recipe   recipe-link   layerwright   target',
    '  ─────────────────────────────────────────────────────────────────',
    '  cold              1.0x             -          3.8x    >= 3x   met',
    '  one-line          1.0x         41.0x          164x   >= 40x   met',
    '  five-packages        -             -             -        -',
    '',
  ]);
});

test('seconds and bytes of each sample follow, and the machine', () => {
  const text = benchReport(RESULT);
  assert.match(
    text,
    /^ {2}one-line +layerwright +0\.13 s +545\.0 MB +54\.0 MB +24\.0 kB +297\.0 MB +1 of 10 +none +99\.0 MB$/m,
  );
  assert.match(text, /^ {2}cold +recipe +60\.00 s .* +started +-$/m);
  assert.ok(
    text.endsWith(
      '\n2 processors (Some CPU), 16.00 GB of memory; Layerwright 1.2.3, Node 24.0.0; 2026-01-02\n',
    ),
  );
});

test('what misses its target is told in words, not by colour', () => {
  const slow = [sample('one-package', 'recipe', 60), sample('one-package', 'layerwright', 1.6)];
  const text = benchReport(benchResult(RESULT.machine, slow, []));
  assert.match(text, /^ {2}one-package +1\.0x +37\.5x +>= 70x +MISSED$/m);
  assert.match(text, /^ {2}one-package: time +1\.60 s +at most +1\.50 s +MISSED$/m);
});

test('times are told with three digits', () => {
  assert.deepEqual([0.98, 4.25, 99.94, 99.96, 163.8].map(formatTimes), [
    ...['1.0x', '4.3x', '99.9x', '100x', '164x'],
  ]);
});
