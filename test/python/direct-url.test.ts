import assert from 'node:assert/strict';
import { test } from 'node:test';
import { directUrlText } from '../../src/python/direct-url.ts';

const URL = 'https://files.example/packages/demo-1.0%2Bcpu-py3-none-any.whl';
const SHA256 = 'a8b2bc7bffae282281c8140a97d3aa9c14da0b136dfe83f850eea9a5f7470427';

/** As pip of that version wrote it, each for an address without and with `#sha256=`. */
const OLD = [
  `{"archive_info": {}, "url": "${URL}"}`,
  `{"archive_info": {"hash": "sha256=${SHA256}"}, "url": "${URL}"}`,
];
const NEW = `{"archive_info": {"hash": "sha256=${SHA256}", "hashes": {"sha256": "${SHA256}"}}, "url": "${URL}"}`;

const WRITTEN: readonly (readonly [pip: string, plain: string | undefined, named: string | undefined])[] = [
  ['20.0.2', undefined, undefined],
  ...['20.3.4', '21.3.1', '22.1.2', '22.2', '22.3.1'].map((pip) => [pip, OLD[0], OLD[1]] as const),
  ['23.0.1', undefined, undefined],
  ...['23.1.2', '24.0', '25.1.1', '26.3'].map((pip) => [pip, NEW, NEW] as const),
];

for (const [pip, plain, named] of WRITTEN)
  test(`direct_url.json of a wheel at an address, by pip ${pip}`, () => {
    const file = { url: URL, sha256: SHA256 };
    assert.equal(directUrlText('pip', pip, { ...file, isNamed: false }), plain);
    assert.equal(directUrlText('pip', pip, { ...file, isNamed: true }), named);
  });

test('direct_url.json of uv says nothing of hashes', () => {
  const file = { url: URL, sha256: SHA256, isNamed: true };
  assert.equal(directUrlText('uv', undefined, file), `{"url":"${URL}","archive_info":{}}`);
});

test('what is not surely known is not written', () => {
  const file = { url: URL, sha256: SHA256, isNamed: false };
  assert.equal(directUrlText('pip', undefined, file), undefined);
  assert.equal(directUrlText('poetry', '26.3', file), undefined);
  for (const url of [
    'http://files.example/demo-1.0-py3-none-any.whl',
    'https://me:secret@files.example/demo-1.0-py3-none-any.whl',
    'https://files.example/demo-1.0+cpu-py3-none-any.whl',
    'https://files.example/a%20b/demo-1.0-py3-none-any.whl',
    'https://files.example/demo-1.0-py3-none-any.whl?token=secret',
  ])
    assert.equal(directUrlText('pip', '26.3', { ...file, url }), undefined, url);
});
