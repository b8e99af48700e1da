import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withLogins, withProjectLogins } from '../../../src/compose/install/index-logins.ts';
import { parseNetrc } from '../../../src/python/recognise/netrc.ts';

const netrc = parseNetrc('machine packages.example.com login me password x\n');
const NONE = { indexUrl: undefined, extraIndexUrls: [] };
const UV = `[[tool.uv.index]]
name = "our-own"
url = "https://packages.example.com/simple/"
[[tool.uv.index]]
name = "open"
url = "https://example.org/simple/"
`;

test('indexes get the logins of a netrc file, each that of its host', () => {
  const options = {
    indexUrl: 'https://packages.example.com/simple',
    extraIndexUrls: ['https://example.org/a'],
  };
  assert.deepEqual(withLogins(options, netrc), {
    indexUrl: 'https://me:x@packages.example.com/simple',
    extraIndexUrls: ['https://example.org/a'],
  });
  assert.equal(withLogins(options, undefined), options);
});

test("uv's variables are for the indexes that its project names", () => {
  const env = { UV_INDEX_OUR_OWN_USERNAME: 'aws', UV_INDEX_OUR_OWN_PASSWORD: 'to/ken' };
  const from = { tool: 'uv', project: UV, env, netrc: undefined } as const;
  const withIt = 'https://aws:to%2Fken@packages.example.com/simple/';
  assert.deepEqual(withProjectLogins(NONE, from), { indexUrl: undefined, extraIndexUrls: [withIt] });
  const told = { ...NONE, indexUrl: 'https://packages.example.com/simple' };
  assert.deepEqual(withProjectLogins(told, from), { indexUrl: withIt, extraIndexUrls: [] });
});

test("a netrc file is for the project's indexes too, below the tool's own variables", () => {
  const env = { UV_INDEX_OUR_OWN_PASSWORD: 'token' };
  const by = (variables: typeof env | Record<string, never>) =>
    withProjectLogins(NONE, { tool: 'uv', project: UV, env: variables, netrc }).extraIndexUrls;
  assert.deepEqual(by({}), ['https://me:x@packages.example.com/simple/']);
  assert.deepEqual(by(env), ['https://:token@packages.example.com/simple/']);
});

test("poetry's variables are for the sources of its project", () => {
  const project = '[[tool.poetry.source]]\nname = "our.own"\nurl = "https://packages.example.com/simple/"\n';
  const env = { POETRY_HTTP_BASIC_OUR_OWN_USERNAME: 'me', POETRY_HTTP_BASIC_OUR_OWN_PASSWORD: 'y' };
  const found = withProjectLogins(NONE, { tool: 'poetry', project, env, netrc: undefined });
  assert.deepEqual(found.extraIndexUrls, ['https://me:y@packages.example.com/simple/']);
});

test('without a project that is understood there are the options as they are', () => {
  for (const project of [undefined, 'no [ TOML', '[[tool.uv.index]]\nurl = "nothing"\n'])
    assert.deepEqual(withProjectLogins(NONE, { tool: 'uv', project, env: {}, netrc }), NONE);
});
