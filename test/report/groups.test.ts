import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBuildProgress } from '../../src/engine/progress.ts';
import { groupElapsedMs, groupsOf, placeOf, stagesOf, titleOf } from '../../src/report/groups.ts';
import { play, setClock, type Told, vertexLine } from './support.ts';

function stateOf(...vertexes: readonly Told[]) {
  const progress = createBuildProgress(setClock());
  progress.feed(vertexLine(...vertexes));
  return progress.state;
}

test('the parts of a build come in the order in which they run', () => {
  assert.deepEqual(
    groupsOf(play('cold').state).map((group) => [group.label, group.status, group.steps.length]),
    [
      ['load', 'done', 5],
      ['cache import', 'error', 1],
      ['base', 'done', 3],
      ['dependencies', 'done', 2],
      ['final', 'done', 3],
      ['export', 'done', 1],
      ['cache export', 'done', 1],
    ],
  );
});

test('a stage comes after those that it needs, however BuildKit announces them', () => {
  const base = { name: '[base 1/1] FROM x' };
  const tool = { name: '[zlib 1/1] RUN make', inputs: ['[base 1/1] FROM x'] };
  const copy = { name: '[app 1/2] COPY --from=zlib /z /z', inputs: ['[zlib 1/1] RUN make'] };
  const last = { name: '[app 2/2] RUN test', inputs: ['[app 1/2] COPY --from=zlib /z /z'] };
  for (const told of [
    [base, tool, copy, last],
    [last, copy, tool, base],
    [copy, last, base, tool],
  ])
    assert.deepEqual(
      stagesOf(stateOf(...told)).map((stage) => [stage.label, ...stage.steps.map((step) => step.number)]),
      [
        ['base', 1],
        ['zlib', 1],
        ['app', 1, 2],
      ],
    );
});

test('every platform is a stage of its own, and the only stage of a Dockerfile has a name too', () => {
  assert.deepEqual(
    stagesOf(play('platforms').state).map((stage) => stage.label),
    ['Dockerfile linux/amd64', 'Dockerfile linux/arm64'],
  );
});

test('a stage is cached if all that it makes is, whatever became of its FROM', () => {
  const from = { name: '[1/3] FROM x', started: 0, completed: 5 };
  const cached = { name: '[2/3] RUN a', started: 5, completed: 5, cached: true };
  const made = { name: '[3/3] RUN b', started: 5, completed: 9 };
  const statusOf = (...told: readonly Told[]) => stagesOf(stateOf(...told))[0]?.status;
  assert.equal(statusOf(from, cached), 'cached');
  assert.equal(statusOf(from, cached, made), 'done');
  assert.equal(statusOf(from), 'done');
  assert.equal(statusOf({ ...from, cached: true }), 'cached');
  assert.equal(statusOf(from, { name: '[3/3] RUN b' }), 'waiting');
  assert.equal(statusOf(from, { name: '[3/3] RUN b', started: 5 }), 'running');
  assert.equal(statusOf({ name: '[2/3] RUN a', started: 5 }, { ...made, error: 'no' }), 'error');
});

test('steps that run side by side are counted once in the time of their part', () => {
  const clock = setClock();
  const progress = createBuildProgress(clock);
  progress.feed(
    vertexLine({ name: '[a 1/2] COPY x', started: 100 }, { name: '[a 2/2] COPY y', started: 100 }),
  );
  clock.ms = 40;
  progress.feed(vertexLine({ name: '[a 1/2] COPY x', started: 100, completed: 140 }));
  clock.ms = 70;
  const [stage] = stagesOf(progress.state);
  assert.ok(stage);
  assert.equal(groupElapsedMs(stage, clock.ms), 70);
  progress.feed(vertexLine({ name: '[a 2/2] COPY y', started: 100, completed: 165 }));
  const [over] = stagesOf(progress.state);
  assert.ok(over);
  assert.equal(groupElapsedMs(over, 9_999), 65, 'the time of the builder once it is over');
});

test('a step is named by its place and the words of the Dockerfile, without digests', () => {
  const named = (name: string) => {
    const [step] = stateOf({ name }).steps;
    assert.ok(step);
    return `[${placeOf(step)}] ${titleOf(step)}`;
  };
  assert.equal(
    named(`[linux/arm64 base 1/3] FROM x@sha256:${'a'.repeat(64)}`),
    '[base linux/arm64 1/3] FROM x',
  );
  assert.equal(named('[2/3] RUN make'), '[2/3] RUN make');
  assert.equal(named('importing cache manifest from r/a:c'), '[cache import] r/a:c');
  assert.equal(named('exporting cache to client directory'), '[cache export] client directory');
  assert.equal(named('exporting to GitHub Actions Cache'), '[cache export] GitHub Actions Cache');
  assert.equal(named('exporting to image'), '[export] exporting to image');
  assert.equal(named('something new'), '[load] something new');
});
