import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBuildProgress, elapsedMs, failedStep, unionOf } from '../../src/engine/progress.ts';
import { LogTail } from '../../src/engine/progress-log.ts';
import { parseStepName } from '../../src/engine/progress-name.ts';
import { bytesOf, cacheExportsOf, cacheImportsOf, totalsOf } from '../../src/engine/progress-totals.ts';
import { logLine, setClock, transferLine, vertexLine } from '../report/support.ts';

function building(limits = {}) {
  const clock = setClock();
  const progress = createBuildProgress(clock, limits);
  const step = (name: string) => {
    const found = progress.state.steps.find((one) => one.name === name);
    assert.ok(found, `no step ${name}`);
    return found;
  };
  return { ...progress, clock, step, feedAll: (...lines: string[]) => lines.forEach(progress.feed) };
}

test('the names of instructions say stage, platform, place and words', () => {
  const instruction = { kind: 'instruction', title: 'RUN make', number: 2, of: 3 };
  assert.deepEqual(parseStepName('[final 2/3] RUN make'), { ...instruction, stage: 'final' });
  assert.deepEqual(parseStepName('[2/3] RUN make'), { ...instruction, stage: '' });
  assert.deepEqual(parseStepName('[stage-1  2/3] RUN make'), { ...instruction, stage: 'stage-1' });
  const built = { ...instruction, stage: 'final', platform: 'linux/arm64' };
  assert.deepEqual(parseStepName('[linux/arm64 final 2/3] RUN make'), built);
  assert.deepEqual(parseStepName('[linux/amd64->arm64 final 2/3] RUN make'), built);
  assert.deepEqual(parseStepName('[linux/amd64->linux/arm64 final 2/3] RUN make'), built);
  assert.equal(parseStepName('[base 1/9] FROM python:3.11').kind, 'base');
  assert.equal(parseStepName('[1/2] RUN <<EOF (make\nmake install)').title, 'RUN <<EOF (make make install)');
});

test('the names around the Dockerfile say what a step is for', () => {
  const kinds = {
    '[internal] booting buildkit': 'connect',
    '[internal] load build context': 'load',
    '[linux/arm64 internal] load metadata for docker.io/library/python:3': 'load',
    '[auth] library/python:pull token for registry-1.docker.io': 'load',
    'resolve image config for docker-image://docker.io/docker/dockerfile:1': 'load',
    'importing cache manifest from r.example.com/app:cache': 'cache-import',
    'exporting to image': 'export',
    'exporting to oci image format': 'export',
    'pushing r.example.com/app:1 with docker': 'export',
    'exporting cache to registry': 'cache-export',
    'exporting to GitHub Actions Cache': 'cache-export',
    'resolving provenance for metadata file': 'other',
    'something new': 'other',
  };
  for (const [name, kind] of Object.entries(kinds)) assert.equal(parseStepName(name).kind, kind, name);
  assert.equal(parseStepName('[context wheels] load from client').title, 'context wheels: load from client');
});

test('output comes in chunks: lines and characters are put together, each stream by itself', () => {
  const log = new LogTail(10);
  const [first, second] = [Buffer.from('grün\n').subarray(0, 3), Buffer.from('grün\n').subarray(3)];
  assert.deepEqual(log.add(1, first), []);
  assert.deepEqual(log.add(2, Buffer.from('err\r\n')), ['err']);
  assert.deepEqual(log.add(1, second), ['grün']);
  assert.deepEqual(log.lines, ['err', 'grün']);
});

test('of a progress bar the last state counts, and colours are taken off', () => {
  const log = new LogTail(10);
  log.add(1, Buffer.from('10%\r50%\r'));
  assert.equal(log.partial, '50%');
  log.add(1, Buffer.from('100%\n\u001b[32mgreen\u001b[0m\tx\u0007\nbegun'));
  assert.deepEqual(log.lines, ['100%', 'green    x']);
  assert.deepEqual([log.partial, log.end(), log.partial], ['begun', ['begun'], '']);
});

test('only the last lines are kept, and a line without end does not grow', () => {
  const log = new LogTail(2);
  assert.equal(log.add(1, Buffer.from('1\n2\n3\n')).length, 3);
  assert.deepEqual([log.lines, log.dropped], [['2', '3'], 1]);
  for (let i = 0; i < 100; i++) log.add(1, Buffer.from('x'.repeat(1_000)));
  assert.equal(log.partial.length, 1_000);
});

test("a step waits, runs and is done; the time is the builder's, while it runs ours", () => {
  const { feed, feedAll, clock, step, state } = building();
  feed(vertexLine({ name: '[b 1/1] RUN b', inputs: ['[a 1/1] RUN a'] }, { name: '[a 1/1] RUN a' }));
  assert.deepEqual(
    state.steps.map((one) => [one.title, one.status]),
    [
      ['RUN a', 'waiting'],
      ['RUN b', 'waiting'],
    ],
    'announced from the end',
  );
  clock.ms = 50;
  feed(vertexLine({ name: '[a 1/1] RUN a', started: 7_000 }));
  clock.ms = 250;
  assert.deepEqual(
    [step('[a 1/1] RUN a').status, elapsedMs(step('[a 1/1] RUN a'), clock.ms)],
    ['running', 200],
  );
  feed(vertexLine({ name: '[a 1/1] RUN a', started: 7_000, completed: 7_180 }));
  clock.ms = 900;
  assert.deepEqual([step('[a 1/1] RUN a').status, elapsedMs(step('[a 1/1] RUN a'), clock.ms)], ['done', 180]);
  // BuildKit comes back to it.
  feed(vertexLine({ name: '[a 1/1] RUN a', started: 8_000 }));
  clock.ms = 910;
  assert.deepEqual(
    [step('[a 1/1] RUN a').status, elapsedMs(step('[a 1/1] RUN a'), clock.ms)],
    ['running', 190],
  );
  feed(vertexLine({ name: '[a 1/1] RUN a', started: 8_000, completed: 8_020 }));
  feed(vertexLine({ name: '[a 1/1] RUN a', started: 8_020 }));
  clock.ms = 915;
  assert.equal(elapsedMs(step('[a 1/1] RUN a'), clock.ms), 205, 'also where one span touches the next');
  feedAll(
    vertexLine({ name: '[a 1/1] RUN a', started: 8_020, completed: 8_030 }),
    vertexLine({ name: '[b 1/1] RUN b', started: 8_030, completed: 8_030, cached: true }),
  );
  assert.deepEqual(
    [elapsedMs(step('[a 1/1] RUN a'), clock.ms), step('[b 1/1] RUN b').status],
    [210, 'cached'],
  );
});

test('what came from a cache stays cached while it is pulled, unless it is made after all', () => {
  const { feed, step } = building();
  const name = '[a 1/1] RUN a';
  const inputs = ['[internal] load build context'];
  feed(vertexLine({ name, inputs, started: 0, completed: 0, cached: true }));
  feed(vertexLine({ name, started: 5 }));
  assert.deepEqual([step(name).status, step(name).cached], ['running', true]);
  feed(vertexLine({ name, started: 5, completed: 9 }));
  assert.deepEqual([step(name).status, step(name).cached], ['cached', true]);
  feed(vertexLine({ name, inputs, started: 10, completed: 20 }));
  assert.deepEqual([step(name).status, step(name).cached], ['done', false]);
});

test('COPY --link is one step, done when its link is, and cached only as a whole', () => {
  const { feed, state } = building();
  const group = { id: 'g', name: '[final 1/1] COPY --link app app' };
  const copy = { name: 'copy', progressGroup: { ...group, weak: true } };
  const link = { name: 'link', inputs: ['copy'], progressGroup: group };
  feed(vertexLine(link, copy));
  feed(vertexLine({ ...copy, started: 0, completed: 3 }));
  const [step, ...others] = state.steps;
  assert.deepEqual([step?.status, step?.title, others], ['waiting', 'COPY --link app app', []]);
  feed(vertexLine({ ...link, started: 9, completed: 9, cached: true }));
  assert.deepEqual([step?.status, step?.cached, step?.vertexes], ['done', false, ['link', 'copy']]);
});

test('the step that failed is told from those that were cancelled with it and from a cache that is not there', () => {
  const { feedAll, state, end, step } = building();
  feedAll(
    vertexLine({
      name: 'importing cache manifest from r/a:c',
      started: 0,
      completed: 1,
      error: 'r/a:c: not found',
    }),
    vertexLine({ name: '[a 1/1] RUN a', started: 1, completed: 9, error: 'process "a": context canceled' }),
    vertexLine({ name: '[b 1/1] RUN b', started: 1, completed: 8, error: 'process "b": exit code: 3' }),
    vertexLine({ name: '[c 1/1] RUN c', started: 1 }),
  );
  assert.equal(failedStep(state)?.title, 'RUN b');
  assert.equal(step('[c 1/1] RUN c').status, 'running');
  end('failed');
  assert.deepEqual(
    state.steps.map((one) => one.status),
    ['error', 'cancelled', 'error', 'cancelled'],
  );
  assert.equal(state.outcome, 'failed');
});

test('printed lines are those of the last change alone, text is what is no progress', () => {
  const { feed, end, state } = building({ textLines: 2 });
  feed(vertexLine({ name: 'x', started: 0 }));
  feed(logLine('x', 'one\ntwo'));
  assert.deepEqual(state.printed, [{ key: 'x', text: 'one' }]);
  feed('ERROR: a\r\n');
  assert.deepEqual(state.printed, []);
  feed('{"vertexes": cut off');
  feed('{"vertexes": 5, "logs": null}');
  feed('ERROR: b');
  assert.deepEqual(state.text, ['{"vertexes": cut off', 'ERROR: b']);
  end('failed');
  assert.deepEqual(state.printed, [{ key: 'x', text: 'two' }]);
});

test('bytes: a layer that two steps wait for counts once, what is unpacked or exported not at all', () => {
  const { feedAll, step, state } = building();
  const layer = `sha256:${'a'.repeat(64)}`;
  feedAll(
    vertexLine({ name: '[a 1/2] FROM x', started: 0 }, { name: '[b 1/2] FROM x', started: 0 }),
    vertexLine(
      { name: 'exporting to image', started: 0 },
      { name: '[internal] load build context', started: 0 },
    ),
    transferLine('[a 1/2] FROM x', layer, 600, 1_000),
    transferLine('[b 1/2] FROM x', layer, 500, 1_000),
    transferLine('[a 1/2] FROM x', `extracting ${layer}`, 300),
    transferLine('exporting to image', layer, 7, 7),
    transferLine('[internal] load build context', 'transferring context:', 40),
  );
  assert.deepEqual(bytesOf(step('[a 1/2] FROM x')), { current: 600, total: 1_000 });
  assert.deepEqual(totalsOf(state).bytes, { pulled: 600, context: 40, pushed: undefined });
  feedAll(
    vertexLine({ name: 'pushing r/a:1 with docker', started: 0 }),
    transferLine('pushing r/a:1 with docker', layer, 30, 30),
  );
  assert.equal(totalsOf(state).bytes.pushed, 30);
});

test('caches: found, not there yet, unreadable; written or failed', () => {
  const { feedAll, state } = building();
  const [started, completed] = [0, 1];
  feedAll(
    vertexLine({ name: 'importing cache manifest from r/a:1', started, completed }),
    vertexLine({
      name: 'importing cache manifest from r/a:2',
      started,
      completed,
      error: 'r/a:2: not found',
    }),
    vertexLine({
      name: 'importing cache manifest from r/a:3',
      started,
      completed,
      error: 'connection refused',
    }),
    vertexLine({ name: 'importing cache manifest from r/a:4' }),
    vertexLine({ name: 'exporting cache to registry', started, completed }),
    vertexLine({ name: 'exporting to GitHub Actions Cache', started }),
  );
  assert.deepEqual(cacheImportsOf(state), [
    { ref: 'r/a:1', outcome: 'hit' },
    { ref: 'r/a:2', outcome: 'miss', detail: 'r/a:2: not found' },
    { ref: 'r/a:3', outcome: 'unreadable', detail: 'connection refused' },
  ]);
  assert.deepEqual(cacheExportsOf(state), [
    { kind: 'registry', outcome: 'written' },
    { kind: 'GitHub Actions Cache', outcome: 'failed', detail: 'not finished' },
  ]);
});

test('spans are merged where they touch', () => {
  const spans = [
    { start: 5, end: 6 },
    { start: 0, end: 2 },
    { start: 2, end: 3 },
    { start: 9 },
    { start: 10, end: 11 },
  ];
  assert.deepEqual(unionOf(spans), [{ start: 0, end: 3 }, { start: 5, end: 6 }, { start: 9 }]);
});
