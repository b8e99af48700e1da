import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Builder } from '../../src/engine/builder.ts';
import { handLogins } from '../../src/engine/logins.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { loginsForBuildx } from '../../src/registry/logins.ts';
import { testHost } from '../support/host.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

/** A machine with this DOCKER_AUTH_CONFIG and this `config.json`. */
async function machine(variable: unknown, config: unknown = {}) {
  const directory = await temporaryDirectory();
  const docker = join(directory.path, 'docker');
  await mkdir(docker);
  await writeFile(join(docker, 'config.json'), JSON.stringify(config));
  const env = {
    HOME: directory.path,
    DOCKER_CONFIG: docker,
    ...(variable === undefined ? {} : { DOCKER_AUTH_CONFIG: JSON.stringify(variable) }),
  };
  return { ...directory, docker, host: testHost({ env }) };
}

test('what buildx reads itself is left to it', async () => {
  const auths = { 'a.example.com': { auth: base64('me:pw') } };
  for (const [variable, config] of [
    [undefined, { auths }],
    [{ auths }, {}],
    [{}, { auths }],
  ]) {
    await using there = await machine(variable, config);
    assert.equal(await loginsForBuildx(there.host, ['a.example.com', 'docker.io']), undefined);
  }
});

test('a DOCKER_AUTH_CONFIG that the Docker CLI refuses is put into its form, for the registries of the build', async () => {
  await using there = await machine({
    auths: {
      'a.example.com': { auth: base64('me:pw') },
      'b.example.com': { username: 'me', password: 'p:w' },
      'index.docker.io': { auth: base64('hub:pw'), email: 'x' },
      'c.example.com': { username: 'me', password: 'not asked for' },
    },
    credsStore: '',
  });
  assert.deepEqual(await loginsForBuildx(there.host, ['b.example.com', 'docker.io', 'd.example.com']), {
    'a.example.com': base64('me:pw'),
    'b.example.com': base64('me:p:w'),
    'index.docker.io': base64('hub:pw'),
    'https://index.docker.io/v1/': base64('hub:pw'),
  });
});

const builder = (buildx: string) => ({ versions: { buildx, buildkit: undefined } }) as Builder;

test('buildx gets logins by its environment, and nothing is written', async () => {
  await using there = await machine(undefined);
  const directory = join(there.path, 'private');
  for (const version of ['0.26.0', '0.38.2', '1.0.0', 'unknown']) {
    const env = await handLogins(there.host, builder(version), { r: base64('me:pw') }, directory);
    assert.deepEqual(env, { DOCKER_AUTH_CONFIG: `{"auths":{"r":{"auth":"${base64('me:pw')}"}}}` });
  }
  assert.deepEqual(await readdir(there.path), ['docker']);
});

test('a buildx that is too old for it gets a private copy of the configuration', async () => {
  const kept = { 'a.example.com': { auth: base64('of:file') } };
  await using there = await machine(undefined, { auths: kept, credsStore: 'store', currentContext: 'x' });
  await mkdir(join(there.docker, 'contexts'));
  await writeFile(join(there.docker, 'contexts', 'meta'), 'there');
  const directory = join(there.path, 'private');
  const env = await handLogins(there.host, builder('0.25.0'), { r: base64('me:pw') }, directory);
  assert.deepEqual(env, { DOCKER_CONFIG: directory, DOCKER_AUTH_CONFIG: undefined });
  assert.equal((await stat(directory)).mode & 0o777, 0o700);
  assert.equal((await stat(join(directory, 'config.json'))).mode & 0o777, 0o600);
  assert.deepEqual(JSON.parse(await readFile(join(directory, 'config.json'), 'utf8')), {
    auths: { ...kept, r: { auth: base64('me:pw') } },
    credsStore: 'store',
    credHelpers: { r: '' },
    currentContext: 'x',
  });
  assert.equal(await readFile(join(directory, 'contexts', 'meta'), 'utf8'), 'there');
  await writeFile(join(directory, 'buildx', 'builder'), 'made');
  assert.equal(await readFile(join(there.docker, 'buildx', 'builder'), 'utf8'), 'made', 'builders stay');
});
