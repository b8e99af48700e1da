import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeText } from '../../src/report/changes.ts';
import { summary } from '../../src/report/summary.ts';
import { resultOf } from './support.ts';

const CHANGE = {
  ...{ subject: 'requirements.txt', what: ['a 1 -> 2'], layers: 1, of: 61, bytes: 18_000_000, seconds: 2.14 },
};

test('a change says what it cost, as far as that is known', () => {
  assert.equal(changeText(CHANGE), 'requirements.txt: a 1 -> 2; 1 of 61 layers, 18.0 MB, 2.1 s');
  assert.equal(
    changeText({ ...CHANGE, seconds: null }, ' of files'),
    'requirements.txt: a 1 -> 2; 1 of 61 layers, 18.0 MB of files',
  );
  assert.equal(changeText({ ...CHANGE, layers: 0, bytes: 0, seconds: 0 }), 'requirements.txt: a 1 -> 2');
});

test('many names are counted, but never only one of them', () => {
  const what = ['a', 'b', 'c', 'd', 'e'];
  const text = (names: readonly string[]) =>
    changeText({ ...CHANGE, what: names, layers: 0, bytes: 0, seconds: null });
  assert.equal(text(what), 'requirements.txt: a, b, c, d, e');
  assert.equal(text([...what, 'f']), 'requirements.txt: a, b, c, d, 2 more');
});

test('the summary of a build has at most five lines of changes', () => {
  const said = (changes: readonly string[]) =>
    summary({ ...resultOf('cold'), changes }, { colour: false, columns: 100 })
      .split('\n')
      .filter((line) => /^ {2}changed |^ {10}(?:two|three|four|five|six|\d more)/.test(line));
  assert.deepEqual(said([]), []);
  assert.deepEqual(said(['one', 'two']), ['  changed one', '          two']);
  const all = ['one', 'two', 'three', 'four', 'five', 'six'];
  assert.equal(said(all.slice(0, 5)).length, 5);
  assert.equal(said(all).length, 5);
  assert.equal(said(all).at(-1), '          2 more: layerwright explain');
});
