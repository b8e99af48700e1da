import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseChmod } from '../../src/context/chmod.ts';

test('octal modes are the same for all, and without special bits for directories on the way', () => {
  const chmod = parseChmod('4750');
  assert.equal(chmod?.apply(0o644, false), 0o4750);
  assert.equal(chmod?.apply(0o2777, true), 0o4750);
  assert.equal(chmod?.created, 0o750);
  assert.equal(parseChmod('0644')?.apply(0, false), 0o644);
});

test('symbolic modes change what is there', () => {
  const rows: readonly [string, number, boolean, number][] = [
    ['u=rwX,go=rX', 0o600, false, 0o644],
    ['u=rwX,go=rX', 0o700, false, 0o755],
    ['u=rwX,go=rX', 0o600, true, 0o755],
    ['u=rw', 0o4755, false, 0o655],
    ['g=', 0o2775, true, 0o705],
    ['+x', 0o644, false, 0o755],
    ['a-x', 0o4755, false, 0o4644],
    ['go-rwx', 0o1777, true, 0o1700],
    ['-X', 0o111, false, 0o000],
    ['u+r-w', 0o200, false, 0o400],
    ['u-x,a+X', 0o100, false, 0o111],
    ['=r', 0o7777, false, 0o1444],
  ];
  for (const [text, mode, isDirectory, expected] of rows) {
    const changed = parseChmod(text)?.apply(mode, isDirectory);
    assert.equal(changed?.toString(8), expected.toString(8), `${text} on ${mode.toString(8)}`);
  }
  assert.equal(parseChmod('u+x')?.created, 0o755);
});

test('what is rare or wrong is left to BuildKit', () => {
  for (const text of ['', '8', '0o644', '10000', '+t', 'u+s', 'g=u', 'u', 'rwx', 'u=rw,', '+755'])
    assert.equal(parseChmod(text), undefined, text);
});
