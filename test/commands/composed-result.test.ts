import assert from 'node:assert/strict';
import { test } from 'node:test';
import { composedResult } from '../../src/commands/compose/composed-result.ts';
import type { Told } from '../report/support.ts';
import { APT, composedParts, imageFor, LAYERS, REST, solvedState } from './composed-sample.ts';

const CACHE = '127.0.0.1:5000/team/chat:cache';
const BUILDER = { name: 'testbed', driver: 'remote', release: async () => {} };
const importing = { name: `importing cache manifest from ${CACHE}`, started: 0, completed: 1 };
const exporting = { name: 'exporting cache to registry', started: 0, completed: 1 };

/** A build in which BuildKit solved the first segment, and said this of it. */
const solving = (...told: readonly Told[]) =>
  composedParts({
    images: [imageFor('amd64', { solved: [{ request: { key: 'a' } }] })],
    builder: BUILDER as unknown as NonNullable<ReturnType<typeof composedParts>['builder']>,
    states: [solvedState(...told)],
  });

test('layers are counted by where they came from, and those that were made are named', () => {
  const { layers, bytes, seconds, image, builder } = composedResult(composedParts());
  assert.deepEqual(layers, {
    given: 2,
    found: 1,
    made: [
      { title: 'COPY . /app', bytes: 20_000, seconds: 0.123 },
      { title: 'WORKDIR /app', bytes: 0, seconds: 0.001 },
    ],
  });
  assert.deepEqual(bytes, { pulled: 700, pushed: 20_500, context: 0 });
  assert.deepEqual([seconds.total, seconds.solve, builder], [1.5, 0, null]);
  assert.deepEqual(image?.references, ['127.0.0.1:5000/team/chat:1']);
});

test('a segment is composed, reused or solved, with what kept it from being composed', () => {
  const reused = composedResult(composedParts());
  assert.deepEqual(
    reused.segments.map(({ kind, outcome, reasons }) => [kind, outcome, reasons.length]),
    [
      ['solved', 'reused', 1],
      ['composed', 'composed', 0],
    ],
  );
  assert.deepEqual(reused.segments[0]?.reasons, [
    { place: 'Dockerfile:2', instruction: 'RUN', reason: 'apt-get is run', hint: null },
  ]);
  assert.equal(reused.reason, 'what has to run was solved before');

  const solved = composedResult(solving());
  assert.equal(solved.segments[0]?.outcome, 'solved');
  assert.equal(solved.reason, 'BuildKit solved what has to run');
  assert.deepEqual(solved.builder, { name: 'testbed', driver: 'remote' });

  const images = [imageFor('amd64', { walked: { segments: [REST] } })];
  assert.equal(composedResult(composedParts({ images })).reason, 'nothing has to run');
});

test('why a step that BuildKit ran is not split is told, whether it was run now or before', () => {
  const notSplit = { reason: '/usr/bin/ping has extended attributes', hint: undefined };
  const segments = [{ ...APT, notSplit }, REST];
  const images = [imageFor('amd64', { walked: { segments } })];
  const solved = composedResult(composedParts({ images }));
  assert.deepEqual(
    solved.segments.map((segment) => segment.notSplit),
    [{ ...notSplit, hint: null }, undefined],
  );
  assert.equal('notSplit' in (composedResult(solving()).segments[0] ?? {}), false);
});

test('steps, bytes and caches of solved segments are added up; a cache that failed once failed', () => {
  const run = { name: '[base 2/2] RUN apt-get update', started: 0, completed: 4_000 };
  const parts = solving(run, importing, { ...exporting, error: 'denied' });
  const result = composedResult({
    ...parts,
    looks: [{ reference: CACHE, outcome: 'hit', detail: '9 layers' }],
    states: [solvedState({ ...run, cached: true }, exporting), ...parts.states],
  });
  assert.deepEqual(result.steps, { cached: 1, executed: 1, total: 2 });
  assert.deepEqual(result.cache, {
    from: [{ ref: CACHE, outcome: 'hit', detail: '9 layers' }],
    to: [{ ref: CACHE, outcome: 'failed', detail: 'denied' }],
  });
  assert.deepEqual(
    result.warnings.map(({ message, detail }) => [message, detail]),
    [[`the cache ${CACHE} could not be written, so the next build starts without it`, 'denied']],
  );
});

test('without a builder no layer cache is spoken of', () => {
  assert.deepEqual(composedResult(composedParts()).cache, { from: [], to: [] });
});

test('of several platforms the index is the image: sizes add up, and what they have in common is told once', () => {
  const own = { ...LAYERS[3], layer: { ...LAYERS[3]?.layer, key: 'other' } } as (typeof LAYERS)[number];
  const arm64 = { walked: { segments: [APT, REST] }, layers: [...LAYERS.slice(0, 3), own] };
  const { image, layers, segments } = composedResult(
    composedParts({
      images: [imageFor('amd64'), imageFor('arm64', arm64, 'e')],
      index: { digest: `sha256:${'f'.repeat(64)}` },
    }),
  );
  assert.equal(image?.digest, `sha256:${'f'.repeat(64)}`);
  assert.equal(image?.compressedBytes, 2 * 5_022_000);
  assert.deepEqual(
    image?.platforms?.map(({ platform, digest, compressedBytes }) => [platform, digest[7], compressedBytes]),
    [
      ['linux/amd64', 'd', 5_022_000],
      ['linux/arm64', 'e', 5_022_000],
    ],
  );
  assert.deepEqual([layers?.given, layers?.found, layers?.made.length], [2, 1, 3]);
  assert.deepEqual(
    segments.map(({ kind, platform }) => [kind, platform]),
    [
      ['solved', undefined],
      ['composed', undefined],
    ],
  );
});

test('a segment that came about in another way for one platform is told with its platform', () => {
  const composedOnly = { walked: { segments: [{ ...REST, fromLine: 2 }] } };
  const { segments } = composedResult(
    composedParts({
      images: [imageFor('amd64', composedOnly), imageFor('arm64')],
      index: { digest: `sha256:${'f'.repeat(64)}` },
    }),
  );
  assert.deepEqual(
    segments.map(({ kind, fromLine, platform }) => [kind, fromLine, platform]),
    [
      ['composed', 2, 'linux/amd64'],
      ['solved', 2, 'linux/arm64'],
      ['composed', 4, 'linux/arm64'],
    ],
  );
});
