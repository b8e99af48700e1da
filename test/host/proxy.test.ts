import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LayerwrightError } from '../../src/errors.ts';
import { hasProxy, isLoopback, proxyFor } from '../../src/host/proxy.ts';

const proxy = (url: string, env: NodeJS.ProcessEnv) => proxyFor(new URL(url), env)?.href;
const both = { HTTPS_PROXY: 'http://secure:1', HTTP_PROXY: 'http://plain:2' };

test('each scheme has its proxy, lower-case names come first, an empty one is none', () => {
  assert.equal(proxy('https://a.example/', both), 'http://secure:1/');
  assert.equal(proxy('http://a.example/', both), 'http://plain:2/');
  assert.equal(proxy('https://a.example/', { ...both, https_proxy: 'http://lower:3' }), 'http://lower:3/');
  assert.equal(proxy('https://a.example/', { ...both, https_proxy: '' }), 'http://secure:1/');
  assert.equal(proxy('https://a.example/', { HTTP_PROXY: 'http://plain:2' }), undefined);
  assert.deepEqual(
    [hasProxy({}), hasProxy({ HTTP_PROXY: '' }), hasProxy({ http_proxy: 'p' })],
    [false, false, true],
  );
});

test('a proxy without scheme is HTTP, one of another kind is refused without its password', () => {
  assert.equal(proxy('https://a.example/', { HTTPS_PROXY: 'proxy.corp:3128' }), 'http://proxy.corp:3128/');
  for (const value of ['socks5://me:secret@p:1', 'http://'])
    assert.throws(
      () => proxy('https://a.example/', { HTTPS_PROXY: value }),
      (error) =>
        error instanceof LayerwrightError &&
        error.code === 'PROXY_INVALID' &&
        error.exit === 2 &&
        !`${error.message}${error.hint}`.includes('secret'),
    );
});

test('this machine is never reached through a proxy', () => {
  for (const host of ['localhost', 'localhost:5000', '127.0.0.1:5000', '127.9.8.7', '[::1]:1'])
    assert.equal(proxy(`http://${host}/`, both), undefined, host);
  for (const name of ['localhost', 'localhost:5000', '127.0.0.1:5000', '127.9.8.7', '[::1]:1'])
    assert.ok(isLoopback(name), name);
  for (const name of ['localhost.example.com', '10.0.0.1:5000', '127.0.0.1.example.com', 'docker.io'])
    assert.ok(!isLoopback(name), name);
});

const EXEMPT: readonly (readonly [noProxy: string, url: string, exempt: boolean])[] = [
  ['*', 'https://a.example/', true],
  ['example', 'https://example/', true],
  ['example.com', 'https://example.com/', true],
  ['example.com', 'https://a.b.example.com/', true],
  ['example.com', 'https://notexample.com/', false],
  ['.example.com', 'https://a.example.com/', true],
  ['.example.com', 'https://example.com/', false],
  ['EXAMPLE.com', 'https://Example.COM/', true],
  ['example.com:443', 'https://example.com/', true],
  ['example.com:443', 'https://example.com:8443/', false],
  ['example.com:80', 'http://example.com/', true],
  ['10.1.2.3', 'http://10.1.2.3:5000/', true],
  ['10.1.2.3', 'http://10.1.2.30/', false],
  ['10.0.0.0/8', 'http://10.1.2.3:5000/', true],
  ['10.0.0.0/8', 'http://11.1.2.3/', false],
  ['10.0.0.0/8', 'http://a10.example/', false],
  ['10.0.0.0/99', 'http://10.1.2.3/', false],
  ['fd00::/8', 'http://[fd12::1]/', true],
  ['fd12::1', 'http://[fd12::1]:80/', true],
  ['[fd12::1]:80', 'http://[fd12::1]/', true],
  ['a.example, b.example', 'https://b.example/', true],
  ['a.example b.example', 'https://b.example/', true],
  [' ,, ', 'https://b.example/', false],
];
for (const [noProxy, url, exempt] of EXEMPT)
  test(`NO_PROXY="${noProxy}" ${exempt ? 'exempts' : 'does not exempt'} ${url}`, () => {
    assert.equal(proxy(url, { ...both, NO_PROXY: noProxy }) === undefined, exempt);
    assert.equal(proxy(url, { ...both, no_proxy: noProxy }) === undefined, exempt);
  });
