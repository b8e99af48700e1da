import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalCode } from '../../src/verify/marshal.ts';
import { bytecode, MAGIC_3_11 } from './sample.ts';

const code = (kind: Parameters<typeof bytecode>[0]) => bytecode(kind).subarray(16);

test('code with shared objects and without has one canonical form, other code another', () => {
  const shared = canonicalCode(code('shared'), MAGIC_3_11);
  assert.ok(shared && !code('shared').equals(code('unshared')));
  assert.deepEqual(canonicalCode(code('unshared'), MAGIC_3_11), shared);
  assert.notDeepEqual(canonicalCode(code('other'), MAGIC_3_11), shared);
});

test('a set has one canonical form in whatever order it is written', () => {
  const set = (...members: string[]) =>
    Buffer.concat([
      Buffer.from('>\x02\0\0\0', 'latin1'),
      ...members.map((one) => Buffer.from(`z\x01${one}`, 'latin1')),
    ]);
  const canonical = canonicalCode(set('a', 'b'), MAGIC_3_11);
  assert.ok(canonical);
  assert.deepEqual(canonicalCode(set('b', 'a'), MAGIC_3_11), canonical);
  assert.notDeepEqual(canonicalCode(set('b', 'c'), MAGIC_3_11), canonical);
  // A tuple's order means something.
  const tuple = (text: string) => canonicalCode(Buffer.from(`)\x02${text}`, 'latin1'), MAGIC_3_11);
  assert.notDeepEqual(tuple('z\x01az\x01b'), tuple('z\x01bz\x01a'));
});

test('text and bytes, a number and another, are not the same', () => {
  const canonical = (text: string) =>
    canonicalCode(Buffer.from(text, 'latin1'), MAGIC_3_11)?.toString('latin1');
  assert.notEqual(canonical('s\x01\0\0\0a'), canonical('z\x01a'));
  assert.equal(canonical('Z\x01a'), canonical('u\x01\0\0\0a'));
  assert.notEqual(canonical('i\x01\0\0\0'), canonical('i\x02\0\0\0'));
  assert.notEqual(canonical('T'), canonical('F'));
});

test('what is damaged, of an unknown Python, or refers to itself or to nothing cannot be read', () => {
  const whole = code('shared');
  assert.equal(canonicalCode(whole, 3400 - 1), undefined);
  assert.equal(canonicalCode(whole, 3628), undefined);
  assert.equal(canonicalCode(whole.subarray(0, -1), MAGIC_3_11), undefined);
  assert.equal(canonicalCode(Buffer.concat([whole, Buffer.from('N')]), MAGIC_3_11), undefined);
  assert.equal(canonicalCode(Buffer.from('r\x05\0\0\0', 'latin1'), MAGIC_3_11), undefined);
  // A tuple that holds itself.
  assert.equal(canonicalCode(Buffer.from('\xa9\x01r\0\0\0\0', 'latin1'), MAGIC_3_11), undefined);
  assert.equal(canonicalCode(Buffer.from('?'), MAGIC_3_11), undefined);
});

test('references that multiply each other without end cannot be read, and take no memory', () => {
  // Each tuple holds the one before ten times.
  const levels = Array.from({ length: 12 }, (_one, level) => {
    const before = level === 0 ? 'N' : `r${String.fromCharCode(level)}\0\0\0`;
    return `\xa9\x0a${before.repeat(10)}`;
  });
  // The outer tuple has the number 0.
  const bomb = Buffer.from(`\xa9${String.fromCharCode(levels.length)}${levels.join('')}`, 'latin1');
  assert.ok(bomb.length < 1000);
  assert.equal(canonicalCode(bomb, MAGIC_3_11), undefined);
});
