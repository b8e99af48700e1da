import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSecretName, maskedText, maskedValue } from '../../src/config/mask.ts';

test('names whose value is probably a credential, and names that only look like one', () => {
  for (const name of [
    'NPM_TOKEN',
    'db-password',
    'API_KEY',
    'aws_secret_access_key',
    'GH_AUTH',
    'sig',
    'PWD',
  ])
    assert.ok(isSecretName(name), name);
  for (const name of ['org.opencontainers.image.authors', 'COMPASS', 'KEYBOARD', 'PYTHON', 'monkey', 'type'])
    assert.ok(!isSecretName(name), name);
});

test('user info of URLs and credentials among fields and parameters are masked, the rest is not', () => {
  for (const [text, shown] of [
    ['https://user:p@ss@pypi.example.com/simple', 'https://***@pypi.example.com/simple'],
    ['https://ghp_x@github.com/a/b', 'https://***@github.com/a/b'],
    ['a http://u:p@h and http://u:p@i', 'a http://***@h and http://***@i'],
    ['type=gha,token=abc,url=https://x', 'type=gha,token=***,url=https://x'],
    [
      'type=s3,bucket=b,access_key_id=A,secret_access_key=S',
      'type=s3,bucket=b,access_key_id=***,secret_access_key=***',
    ],
    ['https://h/f?X-Amz-Signature=abc&x=1', 'https://h/f?X-Amz-Signature=***&x=1'],
    ['registry.example.com/shop/web:{sha}', 'registry.example.com/shop/web:{sha}'],
    ['user@sha256:abc', 'user@sha256:abc'],
  ] as const)
    assert.equal(maskedText(text), shown);
});

test('a build argument with such a name is masked as a whole, an empty one has nothing to hide', () => {
  assert.equal(maskedValue({ entry: 'NPM_TOKEN', value: 'abc' }), '***');
  assert.equal(maskedValue({ entry: 'NPM_TOKEN', value: '' }), '');
  assert.equal(maskedValue({ entry: 'INDEX', value: 'https://u:p@h/' }), 'https://***@h/');
  assert.deepEqual(maskedValue({ value: ['https://u:p@h/', 'x'] }), ['https://***@h/', 'x']);
  assert.equal(maskedValue({ value: true }), true);
});
