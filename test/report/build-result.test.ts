import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBuildProgress } from '../../src/engine/progress.ts';
import { buildResult } from '../../src/report/build-result.ts';
import { PLAN, resultOf, setClock, type Told, vertexLine } from './support.ts';

const REFERENCE = '127.0.0.1:5000/team/chat:cache';
const look = (outcome: 'hit' | 'miss' | 'unreadable', detail?: string) => [
  { reference: REFERENCE, outcome, detail },
];

/** What became of the caches of a build in which BuildKit told of these. */
function cacheOf(
  told: readonly Told[],
  caches: { from?: readonly string[]; to?: readonly string[] },
  looks: ReturnType<typeof look> = [],
) {
  const progress = createBuildProgress(setClock());
  if (told.length > 0) progress.feed(vertexLine(...told));
  progress.end('built');
  const reference = (spec: string) => /^type=registry,ref=(.*)$/.exec(spec)?.[1];
  return buildResult({
    plan: {
      ...PLAN,
      cacheFrom: (caches.from ?? []).map((spec) => ({ spec, reference: reference(spec) })),
      cacheTo: caches.to ?? [],
    },
    builder: { name: 'b', driver: 'remote' },
    looks,
    metadata: {},
    state: progress.state,
    compressedBytes: undefined,
    seconds: { total: 0, connect: 0, cacheLookup: 0 },
  }).cache;
}

/** A stage that was left to BuildKit with the whole build. */
function solvedSegment(stage: string, fromLine: number, toLine: number, reason: string) {
  const reasons = [{ place: null, instruction: null, reason, hint: null }];
  return { kind: 'solved', stage, fromLine, toLine, outcome: 'solved', reasons };
}

test('one changed line on another machine, in full', () => {
  const result = resultOf('one-line', 'built', {
    looks: look('hit', '12 layers'),
    compressedBytes: 53_000_000,
    pushedBytes: 1_500,
  });
  assert.deepEqual(result, {
    schemaVersion: 1,
    outcome: 'built',
    target: 'final',
    platforms: [],
    way: 'solved',
    reason: '--way solved',
    builder: { name: 'testbed', driver: 'remote' },
    segments: [solvedSegment('base', 1, 4, '--way solved'), solvedSegment('final', 6, 9, '--way solved')],
    layers: null,
    changes: [],
    stages: [
      { name: 'base', platform: null, cached: 2, executed: 0, total: 2, seconds: 0.005 },
      { name: 'dependencies', platform: null, cached: 2, executed: 0, total: 2, seconds: 0 },
      { name: 'final', platform: null, cached: 1, executed: 2, total: 3, seconds: 5.898 },
    ],
    steps: { cached: 5, executed: 2, total: 7 },
    bytes: { pulled: 52_518_650, pushed: 1_500, context: 591 },
    seconds: {
      total: 6.216,
      connect: 0.01,
      cacheLookup: 0.02,
      context: 0.047,
      import: 0.008,
      solve: 5.903,
      export: 0.102,
      push: 0.058,
      cacheExport: 0.115,
    },
    cache: {
      from: [{ ref: REFERENCE, outcome: 'hit', detail: '12 layers' }],
      to: [{ ref: REFERENCE, outcome: 'written', detail: null }],
    },
    directories: [],
    image: {
      digest: `sha256:${'1'.repeat(64)}`,
      references: ['127.0.0.1:5000/team/chat:1'],
      compressedBytes: 53_000_000,
    },
    warnings: [],
    next: [],
  });
});

test('stages of several platforms are told apart', () => {
  assert.deepEqual(
    resultOf('platforms').stages.map(({ name, platform, executed }) => [name, platform, executed]),
    [
      ['Dockerfile', 'linux/amd64', 2],
      ['Dockerfile', 'linux/arm64', 2],
    ],
  );
});

test('a build that failed has no image, and what did not run is counted', () => {
  const { outcome, image, steps, next } = resultOf('run-failed', 'failed');
  assert.deepEqual([outcome, image, steps, next], ['failed', null, { cached: 0, executed: 2, total: 3 }, []]);
});

test('an image that only --output named has that name', () => {
  const metadata = { 'containerimage.digest': 'sha256:1', 'image.name': 'r/a:1,r/a:2' };
  const { image } = resultOf('cold', 'built', { plan: { ...PLAN, tags: [] }, metadata });
  assert.deepEqual(image?.references, ['r/a:1', 'r/a:2']);
});

test("BuildKit's word on a cache counts more than our look before the build", () => {
  const from = [`type=registry,ref=${REFERENCE}`];
  const name = `importing cache manifest from ${REFERENCE}`;
  const read = { name, started: 0, completed: 1 };
  const found = (told: readonly Told[], looks: ReturnType<typeof look>) =>
    cacheOf(told, { from }, looks).from.map(({ outcome, detail }) => [outcome, detail])[0];
  assert.deepEqual(found([read], look('hit', '3 layers')), ['hit', '3 layers']);
  assert.deepEqual(found([read], look('unreadable', 'connection refused')), ['hit', null]);
  assert.deepEqual(found([{ ...read, error: 'EOF' }], look('hit', '3 layers')), ['unreadable', 'EOF']);
  const foreign = look('unreadable', 'no cache').map((one) => ({ ...one, foreign: true }));
  assert.deepEqual(found([read], foreign), ['unreadable', 'no cache'], 'BuildKit reads anything');
  assert.deepEqual(found([], look('miss')), ['miss', null]);
  assert.deepEqual(found([], []), ['off', null]);
});

test('a cache that was not written is known by the kind of its export', () => {
  const [started, completed] = [0, 1];
  const told = [
    { name: 'exporting cache to client directory', started, completed },
    { name: 'exporting cache to registry', started, completed, error: 'EOF' },
    { name: 'exporting to GitHub Actions Cache', started, completed },
    { name: 'exporting cache to Azure Blob Storage', started, completed },
    { name: 'exporting cache to Amazon S3', started, completed },
  ];
  const to = [
    'type=registry,ref=r/a:cache',
    'type=local,dest=out',
    'type=gha,scope=x',
    'type=azblob,name=x',
    'type=s3,bucket=x',
    'type=inline',
    'type=registry,ref=r/b:cache',
  ];
  assert.deepEqual(
    cacheOf(told.reverse(), { to }).to.map(({ ref, outcome, detail }) => [ref, outcome, detail]),
    [
      ['r/a:cache', 'failed', 'EOF'],
      ['type=local,dest=out', 'written', null],
      ['type=gha,scope=x', 'written', null],
      ['type=azblob,name=x', 'written', null],
      ['type=s3,bucket=x', 'written', null],
      ['type=inline', 'written', null],
      ['r/b:cache', 'off', null],
    ],
  );
});

test('keys and tokens of a cache are not told', () => {
  const spec =
    'type=s3,bucket=b,access_key_id=AKIA,"secret_access_key=one,two",session_token=three,region=eu-west-1';
  const { from, to } = cacheOf([], { from: [spec], to: [spec] });
  for (const { ref } of [...from, ...to]) assert.equal(ref, 'type=s3,bucket=b,region=eu-west-1');
});

test('warnings: checks of the Dockerfile, what buildx says, each once', () => {
  const progress = createBuildProgress(setClock());
  const line = 'WARNING: No output specified with remote driver.';
  for (const text of [line, line, 'ERROR: no warning']) progress.feed(text);
  progress.end('built');
  const parts = { state: progress.state, plan: { ...PLAN, cacheFrom: [], cacheTo: [] } };
  assert.deepEqual(resultOf('cold', 'built', parts).warnings, [
    { message: 'No output specified with remote driver.', detail: null, file: null, line: null, url: null },
  ]);
  assert.deepEqual(resultOf('warning').warnings[1], {
    message: 'MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label (line 2)',
    detail: 'The MAINTAINER instruction is deprecated, use a label instead to define an image author',
    file: 'Dockerfile',
    line: 2,
    url: 'https://docs.docker.com/go/dockerfile/rule/maintainer-deprecated/',
  });
});
