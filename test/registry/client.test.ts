import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { lookAtLayerCache } from '../../src/cache/layer-cache.ts';
import { LayerwrightError } from '../../src/errors.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import {
  isLoopback,
  loginHint,
  parseChallenge,
  registryClient,
  repositoryHint,
} from '../../src/registry/client.ts';
import { testHost } from '../support/host.ts';
import { closedAddress, httpServer } from '../support/http-server.ts';

const QUICK = { retries: 3, firstDelayMs: 5 };
const MANIFEST = JSON.stringify({
  schemaVersion: 2,
  config: { mediaType: 'application/vnd.buildkit.cacheconfig.v0' },
  layers: [{}, {}],
});

async function loggedIn(address: string, user: string, password: string) {
  const directory = await temporaryDirectory();
  const auth = Buffer.from(`${user}:${password}`).toString('base64');
  await writeFile(join(directory.path, 'config.json'), JSON.stringify({ auths: { [address]: { auth } } }));
  return { host: testHost({ env: { DOCKER_CONFIG: directory.path } }), directory };
}

const anonymous = () => testHost({ env: { DOCKER_CONFIG: '/nonexistent' } });

const failing = (check: Promise<unknown>, code: string, exit: number, hint?: RegExp) =>
  assert.rejects(
    check,
    (error) =>
      error instanceof LayerwrightError &&
      error.code === code &&
      error.exit === exit &&
      (hint === undefined || hint.test(error.hint ?? '')),
  );

test('a manifest is found, or known to be missing', async () => {
  await using server = await httpServer((request, response) => {
    if (!request.url?.endsWith('/manifests/there'))
      return void response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
    response.writeHead(200, {
      'content-type': 'application/vnd.oci.image.manifest.v1+json',
      'docker-content-digest': 'sha256:1',
    });
    response.end(MANIFEST);
  });
  const client = registryClient(anonymous(), server.address, QUICK);
  assert.equal((await client.manifest('a/b', 'there'))?.digest, 'sha256:1');
  assert.equal(await client.manifest('a/b', 'missing'), undefined);
  assert.deepEqual(server.requests, ['GET /v2/a/b/manifests/there', 'GET /v2/a/b/manifests/missing']);
});

test('basic login: the credentials of config.json are shown only when asked for', async () => {
  await using server = await httpServer((request, response) => {
    if (request.headers.authorization !== `Basic ${Buffer.from('AWS:s:ecret').toString('base64')}`)
      return void response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end('{}');
    response.writeHead(request.method === 'POST' ? 202 : 204, { location: `/v2/x/blobs/uploads/1` }).end();
  });
  const { host, directory } = await loggedIn(server.address, 'AWS', 's:ecret');
  await using _ = directory;
  await registryClient(host, server.address, QUICK).checkPush('x');
  assert.deepEqual(server.requests, [
    'POST /v2/x/blobs/uploads/',
    'POST /v2/x/blobs/uploads/',
    'DELETE /v2/x/blobs/uploads/1',
  ]);
  await failing(
    registryClient(anonymous(), server.address, QUICK).checkPush('x'),
    'REGISTRY_DENIED',
    2,
    /docker login 127/,
  );
});

test('bearer login: a token for the scope, with and without credentials', async () => {
  const scopes: (string | null)[] = [];
  await using server = await httpServer((request, response) => {
    const url = new URL(request.url ?? '', `http://${request.headers.host}`);
    if (url.pathname === '/token') {
      scopes.push(url.searchParams.get('scope'));
      const known = request.headers.authorization === `Basic ${Buffer.from('me:pw').toString('base64')}`;
      return void response.writeHead(200).end(JSON.stringify({ token: known ? 'full' : 'reader' }));
    }
    const pull = request.method === 'GET';
    if (
      request.headers.authorization === 'Bearer full' ||
      (pull && request.headers.authorization === 'Bearer reader')
    )
      return void response.writeHead(pull ? 404 : 202).end();
    const challenge = `Bearer realm="http://${request.headers.host}/token",service="reg",scope="repository:x:pull"`;
    response
      .writeHead(401, { 'www-authenticate': challenge })
      .end('{"errors":[{"code":"UNAUTHORIZED","message":"log in"}]}');
  });
  assert.equal(await registryClient(anonymous(), server.address, QUICK).manifest('x', '1'), undefined);
  await failing(registryClient(anonymous(), server.address, QUICK).checkPush('x'), 'REGISTRY_DENIED', 2);
  const { host, directory } = await loggedIn(server.address, 'me', 'pw');
  await using _ = directory;
  await registryClient(host, server.address, QUICK).checkPush('x');
  assert.deepEqual(scopes, ['repository:x:pull', 'repository:x:pull,push', 'repository:x:pull,push']);
});

test('a credential helper is asked as Docker asks it', async () => {
  await using directory = await temporaryDirectory();
  const helper = join(directory.path, 'docker-credential-test');
  await writeFile(
    helper,
    '#!/bin/sh\nread server\necho "{\\"Username\\":\\"me\\",\\"Secret\\":\\"for $server\\"}"\n',
  );
  await chmod(helper, 0o755);
  await using server = await httpServer((request, response) => {
    const expected = `Basic ${Buffer.from(`me:for ${request.headers.host}`).toString('base64')}`;
    if (request.headers.authorization === expected) return void response.writeHead(404).end();
    response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
  });
  await writeFile(
    join(directory.path, 'config.json'),
    JSON.stringify({ credHelpers: { [server.address]: 'test' } }),
  );
  const host = testHost({
    env: { DOCKER_CONFIG: directory.path, PATH: `${directory.path}:${process.env.PATH}` },
  });
  assert.equal(await registryClient(host, server.address, QUICK).manifest('x', '1'), undefined);
});

test('a broken docker configuration is named', async () => {
  await using directory = await temporaryDirectory();
  await writeFile(join(directory.path, 'config.json'), '{');
  await using server = await httpServer(
    (_request, response) => void response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end(),
  );
  const host = testHost({ env: { DOCKER_CONFIG: directory.path } });
  await failing(registryClient(host, server.address, QUICK).manifest('x', '1'), 'DOCKER_CONFIG_INVALID', 2);
});

for (const status of [429, 500, 503])
  test(`HTTP ${status} is tried again with backoff; when it stays, exit 75`, async () => {
    let failures = 2;
    await using server = await httpServer((_request, response) => {
      response.writeHead(failures-- > 0 ? status : 404, { 'retry-after': '0' }).end('<html>');
    });
    assert.equal(await registryClient(anonymous(), server.address, QUICK).manifest('x', '1'), undefined);
    assert.equal(server.requests.length, 3);
    failures = 100;
    await failing(
      registryClient(anonymous(), server.address, QUICK).manifest('x', '1'),
      'REGISTRY_TEMPORARY',
      75,
    );
    assert.equal(server.requests.length, 3 + 4);
  });

test('Retry-After is honoured', async () => {
  let first = true;
  await using server = await httpServer((_request, response) => {
    response.writeHead(first ? 429 : 404, { 'retry-after': '1' }).end();
    first = false;
  });
  const started = performance.now();
  await registryClient(anonymous(), server.address, QUICK).manifest('x', '1');
  assert.ok(performance.now() - started >= 990, 'waited for the second that the server asked for');
});

test('no registry there: exit 75; not allowed: exit 2; no such repository: exit 2 with a hint', async () => {
  await failing(registryClient(anonymous(), await closedAddress(), QUICK).checkPush('x'), 'UNREACHABLE', 75);
  await using server = await httpServer((request, response) => {
    const [status, body] = request.url?.includes('secret')
      ? [403, '{"errors":[{"code":"DENIED","message":"requested access is denied"}]}']
      : [404, '{"errors":[{"code":"NAME_UNKNOWN","message":"no such repository"}]}'];
    response.writeHead(status as number).end(body);
  });
  await failing(registryClient(anonymous(), server.address, QUICK).checkPush('secret'), 'REGISTRY_DENIED', 2);
  await failing(
    registryClient(anonymous(), server.address, QUICK).checkPush('gone'),
    'REPOSITORY_UNKNOWN',
    2,
    /Create the repository/,
  );
});

test('an interrupt ends the waiting at once', async () => {
  await using server = await httpServer((_request, response) => void response.writeHead(503).end());
  const host = anonymous();
  setTimeout(host.abort, 50);
  const started = performance.now();
  await failing(
    registryClient(host, server.address, { retries: 10, firstDelayMs: 60_000 }).manifest('x', '1'),
    'INTERRUPTED',
    130,
  );
  assert.ok(performance.now() - started < 5_000);
});

test('a layer cache: hit, miss and unreadable are three things', async () => {
  await using server = await httpServer((request, response) => {
    const tag = request.url?.split('/').at(-1);
    if (tag === 'hit') return void response.writeHead(200).end(MANIFEST);
    if (tag === 'other')
      return void response.writeHead(200).end('{"schemaVersion":2,"config":{"mediaType":"application/x"}}');
    response.writeHead(tag === 'broken' ? 403 : 404).end('{}');
  });
  const look = async (tag: string) => {
    const { outcome, detail } = await lookAtLayerCache(anonymous(), `${server.address}/app:${tag}`);
    return [outcome, detail];
  };
  assert.deepEqual(await look('hit'), ['hit', '2 layers']);
  assert.deepEqual(await look('none'), ['miss', undefined]);
  assert.deepEqual(await look('other'), ['unreadable', 'what is under this name is no BuildKit cache']);
  assert.match(String((await look('broken'))[1]), /refuses \(HTTP 403\)/);
  const gone = await lookAtLayerCache(anonymous(), `${await closedAddress()}/app:cache`);
  assert.equal(gone.outcome, 'unreadable');
  assert.match(gone.detail ?? '', /connection refused/);
});

test('small things: loopback names, challenges, ECR hints', () => {
  for (const name of ['localhost', 'localhost:5000', '127.0.0.1:5000', '127.9.8.7', '[::1]:1'])
    assert.ok(isLoopback(name), name);
  for (const name of ['localhost.example.com', '10.0.0.1:5000', '127.0.0.1.example.com', 'docker.io'])
    assert.ok(!isLoopback(name), name);
  assert.deepEqual(parseChallenge('Bearer realm="https://a/t",service="s",scope="repository:x:pull,push"'), [
    'bearer',
    { realm: 'https://a/t', service: 's', scope: 'repository:x:pull,push' },
  ]);
  const ecr = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';
  assert.match(
    loginHint(ecr),
    /aws ecr get-login-password --region eu-west-1 \| docker login --username AWS --password-stdin 1234/,
  );
  assert.match(
    repositoryHint(ecr, 'chat'),
    /aws ecr create-repository --repository-name chat --region eu-west-1/,
  );
});
