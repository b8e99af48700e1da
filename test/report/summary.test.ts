import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { BuildResult, SegmentResult } from '../../src/report/build-result.ts';
import { summary } from '../../src/report/summary.ts';
import { PLAN, resultOf } from './support.ts';

const WIDE = { colour: false, columns: 100 };
const DIGEST = `sha256:${'1'.repeat(64)}`;
const lines = (result: BuildResult, style = WIDE) => summary(result, style).split('\n');

test('a first build: everything was made, nothing was in the cache, now something is', () => {
  assert.deepEqual(
    lines(resultOf('cold', 'built', { compressedBytes: 53_000_000, pushedBytes: 6_000_000 })),
    [
      'Built final in 11.2 s (solved, builder testbed)',
      '  image   127.0.0.1:5000/team/chat:1',
      `          ${DIGEST}, 53.0 MB compressed`,
      '  solved  all by BuildKit: --way solved',
      '  steps   0 cached, 7 executed, of 7 steps',
      '  bytes   46.6 MB pulled, 6.0 MB pushed, 585 B of context sent',
      '  cache   127.0.0.1:5000/team/chat:cache: none yet, written',
      '  time    solve 9.9 s, export 0.4 s, push 0.5 s, cache export 0.5 s',
      '',
    ],
  );
});

test('the same again: everything was in the cache', () => {
  const looks = [
    { reference: '127.0.0.1:5000/team/chat:cache', outcome: 'hit', detail: '12 layers' },
  ] as const;
  assert.deepEqual(lines(resultOf('unchanged', 'built', { looks })), [
    'Built final in 0.2 s (solved, builder testbed)',
    '  image   127.0.0.1:5000/team/chat:1',
    `          ${DIGEST}`,
    '  solved  all by BuildKit: --way solved',
    '  steps   7 cached, 0 executed, of 7 steps',
    '  bytes   0 B pulled, 528 B of context sent',
    '  cache   127.0.0.1:5000/team/chat:cache: found (12 layers), written',
    '  time    cache export 0.1 s',
    '',
  ]);
});

test('one changed line on another machine: a step that came from the cache and was pulled counts as cached', () => {
  const said = lines(resultOf('one-line'));
  assert.deepEqual(said.slice(4, 6), [
    '  steps   5 cached, 2 executed, of 7 steps',
    '  bytes   52.5 MB pulled, 591 B of context sent',
  ]);
});

test('a narrow terminal folds the times', () => {
  assert.deepEqual(lines(resultOf('cold'), { colour: false, columns: 50 }).slice(-3), [
    '  time    solve 9.9 s, export 0.4 s, push 0.5 s,',
    '          cache export 0.5 s',
    '',
  ]);
});

test('warnings of the Dockerfile have their place and page', () => {
  const plan = { ...PLAN, cacheFrom: [], cacheTo: [] };
  assert.deepEqual(lines(resultOf('warning', 'built', { plan })).slice(-5), [
    "warning: Dockerfile:1: FromAsCasing: 'as' and 'FROM' keywords' casing do not match (https://docs.docker.com/go/dockerfile/rule/from-as-casing/)",
    'warning: Dockerfile:2: MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label (https://docs.docker.com/go/dockerfile/rule/maintainer-deprecated/)',
    'warning: Dockerfile:4: JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals (https://docs.docker.com/go/dockerfile/rule/json-args-recommended/)',
    'hint: Nothing was kept for a build on another machine: --cache-repo HOST/REPOSITORY keeps the layers in a registry.',
    '',
  ]);
});

test('a cache that cannot be reached: the build is fine, and the reason is told', () => {
  const reference = '127.0.0.1:9/team/chat:cache';
  const spec = `type=registry,ref=${reference}`;
  const plan = { ...PLAN, cacheFrom: [{ spec, reference }], cacheTo: [spec] };
  const said = lines(resultOf('cache-refused', 'built', { plan }));
  assert.deepEqual(said.slice(6), [
    `  cache   ${reference}: could not be read, could not be written`,
    `warning: the cache ${reference} could not be read, so nothing came from it`,
    `  failed to configure registry cache importer: failed to do request: Head "http://127.0.0.1:9/v2/team/chat/manifests/cache": dial tcp 127.0.0.1:9: connect: connection refused`,
    `warning: the cache ${reference} could not be written, so the next build starts without it`,
    `  error writing layer blob: failed to do request: Head "http://127.0.0.1:9/v2/team/chat/blobs/sha256:52cb7e20e99ed57ad24b6f1bff8f58c8dbae6788f325fb720dbbc92d6e439150": dial tcp 127.0.0.1:9: connect: connection refused`,
    '',
  ]);
});

test('a build that failed or was interrupted has no image', () => {
  assert.deepEqual(lines(resultOf('run-failed', 'failed')).slice(0, 3), [
    'Not built: final, after 0.2 s',
    '  solved  all by BuildKit: --way solved',
    '  steps   0 cached, 2 executed, 1 not run, of 3 steps',
  ]);
  assert.equal(lines(resultOf('interrupted', 'interrupted'))[0], 'Interrupted after 1.4 s: final');
});

test('colour changes nothing but the look', () => {
  const result = resultOf('cold');
  const coloured = summary(result, { ...WIDE, colour: true });
  assert.notEqual(coloured, summary(result, WIDE));
  assert.equal(stripVTControlCharacters(coloured), summary(result, WIDE));
});

const APT: SegmentResult = {
  ...{ kind: 'solved', stage: 'base', fromLine: 2, toLine: 3, outcome: 'solved' },
  reasons: [
    { place: 'Dockerfile:2', instruction: 'RUN', reason: 'apt-get is run', hint: null },
    {
      ...{ place: 'Dockerfile:3', instruction: 'RUN', reason: 'pip builds from source' },
      hint: 'A version that has a wheel would be composed.',
    },
  ],
};

/** A composed build: five layers of the base, and what is given. */
function composedBuild(parts: Partial<BuildResult>): BuildResult {
  return {
    ...resultOf('unchanged'),
    ...{ way: 'composed', reason: 'nothing has to run', builder: null, stages: [], warnings: [], next: [] },
    segments: [
      { kind: 'composed', stage: 'final', fromLine: 4, toLine: 9, outcome: 'composed', reasons: [] },
    ],
    layers: { given: 5, found: 78, made: [{ title: 'COPY . /app', bytes: 12_000, seconds: 0.02 }] },
    steps: { cached: 0, executed: 0, total: 0 },
    bytes: { pulled: 0, pushed: 15_000, context: 0 },
    cache: { from: [], to: [] },
    seconds: { ...resultOf('unchanged').seconds, total: 0.6, cacheExport: 0 },
    ...parts,
  };
}

test('a composed build: how many layers there were, and which were made; no builder, no context, no steps', () => {
  assert.deepEqual(lines(composedBuild({})), [
    'Built final in 0.6 s (composed, no builder)',
    '  image   127.0.0.1:5000/team/chat:1',
    `          ${DIGEST}`,
    '  layers  5 of base images and solved segments, 78 found, 1 made (12.0 kB)',
    '          made: COPY . /app, 12.0 kB',
    '  bytes   0 B pulled, 15.0 kB pushed',
    '',
  ]);
});

test('of several platforms each image is named, and what only one of them had solved', () => {
  const platforms = ['amd64', 'arm64'].map((name, at) => ({
    ...{ platform: `linux/${name}`, digest: `sha256:${String(at).repeat(64)}`, compressedBytes: 40_000_000 },
  }));
  const image = { digest: DIGEST, references: ['a:1'], compressedBytes: 80_000_000, platforms };
  const said = lines(composedBuild({ image, segments: [{ ...APT, platform: 'linux/amd64' }] }));
  assert.deepEqual(said.slice(1, 5), [
    '  image   a:1',
    `          ${DIGEST}, 80.0 MB compressed`,
    `          linux/amd64: sha256:${'0'.repeat(64)}, 40.0 MB`,
    `          linux/arm64: sha256:${'1'.repeat(64)}, 40.0 MB`,
  ]);
  assert.ok(said.includes('  solved  Dockerfile:2 RUN for linux/amd64: apt-get is run'), said.join('\n'));
});

test('a composed build that made much names none of it', () => {
  const made = Array.from({ length: 6 }, (_, at) => ({ title: `p${at} 1.0`, bytes: 1_000, seconds: 0.1 }));
  const said = lines(composedBuild({ layers: { given: 0, found: 0, made } }));
  assert.deepEqual(
    said.filter((line) => line.includes('made')),
    ['  layers  0 of base images and solved segments, 0 found, 6 made (6.0 kB)'],
  );
});

test('what BuildKit solved is told with its reasons, and what would help', () => {
  const built = composedBuild({
    segments: [APT],
    builder: { name: 'testbed', driver: 'remote' },
    steps: { cached: 0, executed: 2, total: 2 },
  });
  const said = lines(built);
  assert.equal(said[0], 'Built final in 0.6 s (composed, builder testbed)');
  assert.deepEqual(said.slice(5, 10), [
    '  solved  Dockerfile:2 RUN: apt-get is run',
    '          Dockerfile:3 RUN: pip builds from source',
    '            A version that has a wheel would be composed.',
    '  steps   0 cached, 2 executed, of 2 steps',
    '  bytes   0 B pulled, 15.0 kB pushed, 0 B of context sent',
  ]);
});

test('why a step that BuildKit ran is not split is told below its reasons', () => {
  const notSplit = { reason: '90 MB of it are hard links', hint: 'Keep the cache out of the image.' };
  const said = lines(composedBuild({ segments: [{ ...APT, notSplit }] }));
  const at = said.indexOf(`            not split: ${notSplit.reason}`);
  assert.match(said[at - 1] ?? '', /A version that has a wheel would be composed/);
  assert.equal(said[at + 1]?.trim(), notSplit.hint);
  const reused = lines(composedBuild({ segments: [{ ...APT, outcome: 'reused', notSplit }] }));
  assert.ok(reused.includes(`            not split: ${notSplit.reason}`), reused.join('\n'));
  assert.ok(!reused.some((line) => line.includes(notSplit.hint)), 'without advice');
});

test('what was solved by an earlier build is told to be reused, without advice', () => {
  const said = lines(composedBuild({ segments: [{ ...APT, outcome: 'reused' }] }));
  assert.deepEqual(said.slice(5, 8), [
    '  solved  Dockerfile:2 RUN (reused): apt-get is run',
    '          Dockerfile:3 RUN (reused): pip builds from source',
    '  bytes   0 B pulled, 15.0 kB pushed',
  ]);
});

test('a build that was left to BuildKit says each reason once', () => {
  const plan = {
    ...PLAN,
    segments: ['base', 'final'].map((stage, at) => ({
      ...{ stage, fromLine: at + 1, toLine: at + 1, reason: 'it is for several platforms' },
    })),
  };
  assert.deepEqual(
    lines(resultOf('unchanged', 'built', { plan })).filter((line) => line.includes('BuildKit')),
    ['  solved  all by BuildKit: it is for several platforms'],
  );
});
