import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type NetrcLogin,
  netrcLogin,
  parseNetrc,
  variableLogin,
  withNetrcLogin,
} from '../../../src/python/recognise/netrc.ts';

type Found = NetrcLogin | undefined;

/** What Python 3.12's `netrc` finds for example.com and for other.example, as `requests` takes it; undefined where it fails. */
const FILES: readonly [name: string, text: string, found: readonly [Found, Found] | undefined][] = [
  [
    'usual',
    'machine example.com\n  login me\n  password s3cret\n',
    [{ user: 'me', password: 's3cret' }, undefined],
  ],
  [
    'one line, comment',
    '# ours\nmachine example.com login me password a#b # comment here\nmachine other.example login you password two\n',
    [
      { user: 'me', password: 'a#b' },
      { user: 'you', password: 'two' },
    ],
  ],
  [
    'quoted',
    'machine example.com login "me too" password "a \\"b\\" c"\n',
    [{ user: 'me too', password: 'a "b" c' }, undefined],
  ],
  [
    'escaped',
    'machine example.com login me password a\\ b\\\\c\n',
    [{ user: 'me', password: 'a b\\c' }, undefined],
  ],
  ['account', 'machine example.com account acc password x\n', [{ user: 'acc', password: 'x' }, undefined]],
  [
    'default',
    'default login anonymous password mail\nmachine example.com login me password x\n',
    [
      { user: 'me', password: 'x' },
      { user: 'anonymous', password: 'mail' },
    ],
  ],
  [
    'twice',
    'machine example.com login one password 1\nmachine example.com login two password 2\n',
    [{ user: 'two', password: '2' }, undefined],
  ],
  [
    'macro',
    'macdef init\ncd /pub\nmget *\n\nmachine example.com login me password x\n',
    [{ user: 'me', password: 'x' }, undefined],
  ],
  ['macro without end', 'macdef init\ncd /pub\n', undefined],
  [
    'comment stuck',
    '#comment\nmachine example.com login me password x\n',
    [{ user: 'me', password: 'x' }, undefined],
  ],
  ['comment stuck with words', '#comment with words\nmachine example.com login me password x\n', undefined],
  [
    'comment below',
    'machine example.com login me\n# the old one\npassword x\n',
    [{ user: 'me', password: 'x' }, undefined],
  ],
  ['comment after empty line', 'machine example.com login me\n\n# the old one\npassword x\n', undefined],
  ['unknown word', 'machine example.com login me passwd x\n', undefined],
  ['empty password', 'machine example.com login me password ""\n', [{ user: 'me', password: '' }, undefined]],
  ['no name', 'machine', undefined],
  ['empty', '', [undefined, undefined]],
  [
    'password is a hash',
    'machine example.com login me password #hash\n',
    [{ user: 'me', password: '#hash' }, undefined],
  ],
  ['token only', 'machine example.com password tok\n', [{ user: '', password: 'tok' }, undefined]],
];

for (const [name, text, found] of FILES)
  test(`netrc is read as Python reads it: ${name}`, () => {
    const netrc = parseNetrc(text);
    assert.deepEqual(netrc && ['example.com', 'other.example'].map((host) => netrcLogin(netrc, host)), found);
  });

test('netrc with line ends of Windows', () => {
  const netrc = parseNetrc('machine example.com\r\nlogin me\r\npassword x\r\n');
  assert.deepEqual(netrc?.get('example.com'), { user: 'me', password: 'x' });
});

test('an address gets the login of its host, and keeps one that it has', () => {
  const netrc = parseNetrc('machine example.com login a@b password p/w:1\n') ?? new Map();
  const withIt = withNetrcLogin('https://example.com:8443/simple/', netrc);
  assert.equal(withIt, 'https://a%40b:p%2Fw%3A1@example.com:8443/simple/');
  assert.equal(withNetrcLogin('https://x@example.com/', netrc), 'https://x@example.com/');
  assert.equal(withNetrcLogin('https://example.org/', netrc), 'https://example.org/');
  assert.equal(withNetrcLogin('no address', netrc), 'no address');
});

test('variables of uv have an index by its name in capitals', () => {
  const env = { UV_INDEX_OUR_OWN_USERNAME: 'me', UV_INDEX_OUR_OWN_PASSWORD: 'x' };
  assert.deepEqual(variableLogin('UV_INDEX_', 'our-own', env), { user: 'me', password: 'x' });
  assert.equal(variableLogin('UV_INDEX_', 'other', env), undefined);
});
