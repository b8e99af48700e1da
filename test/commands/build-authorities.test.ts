import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { handAuthorities } from '../../src/commands/build-authorities.ts';
import type { GatheredFacts } from '../../src/commands/build-facts.ts';
import { toBuildRequest } from '../../src/commands/build-request.ts';
import type { Builder } from '../../src/engine/builder.ts';
import type { BuildxCall } from '../../src/engine/buildx.ts';
import { LayerwrightError } from '../../src/errors.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { emptyNetwork } from '../../src/host/network.ts';
import { makeAuthority } from '../support/certificates.ts';
import { testHost } from '../support/host.ts';

const authority = makeAuthority();
const ONLY_FILE = /^RUN gets the certificate authorities as \S+ only: .* need docker\/dockerfile:1\.10\n$/;

/** Hands the authority over for a Dockerfile; what buildx is called with, and what was said. */
async function handed(
  dockerfile: string,
  {
    buildkit,
    options = {},
    more = {},
  }: { buildkit?: string; options?: object; more?: Record<string, string> } = {},
) {
  const directory = await temporaryDirectory();
  const ours = join(directory.path, 'ours');
  await mkdir(ours);
  for (const [name, text] of Object.entries({ 'ca.pem': authority.cert, 'D.x': dockerfile, ...more }))
    await writeFile(join(directory.path, name), text, 'latin1');
  const network = { ...emptyNetwork, ca: [join(directory.path, 'ca.pem')] };
  const host = testHost({ env: {}, network });
  const file = join(directory.path, 'D.x');
  const request = toBuildRequest({}, '.', { progress: 'plain', secret: ['id=mine'], ...options });
  const builder = { versions: { buildx: '0.38.2', buildkit } } as Builder;
  const facts = { file: request.file ?? file } as GatheredFacts;
  const { env, applyTo } = await handAuthorities(host, request, facts, builder, ours).catch(async (error) => {
    await directory[Symbol.asyncDispose]();
    throw error;
  });
  const call = applyTo({ file, passed: request.passed } as BuildxCall);
  return { ...directory, ours, env, file, call, said: host.written.talk };
}

test('BuildKit gets another Dockerfile of the same name, with its own .dockerignore, and the secrets', async () => {
  await using there = await handed('FROM a\nRUN \xff x\n', { more: { 'D.x.dockerignore': 'left\n' } });
  assert.equal(there.said, '');
  assert.equal(there.call.file, join(there.ours, 'dockerfile', 'D.x'));
  assert.equal(await readFile(`${there.call.file}.dockerignore`, 'utf8'), 'left\n');
  assert.match(await readFile(there.call.file ?? '', 'latin1'), /^FROM a\nRUN( --mount=\S+){7} \xff x\n$/);
  assert.deepEqual(there.call.passed.secrets, [
    'id=mine',
    `type=file,id=layerwright-ca,src=${there.ours}/layerwright-ca`,
    `type=file,id=layerwright-ca-path,src=${there.ours}/layerwright-ca-path`,
  ]);
  assert.deepEqual(there.env, { SSL_CERT_FILE: `${there.ours}/layerwright-ca` });
  assert.ok((await readFile(`${there.ours}/layerwright-ca`, 'utf8')).includes(authority.cert));
  assert.equal(
    await readFile(`${there.ours}/layerwright-ca-path`, 'utf8'),
    '/etc/ssl/certs/ca-certificates.crt',
  );
});

for (const [name, dockerfile, given, says] of [
  ['an older frontend', '# syntax=docker/dockerfile:1.9\nFROM a\nRUN x\n', {}, ONLY_FILE],
  ['an older BuildKit', 'FROM a\nRUN x\n', { buildkit: '0.15.2' }, ONLY_FILE],
  [
    'a frontend of a build argument',
    'FROM a\nRUN x\n',
    { options: { buildArg: ['BUILDKIT_SYNTAX=docker/dockerfile:1.5'] } },
    ONLY_FILE,
  ],
  ['a newer BuildKit', 'FROM a\nRUN x\n', { buildkit: '0.16.0' }, /^$/],
  ['nothing that could trust anybody', '# syntax=docker/dockerfile:1.9\nFROM a\n', {}, /^$/],
] as const)
  test(`${name}: what is said`, async () => {
    await using there = await handed(dockerfile, given);
    assert.match(there.said, says);
  });

for (const [name, dockerfile, given, why] of [
  [
    'a foreign frontend',
    '# syntax=ghcr.io/x/y\nFROM a\nRUN x\n',
    {},
    /its # syntax= line names a frontend that may read another/,
  ],
  [
    'a very old frontend',
    '# syntax=docker/dockerfile:1.0\nFROM a\nRUN x\n',
    {},
    /older than docker\/dockerfile:1\.2/,
  ],
  ['standard input', '', { options: { file: '-' } }, /BuildKit reads this Dockerfile itself/],
] as const)
  test(`${name}: the Dockerfile stays as it is, and it is said why`, async () => {
    await using there = await handed(dockerfile, given);
    assert.equal(there.call.file, there.file);
    assert.deepEqual(there.call.passed.secrets, ['id=mine']);
    assert.match(there.said, /^The certificate authorities do not reach RUN: /);
    assert.match(there.said, why);
  });

test('authorities that BuildKit would refuse for their size are refused before', async () => {
  const many = Array.from({ length: 700 }, (_, at) => makeAuthority(`Authority ${at}`).cert).join('');
  await assert.rejects(
    handed('FROM a\nRUN x\n', { more: { 'ca.pem': many } }),
    (error) =>
      error instanceof LayerwrightError &&
      error.code === 'CA_INVALID' &&
      /are \d+ KB, and BuildKit takes 500 KB$/.test(error.message),
  );
});
