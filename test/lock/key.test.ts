import assert from 'node:assert/strict';
import { test } from 'node:test';
import { indexCredentials, packageIndexes, redactCredentials } from '../../src/lock/index-url.ts';
import { lockKey, lockScope } from '../../src/lock/key.ts';
import { uvPlatform } from '../../src/lock/uv-platform.ts';
import { lockInput } from './support.ts';

const key = (...args: Parameters<typeof lockInput>) => lockKey(lockInput(...args));

test('the key of a lock depends on everything that decides it', () => {
  const base = key('a==1\nb>=2');
  const others = [
    key('a==1\nb>=3'),
    key('a==1'),
    key('a[x]==1\nb>=2'),
    key('a==1 ; python_version > "3"\nb>=2'),
    key(`a==1 --hash=sha256:${'0'.repeat(64)}\nb>=2`),
    key('a==1\nb>=2', { constraints: 'b<3' }),
    key('a==1\nb>=2', { options: { indexUrl: 'https://index.example/simple' } }),
    key('a==1\nb>=2', { options: { extraIndexUrls: ['https://index.example/simple'] } }),
    key('a==1\nb>=2', { options: { noDeps: true } }),
    key('a==1\nb>=2', { options: { pre: true } }),
    key('a==1\nb>=2', { options: { upgrade: true } }),
    key('a==1\nb>=2', { options: { upgradeStrategy: 'eager' } }),
    key('a==1\nb>=2', { options: { onlyBinary: [':all:'] } }),
    key('a==1\nb>=2', { options: { preferBinary: true } }),
    key('a==1\nb>=2', { options: { requireHashes: true } }),
    key('a==1\nb>=2', { facts: { version: '3.11.3' } }),
    key('a==1\nb>=2', { facts: { libc: { kind: 'musl', version: '1.2' } } }),
    key('a==1\nb>=2', { facts: { architecture: 'arm64' } }),
    key('a==1\nb>=2', { facts: { pip: '24.0' } }),
    key('a==1\nb>=2', { installed: { b: '2' } }),
  ];
  assert.equal(new Set([base, ...others]).size, others.length + 1);
  assert.match(base, /^[0-9a-f]{64}$/);
});

test('order, comments, bytecode and logins do not change the key', () => {
  assert.equal(key('b>=2\n# comment\na == 1'), key('a==1\nb>=2'));
  assert.equal(key('a', { options: { compile: false } }), key('a'));
  assert.equal(
    key('a', { options: { indexUrl: 'https://user:secret@index.example/simple/' } }),
    key('a', { options: { indexUrl: 'https://index.example/simple' } }),
  );
  assert.equal(lockScope(lockInput('a')), lockScope(lockInput('b')));
  assert.notEqual(
    key('a', { options: { extraIndexUrls: ['https://one.example/s', 'https://two.example/s'] } }),
    key('a', { options: { extraIndexUrls: ['https://two.example/s', 'https://one.example/s'] } }),
  );
});

test("logins are taken out of index addresses and of other programs' words", () => {
  const options = {
    indexUrl: 'https://us%40er:s%2Fcret@index.example/simple/',
    extraIndexUrls: ['https://token@two.example/s'],
  };
  assert.deepEqual(
    packageIndexes(options).map(({ url }) => url),
    ['https://index.example/simple', 'https://two.example/s'],
  );
  assert.deepEqual(
    indexCredentials(options).map(({ authorization }) =>
      Buffer.from(authorization.slice(6), 'base64').toString(),
    ),
    ['us@er:s/cret', 'token:'],
  );
  const words = redactCredentials(
    'error: https://us%40er:s%2Fcret@index.example/simple/a s/cret token https://x:y@three.example',
    options,
  );
  assert.doesNotMatch(words, /cret|token|x:y/);
  assert.match(words, /index\.example/);
});

test("uv's platform is the newest below the image's libc", () => {
  const platform = (kind: 'glibc' | 'musl', version: string, architecture = 'amd64') =>
    uvPlatform({ libc: { kind, version }, architecture });
  assert.equal(platform('glibc', '2.36'), 'x86_64-manylinux_2_36');
  assert.equal(platform('glibc', '2.41', 'arm64'), 'aarch64-manylinux_2_40');
  assert.equal(platform('glibc', '2.30'), 'x86_64-manylinux_2_28');
  assert.equal(platform('glibc', '2.12'), undefined);
  assert.equal(platform('musl', '1.2'), 'x86_64-unknown-linux-musl');
  assert.equal(platform('musl', '1.1'), undefined);
  assert.equal(platform('glibc', '2.36', 's390x'), undefined);
});
