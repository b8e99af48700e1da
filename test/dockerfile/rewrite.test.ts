import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authoritySupport, withAuthorities, withoutAuthorities } from '../../src/dockerfile/rewrite.ts';

const FILE = ' --mount=type=secret,id=layerwright-ca,target=/etc/ssl/certs/ca-certificates.crt,mode=0444';
const NAMES = [
  'PIP_CERT',
  'SSL_CERT_FILE',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
  'NODE_EXTRA_CA_CERTS',
  'GIT_SSL_CAINFO',
];
const variables = (id: string, names = NAMES) =>
  names.map((name) => ` --mount=type=secret,id=${id},env=${name}`).join('');
const ALL = `${FILE}${variables('layerwright-ca-path')}`;
const OWN = ` --mount=type=secret,id=layerwright-ca,target=/run/secrets/layerwright-ca,mode=0444${variables('layerwright-ca-own-path')}`;

test('RUN gets its flags after the keyword, and nothing else changes', () => {
  const text =
    '\uFEFF# syntax=docker/dockerfile:1\r\nFROM a\r\n\r\n  run \t pip install x \\\r\n # RUN y\r\n  && z\r\nCOPY . .\r\n';
  const { text: rewritten, runs, secrets } = withAuthorities(text, 'environment');
  assert.equal(rewritten, text.replace('  run \t', `  run${ALL} \t`));
  assert.deepEqual([runs, secrets], [1, ['layerwright-ca', 'layerwright-ca-path']]);
  assert.equal(withoutAuthorities(rewritten), text);
});

test('each form of RUN, with its own flags kept', () => {
  for (const [before, after] of [
    ['RUN ["pip", "x"]', `RUN${ALL} ["pip", "x"]`],
    ['RUN <<EOF\nRUN x\nEOF\n', `RUN${ALL} <<EOF\nRUN x\nEOF\n`],
    [
      'RUN --mount=type=cache,target=/c --network=host x',
      `RUN${ALL} --mount=type=cache,target=/c --network=host x`,
    ],
    ['RUN\\\n x', `RUN${ALL} \\\n x`],
    ['RUN \\\n  --mount=type=cache,target=/c \\\n x', `RUN${ALL} \\\n  --mount=type=cache,target=/c \\\n x`],
  ] as const)
    assert.equal(withAuthorities(before, 'environment').text, after);
});

test('what is no RUN of this build stays: ONBUILD, heredocs, comments, other instructions', () => {
  const text =
    'FROM a\nONBUILD RUN x\nCOPY <<EOF /\nRUN x\nEOF\n# RUN x\nCMD ["RUN", "x"]\nENTRYPOINT RUN x\n';
  assert.deepEqual(withAuthorities(text, 'environment'), { text, runs: 0, secrets: [] });
});

test('a frontend without variables gets the file only', () => {
  const { text, secrets } = withAuthorities('RUN x\nRUN apt-get install y\n', 'file');
  assert.equal(text, `RUN${FILE} x\nRUN apt-get install y\n`);
  assert.deepEqual(secrets, ['layerwright-ca']);
});

test('what the author has set himself wins', () => {
  assert.equal(withAuthorities(`RUN${FILE} x`, 'environment').text, `RUN${FILE} x`);
  const rest = NAMES.filter((name) => name !== 'PIP_CERT' && name !== 'SSL_CERT_FILE');
  assert.equal(
    withAuthorities('ENV PIP_CERT=/own\nARG SSL_CERT_FILE\nRUN x', 'environment').text,
    `ENV PIP_CERT=/own\nARG SSL_CERT_FILE\nRUN${FILE}${variables('layerwright-ca-path', rest)} x`,
  );
  const flag = '--mount=type=secret,id=mine,env=PIP_CERT';
  assert.ok(
    !withAuthorities(`RUN ${flag} x`, 'environment').text.includes('layerwright-ca-path,env=PIP_CERT'),
  );
});

test('a RUN that may replace the file of the system gets it elsewhere', () => {
  for (const script of [
    'apk add curl',
    'update-ca-certificates',
    '["dnf", "upgrade"]',
    'rm -rf /etc/ssl && x',
    '<<EOF\nyum install ca-certificates\nEOF',
  ])
    assert.equal(withAuthorities(`RUN ${script}\n`, 'environment').text, `RUN${OWN} ${script}\n`);
  const flag = '--mount=type=bind,source=certs,target=/etc/ssl/certs';
  assert.equal(withAuthorities(`RUN ${flag} x`, 'environment').text, `RUN${OWN} ${flag} x`);
  for (const script of [
    'cat /etc/ssl/certs/ca-certificates.crt',
    'pip install aptly',
    'ls /etc/ssl/openssl.cnf',
  ])
    assert.equal(withAuthorities(`RUN ${script}`, 'environment').text, `RUN${ALL} ${script}`);
});

test('apt is told where they are by a configuration of its own', () => {
  const { text, secrets } = withAuthorities('RUN apt-get update', 'environment');
  assert.equal(
    text,
    `RUN${OWN} --mount=type=secret,id=layerwright-apt,target=/run/secrets/layerwright-apt,mode=0444 --mount=type=secret,id=layerwright-apt-path,env=APT_CONFIG apt-get update`,
  );
  assert.equal(withoutAuthorities(text), 'RUN apt-get update');
  assert.deepEqual(secrets, [
    'layerwright-ca',
    'layerwright-ca-own-path',
    'layerwright-apt',
    'layerwright-apt-path',
  ]);
});

test('what a frontend can do, by the line that names it', () => {
  for (const [syntax, support] of [
    [undefined, 'environment'],
    ['docker/dockerfile', 'environment'],
    ['docker/dockerfile:1', 'environment'],
    ['docker/dockerfile:1.10', 'environment'],
    ['docker/dockerfile:1.22.0-labs', 'environment'],
    ['docker/dockerfile:labs', 'environment'],
    ['docker.io/docker/dockerfile-upstream:master', 'environment'],
    ['docker/dockerfile:1.9', 'file'],
    ['docker/dockerfile:1.2.1', 'file'],
    ['docker/dockerfile:1.10@sha256:0', 'environment'],
    ['docker/dockerfile:1@sha256:0', 'file'],
    ['docker/dockerfile@sha256:0', 'file'],
    ['docker/dockerfile:1.1-experimental', 'none'],
    ['ghcr.io/someone/frontend:1', 'foreign'],
  ] as const)
    assert.equal(authoritySupport(syntax), support, syntax);
});
