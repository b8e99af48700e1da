import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { LayerwrightError } from '../../src/errors.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { findCredentials } from '../../src/registry/credentials.ts';
import { testHost } from '../support/host.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

/** A Docker configuration, and credential helpers as shell scripts by name; each logs what it is asked for. */
async function docker(config: unknown, helpers: Readonly<Record<string, string>> = {}) {
  const directory = await temporaryDirectory();
  const path = join(directory.path, 'docker', 'config.json');
  await mkdir(dirname(path));
  await writeFile(path, typeof config === 'string' ? config : JSON.stringify(config));
  for (const [name, script] of Object.entries(helpers)) {
    const helper = join(directory.path, `docker-credential-${name}`);
    await writeFile(helper, `#!/bin/sh\nread server\necho "$1 $server" >>"$HOME/asked"\n${script}\n`);
    await chmod(helper, 0o755);
  }
  const env = {
    HOME: directory.path,
    DOCKER_CONFIG: join(directory.path, 'docker'),
    PATH: `${directory.path}:/usr/bin:/bin`,
  };
  return {
    ...directory,
    env,
    find: (registry: string, changes: NodeJS.ProcessEnv = {}) =>
      findCredentials(testHost({ env: { ...env, ...changes } }), registry),
    asked: async () => (await readFile(join(directory.path, 'asked'), 'utf8')).trim().split('\n'),
  };
}

const basic = (username: string, password: string) => ({ kind: 'basic', username, password });

test('logins in config.json, in all the forms that tools have written', async () => {
  await using there = await docker({
    auths: {
      'a.example.com': { auth: base64('me:pass:word') },
      'https://b.example.com': { username: 'me', password: '' },
      'https://c.example.com/v1/': { auth: base64('me:pw'), identitytoken: 'refresh' },
      'https://index.docker.io/v1/': { auth: base64('hub:pw') },
      'd.example.com': { auth: base64('nocolon') },
      'e.example.com': {},
    },
  });
  assert.deepEqual(await there.find('a.example.com'), basic('me', 'pass:word'));
  assert.deepEqual(await there.find('b.example.com'), basic('me', ''));
  assert.deepEqual(await there.find('c.example.com'), { kind: 'refresh', token: 'refresh' });
  assert.deepEqual(await there.find('docker.io'), basic('hub', 'pw'));
  for (const registry of ['d.example.com', 'e.example.com', 'f.example.com', 'a.example.com:5000'])
    assert.equal(await there.find(registry), undefined, registry);
});

test('where the configuration is: DOCKER_CONFIG, else ~/.docker; an empty variable is none', async () => {
  await using there = await docker({ auths: { r: { auth: base64('of:variable') } } });
  await mkdir(join(there.path, '.docker'));
  await writeFile(
    join(there.path, '.docker', 'config.json'),
    JSON.stringify({ auths: { r: { auth: base64('of:home') } } }),
  );
  assert.deepEqual(await there.find('r'), basic('of', 'variable'));
  assert.deepEqual(await there.find('r', { DOCKER_CONFIG: '' }), basic('of', 'home'));
  assert.equal(await there.find('r', { DOCKER_CONFIG: join(there.path, 'nosuch') }), undefined);
});

test('a helper for the registry comes before the store, the store before the file', async () => {
  await using there = await docker(
    {
      auths: { 'a.example.com': { auth: base64('of:file') }, 'c.example.com': { auth: base64('of:file') } },
      credsStore: 'store',
      credHelpers: { 'a.example.com': 'helper' },
    },
    {
      helper: `echo '{"Username":"of","Secret":"helper"}'`,
      store: `[ "$server" = b.example.com ] || { echo "credentials not found in native keychain"; exit 1; }
echo '{"Username":"of","Secret":"store"}'`,
    },
  );
  assert.deepEqual(await there.find('a.example.com'), basic('of', 'helper'));
  assert.deepEqual(await there.find('b.example.com'), basic('of', 'store'));
  assert.deepEqual(await there.find('c.example.com'), basic('of', 'file'));
  assert.deepEqual((await there.asked()).slice(0, 3), [
    'get a.example.com',
    'get b.example.com',
    'get c.example.com',
  ]);
});

test('a helper may have a refresh token, or nothing', async () => {
  await using there = await docker(
    { credHelpers: { token: 'token', none: 'none' } },
    { token: `echo '{"Username":"<token>","Secret":"t"}'`, none: `echo '{"Username":"","Secret":""}'` },
  );
  assert.deepEqual(await there.find('token'), { kind: 'refresh', token: 't' });
  assert.equal(await there.find('none'), undefined);
});

test('a helper that fails is named with the way it failed, its answer is never shown', async () => {
  await using there = await docker(
    { credHelpers: { a: 'fails', b: 'babbles', c: 'missing' } },
    { fails: 'echo secret-word; exit 3', babbles: 'echo secret-word' },
  );
  const refused = (code: string, why: RegExp) => (error: unknown) =>
    error instanceof LayerwrightError &&
    error.code === code &&
    error.exit === 2 &&
    why.test(error.message) &&
    !JSON.stringify([error.message, error.hint, error.detail]).includes('secret-word');
  await assert.rejects(
    there.find('a'),
    refused('CREDENTIAL_HELPER_FAILED', /^docker-credential-fails failed for a \(exit 3\)$/),
  );
  await assert.rejects(
    there.find('b'),
    refused('CREDENTIAL_HELPER_FAILED', /^docker-credential-babbles failed for b \(its answer is no JSON\)$/),
  );
  await assert.rejects(there.find('c'), refused('PROGRAM_NOT_FOUND', /docker-credential-missing/));
});

test('a configuration that is empty is none, one that is broken is named', async () => {
  await using empty = await docker('\n');
  assert.equal(await empty.find('r'), undefined);
  await using broken = await docker('{"auths":');
  await assert.rejects(
    broken.find('r'),
    (error) =>
      error instanceof LayerwrightError &&
      error.code === 'DOCKER_CONFIG_INVALID' &&
      error.exit === 2 &&
      error.message === `${broken.env.DOCKER_CONFIG}/config.json is no JSON object`,
  );
});

test('DOCKER_AUTH_CONFIG comes before the file, in the forms of the Docker CLI and of GitLab', async () => {
  await using there = await docker(
    { auths: { 'a.example.com': { auth: base64('of:file') }, 'b.example.com': { auth: base64('of:file') } } },
    { lab: `echo '{"Username":"of","Secret":"helper"}'` },
  );
  const variable = (config: unknown) => ({ DOCKER_AUTH_CONFIG: JSON.stringify(config) });
  const auths = { 'a.example.com': { auth: base64('of:variable') } };
  assert.deepEqual(await there.find('a.example.com', variable({ auths })), basic('of', 'variable'));
  assert.deepEqual(await there.find('b.example.com', variable({ auths })), basic('of', 'file'));
  assert.deepEqual(await there.find('a.example.com', { DOCKER_AUTH_CONFIG: '' }), basic('of', 'file'));
  const lab = variable({ auths, credHelpers: { 'b.example.com': 'lab' } });
  assert.deepEqual(await there.find('b.example.com', lab), basic('of', 'helper'));
  await assert.rejects(
    there.find('a.example.com', { DOCKER_AUTH_CONFIG: '{"auths": secret-word' }),
    (error) =>
      error instanceof LayerwrightError &&
      error.code === 'DOCKER_CONFIG_INVALID' &&
      error.message === 'DOCKER_AUTH_CONFIG is no JSON object' &&
      !JSON.stringify([error.message, error.hint, error.cause]).includes('secret-word'),
  );
});

test('an empty helper means that a registry is in the file, although there is a store', async () => {
  await using there = await docker({
    auths: { 'a.example.com': { auth: base64('of:file') } },
    credsStore: 'missing',
    credHelpers: { 'a.example.com': '' },
  });
  assert.deepEqual(await there.find('a.example.com'), basic('of', 'file'));
});

test('Docker is asked before AWS, and ECR Public is anonymous for who names no AWS identity', async () => {
  const ecr = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';
  await using there = await docker({ auths: { [ecr]: { auth: base64('AWS:of-docker') } } });
  assert.deepEqual(await there.find(ecr), basic('AWS', 'of-docker'));
  assert.equal(await there.find('public.ecr.aws'), undefined);
});
