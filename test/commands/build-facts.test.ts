import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { gatherBuildFacts, isRemote } from '../../src/commands/build-facts.ts';
import { type BuildRequest, toBuildRequest } from '../../src/commands/build-request.ts';
import { LayerwrightError } from '../../src/errors.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { formatReference } from '../../src/image/reference.ts';
import { testHost } from '../support/host.ts';

const DOCKERFILE = 'FROM python:3.11-slim AS base\nFROM base AS final\nCOPY app app\n';
const SHA = 'a1'.repeat(20);

/** A directory with these files, and what is found out for `layerwright build CONTEXT` in it. */
async function project(files: Readonly<Record<string, string>>) {
  const directory = await temporaryDirectory();
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory.path, name)), { recursive: true });
    await writeFile(join(directory.path, name), text);
  }
  const host = testHost({
    cwd: directory.path,
    env: { PATH: process.env.PATH, GITHUB_SHA: SHA, GITHUB_REF_NAME: 'feature/x' },
    now: new Date('2026-01-02T23:00:00Z'),
  });
  const facts = (context: string, options: Readonly<Record<string, unknown>> = {}) =>
    gatherBuildFacts(host, toBuildRequest({}, context, options) satisfies BuildRequest);
  return { ...directory, facts };
}

const refused =
  (code: string, exit: number, message: RegExp, hint = /./) =>
  (error: unknown) =>
    error instanceof LayerwrightError &&
    error.code === code &&
    error.exit === exit &&
    message.test(error.message) &&
    hint.test(error.hint ?? '');

test('the Dockerfile of the context, its last stage, the tags with their placeholders', async () => {
  await using there = await project({ 'service/Dockerfile': DOCKERFILE });
  const facts = await there.facts('service', { tag: ['chat:{sha}', 'r.example.com/a:{branch}-{date}'] });
  assert.equal(facts.file, join(there.path, 'service', 'Dockerfile'));
  assert.deepEqual([facts.dockerfile?.path, facts.target?.name], ['service/Dockerfile', 'final']);
  assert.deepEqual(facts.tags.map(formatReference), [
    `docker.io/library/chat:${SHA}`,
    'r.example.com/a:feature-x-20260102',
  ]);
  assert.deepEqual([facts.source.sha, facts.source.branch], [SHA, 'feature/x']);
  assert.equal((await there.facts('service', { target: 'base' })).target?.name, 'base');
});

test('a file named with -f is looked for from where the command runs, not from the context', async () => {
  await using there = await project({
    'docker/prod.Dockerfile': DOCKERFILE,
    'app/main.py': '',
    'app/dockerfile': 'FROM scratch\n',
  });
  const named = await there.facts('app', { file: 'docker/prod.Dockerfile' });
  assert.equal(named.file, join(there.path, 'docker', 'prod.Dockerfile'));
  assert.equal(named.dockerfile?.stages.length, 2);
  const lowerCase = await there.facts('app');
  assert.equal(lowerCase.file, join(there.path, 'app', 'dockerfile'));
});

test('no Dockerfile: the error names the place, and another file that may be meant', async () => {
  await using there = await project({ 'app/Dockerfile.prod': DOCKERFILE, 'empty/main.py': '' });
  await assert.rejects(
    there.facts('app'),
    refused(
      'NO_DOCKERFILE',
      2,
      /\/app\/Dockerfile$/,
      /There is Dockerfile\.prod: name it with -f app\/Dockerfile\.prod/,
    ),
  );
  await assert.rejects(there.facts('empty'), refused('NO_DOCKERFILE', 2, /empty/, /^Write one/));
  await assert.rejects(
    there.facts('app', { file: 'app/nosuch' }),
    refused('NO_DOCKERFILE', 2, /\/app\/nosuch$/),
  );
});

test('no context, or one that is a file', async () => {
  await using there = await project({ Dockerfile: DOCKERFILE });
  await assert.rejects(there.facts('nosuch'), refused('NO_CONTEXT', 2, /no build context at \S+\/nosuch$/));
  await assert.rejects(there.facts('Dockerfile'), refused('NO_CONTEXT', 2, /is no directory$/));
});

test('a Dockerfile that is wrong is told with its place, a stage that is not there too', async () => {
  await using there = await project({ 'a/Dockerfile': 'FROM x\nCOPPY a b\n', Dockerfile: DOCKERFILE });
  await assert.rejects(
    there.facts('a'),
    refused(
      'DOCKERFILE_INVALID',
      1,
      /^a\/Dockerfile:2: unknown instruction COPPY \(did you mean COPY\?\)/,
      /^$/,
    ),
  );
  await assert.rejects(there.facts('.', { target: 'nosuch' }), refused('STAGE_UNKNOWN', 1, /nosuch/));
});

test('what only BuildKit can read is left to it', async () => {
  await using there = await project({ Dockerfile: '# syntax=example.com/other\nWHATEVER this means\n' });
  const foreign = await there.facts('.');
  assert.deepEqual(
    [foreign.file, foreign.dockerfile, foreign.target],
    [join(there.path, 'Dockerfile'), undefined, undefined],
  );
  const git = await there.facts('https://github.com/a/b.git#main', { file: 'x/Dockerfile' });
  assert.deepEqual([git.file, git.dockerfile], ['x/Dockerfile', undefined]);
  const input = await there.facts('.', { file: '-' });
  assert.deepEqual([input.file, input.dockerfile], ['-', undefined]);
});

test('a tag that cannot be is refused before anything runs', async () => {
  await using there = await project({ Dockerfile: DOCKERFILE });
  const tagged = (tag: string) => there.facts('.', { tag: [tag] });
  await assert.rejects(tagged('Chat:1'), refused('BAD_REFERENCE', 2, /"Chat"/, /chat:1/));
  await assert.rejects(tagged(`chat@sha256:${'a'.repeat(64)}`), refused('BAD_REFERENCE', 2, /by digest/));
  await assert.rejects(tagged('chat:{version}'), refused('TAG_PLACEHOLDER_UNKNOWN', 2, /\{version\}/));
});

test('contexts that buildx fetches or reads itself', () => {
  for (const context of [
    '-',
    'https://x/y.git',
    'git://x/y',
    'ssh://git@x/y',
    'git@github.com:a/b',
    'github.com/a/b',
  ])
    assert.ok(isRemote(context), context);
  for (const context of ['.', 'app', '/srv/app', 'github.company', './github.com/a', 'https'])
    assert.ok(!isRemote(context), context);
});
