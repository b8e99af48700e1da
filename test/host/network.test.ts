import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { LayerwrightError } from '../../src/errors.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { connectionError } from '../../src/host/http.ts';
import { authorityBundle, emptyNetwork, withNetwork } from '../../src/host/network.ts';
import { makeAuthority } from '../support/certificates.ts';
import { forwardProxy } from '../support/forward-proxy.ts';
import { testHost } from '../support/host.ts';
import { closedAddress, httpServer } from '../support/http-server.ts';

const authority = makeAuthority();

/** A server with a certificate of an authority that nobody knows, for `localhost` and `registry.test`. */
async function tlsServer() {
  const server = createServer(
    authority.serverCertificate('localhost', 'registry.test'),
    (_request, response) => response.end('hello'),
  );
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((closed) => {
        server.closeAllConnections();
        server.close(() => closed());
      }),
  };
}

async function filesOf(files: Readonly<Record<string, string>>) {
  const directory = await temporaryDirectory();
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory.path, name), text);
  return directory;
}

const network = (ca: readonly string[]) => ({ ...emptyNetwork, ca });
const failing = (code: string, exit: number, message: RegExp, hint: RegExp) => (error: unknown) =>
  error instanceof LayerwrightError &&
  error.code === code &&
  error.exit === exit &&
  message.test(error.message) &&
  hint.test(error.hint ?? '');

test('without a proxy and an authority nothing is put in the way', async () => {
  const host = testHost({ env: {} });
  const same = await withNetwork(host, { ...emptyNetwork, plainHttp: ['registry.test'] });
  assert.equal(same.fetch, host.fetch);
  assert.deepEqual(same.network.plainHttp, ['registry.test']);
});

test('a server of an unknown authority is refused, and trusted with its file beside all others', async () => {
  await using server = await tlsServer();
  await using files = await filesOf({ 'ca.pem': authority.cert });
  const url = `https://localhost:${server.port}/`;
  const host = testHost({ env: {}, cwd: files.path });
  const refused = await host.fetch(url).catch((error: unknown) => connectionError(error, 'it', host.signal));
  assert.ok(failing('TLS_FAILED', 2, /^it: TLS failed/, /--ca FILE/)(refused), String(refused));
  const trusting = await withNetwork(host, network(['ca.pem']));
  assert.equal(await (await trusting.fetch(url)).text(), 'hello');
  assert.deepEqual(trusting.network.ca, [join(files.path, 'ca.pem')], 'absolute, for whoever is elsewhere');
  const other = await withNetwork(testHost({ env: {} }), network([]));
  await assert.rejects(other.fetch(url), 'and it is the host that trusts it, not the process');
});

test('the bundle has the roots and the authorities, each once, and those that SSL_CERT_FILE had', async () => {
  const another = makeAuthority('Another');
  await using files = await filesOf({
    'ca.pem': `Bag Attributes\n${authority.cert}${authority.cert.replaceAll('\n', '\r\n')}`,
    'own.pem': another.cert,
  });
  const host = testHost({ env: { SSL_CERT_FILE: join(files.path, 'own.pem') }, cwd: files.path });
  const bundle = await authorityBundle(await withNetwork(host, network(['ca.pem'])));
  const blocks = bundle.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----\n/g) ?? [];
  const subjects = blocks.map((one) => new X509Certificate(one).subject);
  assert.ok(subjects.length > 100, 'the roots that everybody knows');
  for (const subject of ['CN=Layerwright test authority', 'CN=Another'])
    assert.equal(subjects.filter((one) => one === subject).length, 1, subject);
  assert.equal(blocks.join(''), bundle);
  assert.equal(new Set(blocks.map((one) => new X509Certificate(one).fingerprint256)).size, blocks.length);
});

test('a file that is no authority is named, with what is wrong', async () => {
  await using files = await filesOf({
    empty: '',
    'der.crt': '\u0000\u0001',
    'broken.pem': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    'key.pem': authority.key,
  });
  await mkdir(join(files.path, 'directory'));
  const host = testHost({ env: {}, cwd: files.path });
  for (const [name, why] of Object.entries({
    'nosuch.pem': /nosuch\.pem cannot be used as certificate authority: there is no such file$/,
    directory: /it is a directory$/,
    empty: /it holds no PEM certificate$/,
    'der.crt': /it holds no PEM certificate$/,
    'broken.pem': /a certificate in it is broken$/,
    'key.pem': /it holds no PEM certificate$/,
  }))
    await assert.rejects(
      withNetwork(host, network([name])),
      failing('CA_INVALID', 2, why, /BEGIN CERTIFICATE/),
    );
});

test('a proxy forwards plain HTTP and tunnels HTTPS, and NO_PROXY and loopback go past it', async () => {
  await using plain = await httpServer((_request, response) => void response.end('plain'));
  await using secure = await tlsServer();
  await using proxy = await forwardProxy({
    'plain.test': plain.address,
    'registry.test': `127.0.0.1:${secure.port}`,
  });
  await using files = await filesOf({ 'ca.pem': authority.cert });
  const env = { http_proxy: `http://${proxy.address}`, HTTPS_PROXY: proxy.address, NO_PROXY: 'other.test' };
  const host = await withNetwork(testHost({ env, cwd: files.path }), network(['ca.pem']));
  assert.equal(await (await host.fetch('http://plain.test/a?b')).text(), 'plain');
  assert.equal(await (await host.fetch('https://registry.test/')).text(), 'hello');
  assert.deepEqual(proxy.requests, ['GET http://plain.test/a?b', 'CONNECT registry.test:443']);
  await (await host.fetch(`http://${plain.address}/here`)).text();
  await assert.rejects(host.fetch('http://other.test/'));
  assert.equal(proxy.requests.length, 2);
});

test('a redirect takes the way of where it leads', async () => {
  await using here = await httpServer((_request, response) => void response.end('here'));
  await using there = await httpServer(
    (_request, response) => void response.writeHead(302, { location: `http://${here.address}/` }).end(),
  );
  await using proxy = await forwardProxy({ 'away.test': there.address });
  const host = await withNetwork(testHost({ env: { HTTP_PROXY: `http://${proxy.address}` } }), emptyNetwork);
  assert.equal(await (await host.fetch('http://away.test/')).text(), 'here');
  assert.deepEqual(proxy.requests, ['GET http://away.test/']);
});

test('what the proxy does wrong is told as its fault, without its password', async () => {
  await using proxy = await forwardProxy({}, 'me:s%40cret');
  const asked = async (value: string, url = 'https://registry.test/') => {
    const host = await withNetwork(testHost({ env: { HTTPS_PROXY: value } }), emptyNetwork);
    return host.fetch(url).then(
      () => assert.fail('it answers'),
      (error: unknown) => connectionError(error, 'registry registry.test', host.signal),
    );
  };
  const denied = await asked(`http://me:wrong@${proxy.address}`);
  assert.ok(failing('PROXY_REFUSED', 2, /refuses \(HTTP 407\)$/, /USER:PASSWORD/)(denied), String(denied));
  assert.doesNotMatch(String(denied), /wrong/);
  const unknown = await asked(`http://me:s%2540cret@${proxy.address}`);
  assert.ok(failing('UNREACHABLE', 75, /answers HTTP 502$/, /NO_PROXY/)(unknown), String(unknown));
  const closed = await closedAddress();
  const gone = await asked(`http://${closed}`);
  assert.ok(
    failing('UNREACHABLE', 75, new RegExp(`^proxy ${closed}: connection refused$`), /NO_PROXY/)(gone),
  );
  const wrong = await asked('ftp://x');
  assert.ok(failing('PROXY_INVALID', 2, /^HTTPS_PROXY names a ftp proxy/, /HTTPS_PROXY=http/)(wrong));
});
