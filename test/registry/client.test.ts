import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { lookAtLayerCache } from '../../src/cache/layer-cache.ts';
import { LayerwrightError } from '../../src/errors.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import type { Host } from '../../src/host/host.ts';
import { emptyNetwork } from '../../src/host/network.ts';
import { parseChallenge } from '../../src/registry/auth.ts';
import { sha256Digest } from '../../src/registry/body.ts';
import { registryClient } from '../../src/registry/client.ts';
import { testHost } from '../support/host.ts';
import { closedAddress, httpServer } from '../support/http-server.ts';

const QUICK = { retries: 3, firstDelayMs: 5 };
const MANIFEST = JSON.stringify({
  schemaVersion: 2,
  config: { mediaType: 'application/vnd.buildkit.cacheconfig.v0' },
  layers: [{}, {}],
});
const DIGEST = sha256Digest(Buffer.from(MANIFEST));

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
      'docker-content-digest': DIGEST,
    });
    response.end(MANIFEST);
  });
  const client = registryClient(anonymous(), server.address, QUICK);
  assert.equal((await client.manifest('a/b', 'there'))?.digest, DIGEST);
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

test('a challenge: its scheme and parameters', () => {
  assert.deepEqual(parseChallenge('Bearer realm="https://a/t",service="s",scope="repository:x:pull,push"'), [
    'bearer',
    { realm: 'https://a/t', service: 's', scope: 'repository:x:pull,push' },
  ]);
  assert.deepEqual(parseChallenge(''), ['', {}]);
});

/** A registry with a token server that answers with `answer`; what it was asked is kept. */
async function withTokens(answer: (asked: URLSearchParams, request: IncomingMessage) => object, scope = '') {
  const asked: URLSearchParams[] = [];
  const server = await httpServer(async (request, response) => {
    const url = new URL(request.url ?? '', `http://${request.headers.host}`);
    if (url.pathname === '/token') {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const form = new URLSearchParams(Buffer.concat(chunks).toString());
      asked.push(request.method === 'POST' ? form : url.searchParams);
      return void response
        .writeHead(200)
        .end(JSON.stringify(answer(asked.at(-1) as URLSearchParams, request)));
    }
    if (request.headers.authorization === 'Bearer good') return void response.writeHead(404).end();
    const challenge = `Bearer realm="http://${request.headers.host}/token",service="reg"${scope && `,scope="${scope}"`}`;
    response.writeHead(401, { 'www-authenticate': challenge }).end();
  });
  return { ...server, asked };
}

test('a token is used for as long as its server says, 60 seconds if it says nothing', async () => {
  for (const [expires, good] of [
    [300, 300],
    [undefined, 60],
  ] as const) {
    await using server = await withTokens(() => ({ token: 'good', expires_in: expires }));
    let now = 0;
    const clock = { now: () => new Date(), monotonicMs: () => now };
    const client = registryClient(
      testHost({ env: { DOCKER_CONFIG: '/nonexistent' }, clock }),
      server.address,
      QUICK,
    );
    await client.manifest('x', '1');
    now = (good - 10) * 1000;
    await client.manifest('x', '2');
    assert.equal(server.asked.length, 1);
    now = good * 1000;
    await client.manifest('x', '3');
    assert.equal(server.asked.length, 2);
  }
});

test('a refresh token goes to the token server in a form, and OAuth2 names the answer otherwise', async () => {
  await using server = await withTokens(() => ({ access_token: 'good' }));
  await using directory = await temporaryDirectory();
  const auths = { [server.address]: { identitytoken: 'refresh-me' } };
  await writeFile(join(directory.path, 'config.json'), JSON.stringify({ auths }));
  const host = testHost({ env: { DOCKER_CONFIG: directory.path } });
  assert.equal(await registryClient(host, server.address, QUICK).manifest('x', '1'), undefined);
  const { client_id: _id, ...form } = Object.fromEntries(server.asked[0] ?? []);
  assert.deepEqual(form, {
    grant_type: 'refresh_token',
    refresh_token: 'refresh-me',
    scope: 'repository:x:pull',
    service: 'reg',
  });
});

test('what the registry wants beside our scope is asked for too', async () => {
  await using server = await withTokens(() => ({ token: 'good' }), 'repository:x:pull repository:base:pull');
  await registryClient(anonymous(), server.address, QUICK).manifest('x', '1');
  assert.deepEqual(server.asked[0]?.getAll('scope'), ['repository:x:pull', 'repository:base:pull']);
});

test('a token that is refused is asked for once more, and not for ever', async () => {
  await using server = await withTokens(() => ({ token: 'bad' }));
  await failing(registryClient(anonymous(), server.address, QUICK).manifest('x', '1'), 'REGISTRY_DENIED', 2);
  assert.equal(server.asked.length, 1);
  await using empty = await withTokens(() => ({}));
  await failing(registryClient(anonymous(), empty.address, QUICK).manifest('x', '1'), 'REGISTRY_ANSWER', 1);
});

/** A host whose network has only these names, each answered by itself. */
function withHosts(
  hosts: Readonly<Record<string, (url: URL, init: RequestInit) => Response>>,
  overrides: Partial<Host> = {},
) {
  const requests: string[] = [];
  const host = testHost({
    env: { DOCKER_CONFIG: '/nonexistent' },
    fetch: async (input, init = {}) => {
      const url = new URL(String(input));
      requests.push(`${init.method ?? 'GET'} ${url.origin}${url.pathname}`);
      return (
        hosts[url.host]?.(url, init) ??
        Promise.reject(new TypeError('fetch failed', { cause: { code: 'ENOTFOUND' } }))
      );
    },
    ...overrides,
  });
  return { host, requests };
}

const FOUND = () => new Response(MANIFEST, { status: 200, headers: { 'docker-content-digest': DIGEST } });

test('a login does not go in plain HTTP to a token server that an HTTPS registry names', async () => {
  const env = {
    DOCKER_CONFIG: '/nonexistent',
    DOCKER_AUTH_CONFIG: '{"auths":{"r.test":{"auth":"bWU6cHc="}}}',
  };
  const challenge = { 'www-authenticate': 'Bearer realm="http://tokens.test/t"' };
  const { host, requests } = withHosts(
    { 'r.test': () => new Response('', { status: 401, headers: challenge }) },
    { env },
  );
  await failing(registryClient(host, 'r.test', QUICK).manifest('x', '1'), 'REGISTRY_INSECURE', 2);
  assert.deepEqual(requests, ['GET https://r.test/v2/x/manifests/1']);
});

test('Docker Hub is found by its name, and its limit on pulls is named', async () => {
  const { host, requests } = withHosts({
    'registry-1.docker.io': () =>
      new Response(
        '{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit"}]}',
        { status: 429 },
      ),
  });
  await failing(
    registryClient(host, 'docker.io', { retries: 0, firstDelayMs: 0 }).manifest('library/python', '3'),
    'REGISTRY_RATE_LIMIT',
    75,
    /docker login, or a mirror/,
  );
  assert.deepEqual(requests, ['GET https://registry-1.docker.io/v2/library/python/manifests/3']);
});

test('mirrors are asked first, in order, for what is pulled; what fails or does not have it is passed over', async () => {
  const network = {
    ...emptyNetwork,
    plainHttp: ['two.test'],
    mirrors: { 'docker.io': ['gone.test', 'one.test', 'two.test/cache/hub'] },
  };
  const notThere = () => new Response('{}', { status: 404 });
  const hosts = { 'one.test': notThere, 'two.test': FOUND, 'registry-1.docker.io': FOUND };
  const { host, requests } = withHosts(hosts, { network });
  assert.equal(
    (await registryClient(host, 'docker.io', QUICK).manifest('library/python', '3'))?.digest,
    DIGEST,
  );
  assert.deepEqual(
    [...new Set(requests)],
    [
      'GET https://gone.test/v2/library/python/manifests/3',
      'GET https://one.test/v2/library/python/manifests/3',
      'GET http://two.test/v2/cache/hub/library/python/manifests/3',
    ],
  );
  const without = withHosts({ 'one.test': notThere, 'registry-1.docker.io': FOUND }, { network });
  assert.ok(await registryClient(without.host, 'docker.io', QUICK).manifest('library/python', '3'));
  assert.equal(without.requests.at(-1), 'GET https://registry-1.docker.io/v2/library/python/manifests/3');
});

test('a mirror is never pushed to', async () => {
  const network = { ...emptyNetwork, mirrors: { 'r.test': ['mirror.test'] } };
  const { host, requests } = withHosts({ 'r.test': () => new Response('', { status: 202 }) }, { network });
  await registryClient(host, 'r.test', QUICK).checkPush('x');
  assert.deepEqual(requests, ['POST https://r.test/v2/x/blobs/uploads/']);
});

test('an upload that goes on elsewhere does not get the login', async () => {
  const shown: (string | null)[] = [];
  const see = (init: RequestInit) => shown.push(new Headers(init.headers).get('authorization'));
  const env = {
    DOCKER_CONFIG: '/nonexistent',
    DOCKER_AUTH_CONFIG: '{"auths":{"r.test":{"auth":"bWU6cHc="}}}',
  };
  const { host } = withHosts(
    {
      'r.test': (_url, init) => {
        see(init);
        return new Headers(init.headers).has('authorization')
          ? new Response('', { status: 202, headers: { location: 'https://elsewhere.test/upload' } })
          : new Response('', { status: 401, headers: { 'www-authenticate': 'Basic realm="r"' } });
      },
      'elsewhere.test': (_url, init) => {
        see(init);
        return new Response(null, { status: 204 });
      },
    },
    { env },
  );
  await registryClient(host, 'r.test', QUICK).checkPush('x');
  assert.deepEqual(shown, [null, 'Basic bWU6cHc=', null]);
});
