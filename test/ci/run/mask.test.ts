import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMask, credentialsIn } from '../../../src/ci/run/mask.ts';

/** What a stream shows when it comes in pieces. */
function streamed(secrets: readonly string[], pieces: readonly string[]): string {
  const mask = createMask(secrets);
  return pieces.map(mask.stream).join('') + mask.rest();
}

test('a secret is hidden however the stream is cut', () => {
  const text = 'before s3cret-value after s3cret-value';
  for (let at = 0; at <= text.length; at++)
    assert.equal(
      streamed(['s3cret-value'], [text.slice(0, at), text.slice(at)]),
      'before *** after ***',
      `cut at ${at}`,
    );
  assert.equal(streamed(['s3cret-value'], [...text]), 'before *** after ***');
});

test('of secrets that are parts of each other nothing is shown', () => {
  for (const pieces of [['abcdef abc'], [...'abcdef abc'], ['abc', 'def abc']])
    assert.equal(streamed(['abc', 'abcdef'], pieces), '*** ***');
  assert.equal(streamed(['abab'], ['abab', '!']), '***!');
  assert.equal(streamed(['abab'], [...'abab']), '***');
});

test('what only begins like a secret is shown in the end', () => {
  assert.equal(streamed(['s3cret'], ['a s3c', 'ond s3']), 'a s3cond s3');
});

test('each line of a secret is hidden too, but for those that say nothing', () => {
  const key = '-----BEGIN KEY-----\nc29tZSBrZXk=\n}\n';
  assert.equal(streamed([key], ['x c29tZSBrZXk= }\n']), 'x *** }\n');
  assert.equal(createMask([key]).whole(`[${key}]`), '[***]');
});

test('an empty secret hides nothing, and secrets can be added', () => {
  const mask = createMask(['']);
  assert.equal(mask.whole('text'), 'text');
  mask.add(['ex']);
  assert.equal(mask.whole('text'), 't***t');
  assert.deepEqual([mask.has('text'), mask.has('word')], [true, false]);
});

// Build specification reference, env, note: access key ids are hidden in logs.
test('credentials of AWS are hidden; the plain words of a stand-in are not', () => {
  const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
  assert.deepEqual(
    credentialsIn({ AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE', AWS_SECRET_ACCESS_KEY: secret }),
    ['AKIAIOSFODNN7EXAMPLE', secret],
  );
  assert.deepEqual(credentialsIn({ AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' }), []);
});
