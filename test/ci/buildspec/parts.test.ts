import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOnFailure } from '../../../src/ci/buildspec/on-failure.ts';
import { parseSecretReference } from '../../../src/ci/buildspec/secret-reference.ts';

// Build specification reference, phases/PHASE/on-failure: the forms, the default of 3 and the limit of 100.
test('on-failure has all forms of the reference', () => {
  assert.deepEqual(parseOnFailure('ABORT'), { do: 'abort' });
  assert.deepEqual(parseOnFailure('CONTINUE'), { do: 'continue' });
  assert.deepEqual(parseOnFailure('RETRY'), { do: 'retry', times: 3, pattern: undefined });
  assert.deepEqual(parseOnFailure('RETRY-8'), { do: 'retry', times: 8, pattern: undefined });
  assert.deepEqual(parseOnFailure('RETRY-0'), { do: 'retry', times: 0, pattern: undefined });
  assert.deepEqual(parseOnFailure('RETRY-invalid+'), { do: 'retry', times: 3, pattern: /invalid+/ });
  assert.deepEqual(parseOnFailure('Retry-3-.*connection timed out.*'), {
    do: 'retry',
    times: 3,
    pattern: /.*connection timed out.*/,
  });
  assert.deepEqual(parseOnFailure('RETRY-(?i)timed-out'), { do: 'retry', times: 3, pattern: /timed-out/i });
  assert.equal(parseOnFailure('RETRY-101'), 'a build can be retried up to 100 times, not 101');
  assert.equal(parseOnFailure('RETRY-(a'), '"(a" is no regular expression');
  for (const text of ['', 'STOP', 'RETRYING', 'ABORT-1']) assert.equal(parseOnFailure(text), undefined, text);
});

// Build specification reference, env/secrets-manager: secret-id:json-key:version-stage:version-id.
test('a reference to a secret has up to four parts, and an ARN has colons of its own', () => {
  const none = { jsonKey: undefined, versionStage: undefined, versionId: undefined };
  assert.deepEqual(parseSecretReference('web'), { secretId: 'web', ...none });
  assert.deepEqual(parseSecretReference('web:key'), { secretId: 'web', ...none, jsonKey: 'key' });
  assert.deepEqual(parseSecretReference('web::AWSPREVIOUS'), {
    secretId: 'web',
    ...none,
    versionStage: 'AWSPREVIOUS',
  });
  assert.deepEqual(parseSecretReference('web:::0123'), { secretId: 'web', ...none, versionId: '0123' });
  const arn = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:web-AbCdEf';
  assert.deepEqual(parseSecretReference(`${arn}:key`), { secretId: arn, ...none, jsonKey: 'key' });
  assert.deepEqual(parseSecretReference(arn), { secretId: arn, ...none });
  assert.match(String(parseSecretReference('web:key:stage:id')), /only one of them/);
  assert.match(String(parseSecretReference('a:b:c::e')), /too many parts/);
  assert.match(String(parseSecretReference(':key')), /names no secret/);
  assert.match(String(parseSecretReference('arn:aws')), /names no secret/);
});
