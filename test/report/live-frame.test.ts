import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { type BuildOutcome, createBuildProgress } from '../../src/engine/progress.ts';
import { displayWidth, painter } from '../../src/report/format.ts';
import { liveFrame } from '../../src/report/live-frame.ts';
import { logLine, play, type Recording, setClock, transferLine, vertexLine } from './support.ts';

const STYLE = { columns: 72, rows: 24, paint: painter(false) };
const NOTHING_MORE = { ...STYLE, rows: Number.POSITIVE_INFINITY };

/** What stands on the terminal behind the line of a recorded build that has this text. */
function frameAt(name: Recording, until: string, style = STYLE): readonly string[] {
  const { state, clock } = play(name, { until });
  return liveFrame(state, clock.ms, style);
}

function finalFrame(name: Recording, outcome: BuildOutcome): readonly string[] {
  const { state, clock } = play(name, { outcome });
  return liveFrame(state, clock.ms, NOTHING_MORE);
}

test('the base image is pulled: its bytes, its time, and all that waits for it', () => {
  assert.deepEqual(frameAt('cold', 'extracting sha256:794369'), [
    '✓ load         4 steps  585 B                                      0.0 s',
    '- cache import 127.0.0.1:5000/team/chat:cache  none yet            0.0 s',
    '▸ base         0 of 2 steps  46.6 MB                               2.1 s',
    '  ▸ 1/3   FROM docker.io/library/python:3.11-slim  46.6 MB         2.1 s',
    '  · 2/3   RUN useradd --create-home app                          waiting',
    '  · 3/3   WORKDIR /app                                           waiting',
    '· dependencies 0 of 2 steps                                      waiting',
    '· final        0 of 3 steps                                      waiting',
    '  2.1 s · 0 of 7 steps · 46.6 MB pulled',
  ]);
});

test('a running step shows the last lines that it prints, a long command is cut', () => {
  assert.deepEqual(frameAt('cold', '"logs"').slice(2, 9), [
    '✓ base         2 steps  46.6 MB                                    3.8 s',
    '▸ dependencies 1 of 2 steps                                        0.0 s',
    '  ✓ 1/2   COPY requirements.txt .                                  0.0 s',
    '  ▸ 2/2   RUN python -m venv /venv && for name in $(cat requirem…  0.0 s',
    '        Collecting fastapi',
    '        Collecting httpx',
    '        Collecting uvicorn',
  ]);
});

test('image and cache are exported side by side: each says what it does now', () => {
  assert.deepEqual(frameAt('cold', 'pushing manifest for').slice(-3), [
    '▸ export       pushing manifest for 127.0.0.1:5000/team/chat:1@s…  0.7 s',
    '▸ cache export preparing build cache for export                    0.3 s',
    '  10.9 s · 7 of 7 steps · 46.6 MB pulled',
  ]);
  const wide = frameAt('cold', 'pushing manifest for', { ...STYLE, columns: 100 }).at(-3);
  assert.match(wide ?? '', /pushing manifest for 127\.0\.0\.1:5000\/team\/chat:1@sha256:f78ba6aa {2}/);
});

test('what stays after a first build: a line for each part', () => {
  assert.deepEqual(finalFrame('cold', 'built'), [
    '✓ load         5 steps  585 B                                      0.1 s',
    '- cache import 127.0.0.1:5000/team/chat:cache  none yet            0.0 s',
    '✓ base         2 steps  46.6 MB                                    3.8 s',
    '✓ dependencies 2 steps                                             5.1 s',
    '✓ final        3 steps                                             1.0 s',
    '✓ export       exporting to image, pushed                          0.8 s',
    '✓ cache export to registry, 12 layers                              0.5 s',
    '  11.2 s · 7 of 7 steps · 46.6 MB pulled',
  ]);
});

test('what stays after the same build again: everything came from the cache', () => {
  assert.deepEqual(finalFrame('unchanged', 'built').slice(1, 5), [
    '✓ cache import 127.0.0.1:5000/team/chat:cache  found               0.0 s',
    '✓ base         2 steps                                            CACHED',
    '✓ dependencies 2 steps                                            CACHED',
    '✓ final        3 steps                                            CACHED',
  ]);
});

test('a step from the cache is cached also when its layers had to be pulled', () => {
  assert.deepEqual(frameAt('one-line', 'extracting sha256:df99717c').slice(4), [
    '▸ final        1 of 3 steps, 1 cached  52.5 MB                     3.0 s',
    '  ✓ 1/3   COPY --from=dependencies /venv /venv  52.5 MB           CACHED',
    '  ▸ 2/3   COPY --link app app                                      2.9 s',
    '  · 3/3   RUN python -m compileall -q app && echo ready          waiting',
    '  3.1 s · 5 of 7 steps · 5 cached · 52.5 MB pulled',
  ]);
});

test('what stays after a failure: the step that failed, and what was cancelled for it', () => {
  assert.deepEqual(finalFrame('run-failed', 'failed'), [
    '✓ load         3 steps  272 B                                      0.0 s',
    '✓ base         1 step                                              0.0 s',
    '✗ dependencies 0 of 1 step                               FAILED    0.1 s',
    '  ✗ 1/1   RUN echo "Collecting nosuch"; echo "ERROR: N…  FAILED    0.1 s',
    '- final        0 of 2 steps                           cancelled    0.1 s',
    '  0.2 s · 0 of 3 steps',
  ]);
});

test('two platforms are two lines', () => {
  assert.deepEqual(finalFrame('platforms', 'built').slice(1, 3), [
    '✓ Dockerfile linux/amd64 2 steps                                   0.1 s',
    '✓ Dockerfile linux/arm64 2 steps                                   0.1 s',
  ]);
});

test('caches that cannot be reached are told; one that was not written is a failure only of a build that failed', () => {
  const frame = finalFrame('cache-refused', 'built');
  assert.equal(frame[1], '- cache import 127.0.0.1:9/team/chat:cache  cannot be read         0.0 s');
  assert.equal(frame[4], '- cache export to registry, not written                            0.0 s');
  assert.equal(
    finalFrame('cache-refused', 'failed')[4],
    '✗ cache export to registry, 1 layer                      FAILED    0.0 s',
  );
});

test('once the build is over nothing waits any more', () => {
  const clock = setClock();
  const progress = createBuildProgress(clock);
  progress.feed(
    vertexLine({ name: '[final 1/1] RUN b', inputs: ['[base 1/1] RUN a'] }, { name: '[base 1/1] RUN a' }),
  );
  progress.feed(vertexLine({ name: '[base 1/1] RUN a', started: 0 }));
  progress.end('interrupted');
  assert.deepEqual(liveFrame(progress.state, 2_000, NOTHING_MORE), [
    '- base         0 of 1 step                            cancelled    2.0 s',
    '· final        0 of 1 step                                       not run',
    '  0.0 s · 0 of 2 steps',
  ]);
});

test('what does not fit the height is left out, the running step last', () => {
  const rows = (count: number) => frameAt('cold', 'extracting sha256:794369', { ...STYLE, rows: count });
  assert.deepEqual(rows(9).length, 9);
  assert.deepEqual(rows(8), [
    '✓ load         4 steps  585 B                                      0.0 s',
    '- cache import 127.0.0.1:5000/team/chat:cache  none yet            0.0 s',
    '▸ base         0 of 2 steps  46.6 MB                               2.1 s',
    '  ▸ 1/3   FROM docker.io/library/python:3.11-slim  46.6 MB         2.1 s',
    '· dependencies 0 of 2 steps                                      waiting',
    '· final        0 of 3 steps                                      waiting',
    '  2.1 s · 0 of 7 steps · 46.6 MB pulled',
  ]);
  assert.deepEqual(rows(6).slice(3), [
    '  ▸ 1/3   FROM docker.io/library/python:3.11-slim  46.6 MB         2.1 s',
    '· 2 parts waiting',
    '  2.1 s · 0 of 7 steps · 46.6 MB pulled',
  ]);
  for (const count of [5, 4, 3, 2, 1]) {
    assert.equal(rows(count).length, count);
    assert.equal(rows(count).at(-1), '  2.1 s · 0 of 7 steps · 46.6 MB pulled');
  }
  assert.equal(frameAt('cold', '"logs"', { ...STYLE, rows: 7 })[0], '✓ 2 parts done');
});

test('no line is wider than the terminal, whatever stands in it', () => {
  const progress = createBuildProgress(setClock());
  const name = `[${'a-very-long-stage-name-'.repeat(3)} 1/1] RUN echo 日本語日本語日本語日本語`;
  progress.feed(vertexLine({ name, started: 0 }));
  progress.feed(transferLine(name, `sha256:${'a'.repeat(64)}`, 12_340_000, 80_000_000));
  progress.feed(logLine(name, `${'日本語 '.repeat(40)}\n`));
  for (const columns of [120, 80, 60, 50, 40]) {
    const plain = liveFrame(progress.state, 1_000, { ...STYLE, columns });
    for (const line of plain) assert.ok(displayWidth(line) <= columns, `${columns}: ${line}`);
    const coloured = liveFrame(progress.state, 1_000, { ...STYLE, columns, paint: painter(true) });
    assert.deepEqual(coloured.map(stripVTControlCharacters), plain);
  }
});
