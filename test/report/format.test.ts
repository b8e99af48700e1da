import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LayerwrightError } from '../../src/errors.ts';
import { renderError } from '../../src/report/error.ts';
import {
  count,
  cut,
  displayWidth,
  fit,
  formatBytes,
  formatSeconds,
  formatTransfer,
  painter,
} from '../../src/report/format.ts';

test('bytes: the unit changes before the number gets four digits', () => {
  const said = [0, 999, 1_000, 999_949, 999_950, 80_149_000, 999_949_999, 999_950_000, 1_236_000_000];
  assert.deepEqual(said.map(formatBytes), [
    '0 B',
    '999 B',
    '1.0 kB',
    '999.9 kB',
    '1.0 MB',
    '80.1 MB',
    '999.9 MB',
    '1.00 GB',
    '1.24 GB',
  ]);
});

test('a transfer has one unit, that of its total, and no total when it is there', () => {
  assert.equal(formatTransfer(12_340_000, 80_149_000), '12.3/80.1 MB');
  assert.equal(formatTransfer(900, 80_149_000), '0.0/80.1 MB');
  assert.equal(formatTransfer(12_300_000, 1_236_000_000), '0.01/1.24 GB');
  assert.equal(formatTransfer(5, 10), '5/10 B');
  assert.equal(formatTransfer(80_149_000, 80_149_000), '80.1 MB');
  assert.equal(formatTransfer(80_149_000, undefined), '80.1 MB');
});

test('seconds: minutes where they are easier to read, and never 60 s', () => {
  assert.deepEqual([0, 0.04, 72.94, 99.94, 99.95, 119.6, 125, 3_725].map(formatSeconds), [
    '0.0 s',
    '0.0 s',
    '72.9 s',
    '99.9 s',
    '1 min 40 s',
    '2 min 00 s',
    '2 min 05 s',
    '62 min 05 s',
  ]);
});

test('one step, two steps', () => {
  assert.deepEqual([count(0, 'step'), count(1, 'step'), count(2, 'step')], ['0 steps', '1 step', '2 steps']);
});

test('text is cut to columns of a terminal, not to characters', () => {
  assert.deepEqual(['abc', '日本', 'e\u0301', '✅ ok'].map(displayWidth), [3, 4, 1, 5]);
  assert.equal(cut('RUN pip install', 15), 'RUN pip install');
  assert.equal(cut('RUN pip install', 14), 'RUN pip insta…');
  assert.equal(cut('RUN pip', 5), 'RUN…', 'no space before the ellipsis');
  assert.equal(cut('日本語', 4), '日…', 'half a wide character does not fit');
  assert.deepEqual([cut('abc', 1), cut('abc', 0), cut('abc', -3)], ['…', '', '']);
  assert.deepEqual(
    [fit('日', 4), fit('abcdef', 4), fit('日本語', 4)].map((text) => [text, displayWidth(text)]),
    [
      ['日  ', 4],
      ['abc…', 4],
      ['日… ', 4],
    ],
  );
});

test('colour only where it is allowed', () => {
  assert.equal(painter(true)('red', 'x'), '\u001b[31mx\u001b[39m');
  assert.equal(painter(false)('red', 'x'), 'x');
});

test("an error: the program's own words, what happened with its code, what next", () => {
  const error = new LayerwrightError('r.example.com/app: the registry refuses (HTTP 401)', {
    code: 'REGISTRY_DENIED',
    exit: 2,
    hint: 'Log in with: docker login r.example.com',
    detail: 'Dockerfile:3\n>>> RUN x\n',
  });
  assert.equal(
    renderError(error, { colour: false }),
    [
      'Dockerfile:3',
      '>>> RUN x',
      '',
      'error: r.example.com/app: the registry refuses (HTTP 401) [REGISTRY_DENIED]',
      'hint: Log in with: docker login r.example.com',
      '',
    ].join('\n'),
  );
  assert.ok(renderError(error, { colour: true }).includes('\u001b[31merror:\u001b[39m'));
  const short = new LayerwrightError('no', { code: 'NO', exit: 1 });
  assert.equal(renderError(short, { colour: false }), 'error: no [NO]\n');
});

test('anything else that is thrown is our bug, and keeps its stack', () => {
  const text = renderError(new TypeError('x is undefined'), { colour: false });
  assert.match(text, /^internal error: TypeError: x is undefined\n +at .*format\.test\.ts/);
  assert.match(text, /This is a bug in Layerwright: please report it with the lines above\.\n$/);
  assert.match(renderError('thrown text', { colour: false }), /^internal error: thrown text\n/);
});
