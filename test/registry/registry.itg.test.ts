import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { registryClient } from '../../src/registry/client.ts';
import { findCredentials } from '../../src/registry/credentials.ts';
import { built, layerwright, projectOf, testbedVariable } from '../commands/launch.ts';
import { testHost } from '../support/host.ts';

const own = `run-${randomUUID().slice(0, 8)}`;
const tokenRegistry = testbedVariable('LW_REGISTRY_TOKEN');
const loginRegistry = testbedVariable('LW_REGISTRY_AUTH');
const base64 = (text: string) => Buffer.from(text).toString('base64');
const authOf = (registry: string, user: string, password: string) =>
  JSON.stringify({ auths: { [registry]: { auth: base64(`${user}:${password}`) } } });
const tokenLogin = {
  DOCKER_AUTH_CONFIG: authOf(
    tokenRegistry,
    testbedVariable('LW_REGISTRY_TOKEN_USER'),
    testbedVariable('LW_REGISTRY_TOKEN_PASSWORD'),
  ),
};
const tiny = () => projectOf({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' });
const QUICK = { retries: 0, firstDelayMs: 0 };

test('a registry with tokens: pushed to by who is logged in, pulled from by anybody, with the layer cache', async () => {
  await using project = await tiny();
  const image = `${tokenRegistry}/${own}/app:1`;
  const first = await built(['--push', '-t', image, project.path], { env: tokenLogin });
  assert.equal(first.cache.to[0]?.outcome, 'written');
  assert.ok((first.image?.compressedBytes ?? 0) > 0, 'and our own client reads its size');
  const second = await built(['--push', '-t', image, project.path], { env: tokenLogin });
  assert.equal(second.cache.from[0]?.outcome, 'hit');

  const anonymous = registryClient(testHost(), tokenRegistry, QUICK);
  assert.equal((await anonymous.manifest(`${own}/app`, '1'))?.digest, first.image?.digest);
  await using onTop = await projectOf({ Dockerfile: `FROM ${image}\nCOPY Dockerfile /again\n` });
  assert.equal((await built([onTop.path])).outcome, 'built');
});

test('a registry with tokens: no push without login, nor with a wrong password, and both are told before the build', async () => {
  await using project = await tiny();
  const push = (env: NodeJS.ProcessEnv) =>
    layerwright(['build', '--push', '-t', `${tokenRegistry}/${own}/app:1`, project.path], { env });
  for (const [env, says] of [
    [{}, /authentication required/],
    [{ DOCKER_AUTH_CONFIG: authOf(tokenRegistry, 'testbed', 'wrong-word') }, /the password is wrong/],
  ] as const) {
    const result = await push(env);
    assert.equal(result.exitCode, 2, result.stderr);
    assert.match(result.stderr, says);
    assert.match(result.stderr, /^error: .*\[REGISTRY_DENIED\]\nhint: Log in with: docker login 127/m);
    assert.doesNotMatch(result.stderr, /COPY Dockerfile|wrong-word/);
  }
});

test('a login that is in DOCKER_AUTH_CONFIG only is good for us and for BuildKit', async () => {
  await using project = await tiny();
  const user = testbedVariable('LW_REGISTRY_AUTH_USER');
  const password = testbedVariable('LW_REGISTRY_AUTH_PASSWORD');
  const push = (config: string, tag: string) =>
    built(['--push', '-t', `${loginRegistry}/${own}/app:${tag}`, project.path], {
      env: { DOCKER_AUTH_CONFIG: config },
    });
  assert.equal((await push(authOf(loginRegistry, user, password), '1')).cache.to[0]?.outcome, 'written');
  // As GitLab writes it, which the Docker CLI and so buildx refuses to read.
  const apart = { auths: { [`https://${loginRegistry}`]: { username: user, password } }, credHelpers: {} };
  assert.equal((await push(JSON.stringify(apart), '2')).cache.to[0]?.outcome, 'written');
});

test('ECR: AWS gives the login that the registry wants, asked for once by all who ask at once', async () => {
  const asked: string[] = [];
  const host = testHost({
    fetch: (input, init) => {
      asked.push(String(input));
      return fetch(input, init);
    },
  });
  const domain = '123456789012.dkr.ecr.us-east-1.amazonaws.com';
  const [one, two] = await Promise.all([findCredentials(host, domain), findCredentials(host, domain)]);
  assert.deepEqual(one, {
    kind: 'basic',
    username: testbedVariable('LW_REGISTRY_AUTH_USER'),
    password: testbedVariable('LW_REGISTRY_AUTH_PASSWORD'),
  });
  assert.deepEqual([two, asked.length], [one, 1]);
  assert.ok(asked[0]?.startsWith(testbedVariable('AWS_ENDPOINT_URL_ECR')), 'by the door that the host has');
  // The stand-in's tokens ended in 2015: each is good for those who waited for it, and nobody hangs.
  assert.deepEqual(await findCredentials(host, domain), one);
  assert.equal(asked.length, 2);

  assert.ok(one?.kind === 'basic');
  const env = { ...process.env, DOCKER_AUTH_CONFIG: authOf(loginRegistry, one.username, one.password) };
  await registryClient(testHost({ env }), loginRegistry, QUICK).checkPush(`${own}/ecr`);
});
