import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type KeyValue, keyOf } from '../../src/plan/key.ts';

const value = {
  name: 'numpy',
  wheels: [{ name: 'numpy', version: '2.1.0' }],
  umask: 0o22,
  keep: undefined,
  bytecode: true,
};

test('the key of a value is the same everywhere and for ever', () => {
  assert.equal(keyOf('layer', value), 'eef387cf3d512c47c13d154df5dc259a9064b253bfbfb1d5b1a976fb1abb076e');
});

test('the order in which a record was written does not matter, that of an array does', () => {
  assert.equal(keyOf('layer', Object.fromEntries(Object.entries(value).reverse())), keyOf('layer', value));
  assert.notEqual(keyOf('layer', ['a', 'b']), keyOf('layer', ['b', 'a']));
});

test('whatever changes changes the key', () => {
  const others: KeyValue[] = [
    { ...value, name: 'numpy2' },
    { ...value, wheels: [] },
    { ...value, wheels: [{ name: 'numpy', version: '2.1.1' }] },
    { ...value, umask: '18' },
    { ...value, bytecode: 'true' },
    { ...value, keep: '' },
    { ...value, keep: [] },
    { ...value, more: undefined },
    ['ab', 'c'],
    ['a', 'bc'],
    ['abc'],
    [['a'], 'b'],
    [['a', 'b']],
    { a: 'b' },
    { ab: '' },
    ['a', 'b'],
  ];
  const keys = [value, ...others].map((one) => keyOf('layer', one));
  assert.equal(new Set(keys).size, keys.length);
  assert.notEqual(keyOf('lock', value), keyOf('layer', value));
});
