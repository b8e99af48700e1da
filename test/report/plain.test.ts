import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BuildOutcome, createBuildProgress } from '../../src/engine/progress.ts';
import { plainView } from '../../src/report/plain.ts';
import { testHost } from '../support/host.ts';
import { logLine, play, type Recording, setClock, transferLine, vertexLine } from './support.ts';

function said(name: Recording, outcome: BuildOutcome = 'built'): readonly string[] {
  const clock = setClock();
  const host = testHost({ clock });
  const view = plainView(host);
  const { state } = play(name, { outcome, clock, each: view.update });
  view.finish(state, outcome);
  return host.written.talk.trimEnd().split('\n');
}

/** A build that is told line by line, with a clock to be set; `new()` is what was said since it was asked last. */
function telling() {
  const clock = setClock();
  const host = testHost({ clock });
  const view = plainView(host);
  const progress = createBuildProgress(clock);
  let seen = 0;
  return {
    at(ms: number, ...lines: string[]) {
      clock.ms = ms;
      for (const line of lines) {
        progress.feed(line);
        view.update(progress.state, line);
      }
      const text = host.written.talk.slice(seen);
      seen = host.written.talk.length;
      return text.split('\n').slice(0, -1);
    },
    end(outcome: BuildOutcome) {
      progress.end(outcome);
      view.finish(progress.state, outcome);
      return host.written.talk.slice(seen).split('\n').slice(0, -1);
    },
  };
}

test('a first build, as a CI log shows it', () => {
  assert.deepEqual(said('cold'), [
    '[load] load build definition from Dockerfile: done in 0.0 s, 393 B',
    '[load] load metadata for docker.io/library/python:3.11-slim: done in 0.0 s',
    '[load] load .dockerignore: done in 0.0 s, 45 B',
    '[cache import] 127.0.0.1:5000/team/chat:cache: none yet (0.0 s)',
    '[load] load build context: done in 0.0 s, 147 B',
    '[base 1/3] FROM docker.io/library/python:3.11-slim',
    '[base 1/3] done in 3.3 s, 46.6 MB',
    '[base 2/3] RUN useradd --create-home app: done in 0.5 s',
    '[base 3/3] WORKDIR /app: done in 0.0 s',
    '[dependencies 1/2] COPY requirements.txt .: done in 0.0 s',
    '[dependencies 2/2] RUN python -m venv /venv && for name in $(cat requirements.txt); do echo "Collecting $name"; done; sleep 1',
    '[dependencies 2/2] | Collecting fastapi',
    '[dependencies 2/2] | Collecting httpx',
    '[dependencies 2/2] | Collecting uvicorn',
    '[dependencies 2/2] done in 5.1 s',
    '[final 1/3] COPY --from=dependencies /venv /venv: done in 0.6 s',
    '[final 2/3] COPY --link app app: done in 0.1 s',
    '[final 3/3] RUN python -m compileall -q app && echo ready',
    '[final 3/3] | ready',
    '[final 3/3] done in 0.4 s',
    '[export] exporting to image',
    '[cache export] registry',
    '[export] done in 0.8 s',
    '[cache export] done in 0.5 s',
    '[load] resolving provenance for metadata file: done in 0.0 s',
  ]);
});

test('the same build again: cached steps in the order in which they would run', () => {
  assert.deepEqual(said('unchanged').slice(6, 13), [
    '[base 2/3] CACHED RUN useradd --create-home app',
    '[base 3/3] CACHED WORKDIR /app',
    '[dependencies 1/2] CACHED COPY requirements.txt .',
    '[dependencies 2/2] CACHED RUN python -m venv /venv && for name in $(cat requirements.txt); do echo "Collecting $name"; done; sleep 1',
    '[final 1/3] CACHED COPY --from=dependencies /venv /venv',
    '[final 2/3] CACHED COPY --link app app',
    '[final 3/3] CACHED RUN python -m compileall -q app && echo ready',
  ]);
});

test('what was pulled for a cached step is told with it', () => {
  assert.deepEqual(
    said('one-line').filter((line) => line.startsWith('[final')),
    [
      '[final 1/3] CACHED COPY --from=dependencies /venv /venv, 52.5 MB',
      '[final 2/3] COPY --link app app',
      '[final 2/3] done in 5.1 s',
      '[final 3/3] RUN python -m compileall -q app && echo ready',
      '[final 3/3] | ready',
      '[final 3/3] done in 0.6 s',
    ],
  );
});

test('a failure: the last lines of the step, then why, then what was cancelled', () => {
  assert.deepEqual(said('run-failed', 'failed').slice(-5), [
    '[dependencies 1/1] RUN echo "Collecting nosuch"; echo "ERROR: No matching distribution found for nosuch" >&2; exit 3',
    '[dependencies 1/1] | ERROR: No matching distribution found for nosuch',
    '[dependencies 1/1] | Collecting nosuch',
    '[dependencies 1/1] FAILED after 0.1 s: exit code: 3',
    '[final 1/2] RUN sleep 5: cancelled after 0.1 s',
  ]);
  assert.equal(said('interrupted', 'interrupted').at(-1), '[2/2] cancelled after 1.4 s');
});

test('a cache that cannot be reached says why', () => {
  assert.match(
    said('cache-refused').find((line) => line.startsWith('[cache import]')) ?? '',
    /^\[cache import\] 127\.0\.0\.1:9\/team\/chat:cache: cannot be read \(0\.0 s\): .*connection refused$/,
  );
});

test('a step is announced when it has run for a while, and its end is told when it stays over', () => {
  const build = telling();
  const name = '[1/2] FROM python';
  const layer = `sha256:${'a'.repeat(64)}`;
  assert.deepEqual(build.at(0, vertexLine({ name, started: 0 })), []);
  assert.deepEqual(build.at(299, transferLine(name, layer, 500, 1_000)), []);
  assert.deepEqual(build.at(300, transferLine(name, layer, 1_000, 1_000)), ['[1/2] FROM python']);
  assert.deepEqual(build.at(400, vertexLine({ name, started: 0, completed: 400 })), []);
  // BuildKit comes back to it to unpack the next layer.
  assert.deepEqual(build.at(402, vertexLine({ name, started: 402 })), []);
  assert.deepEqual(build.at(900, vertexLine({ name, started: 402, completed: 900 })), []);
  const [started, other] = [900, '[2/2] RUN make'];
  assert.deepEqual(build.at(1_199, vertexLine({ name: other, started })), []);
  assert.deepEqual(build.at(1_200, logLine('other', '')), ['[1/2] done in 0.9 s, 1.0 kB']);
  assert.deepEqual(build.at(5_000, vertexLine({ name, started: 5_000, completed: 5_001 })), [
    '[2/2] RUN make',
  ]);
  assert.deepEqual(build.end('built'), [], 'an instant more is no news');
});

test('a failure that comes late to a step is told, however short', () => {
  const build = telling();
  const name = '[1/1] FROM python';
  build.at(0, vertexLine({ name, started: 0, completed: 10 }));
  assert.deepEqual(build.at(500, logLine('x', '')), ['[1/1] FROM python: done in 0.0 s']);
  const error = '403 Forbidden';
  assert.deepEqual(build.at(900, vertexLine({ name, started: 900, completed: 901, error })), [
    '[1/1] FROM python: FAILED after 0.0 s: 403 Forbidden',
  ]);
});

test('steps that print side by side take turns of some seconds, a flood is not held back', () => {
  const build = telling();
  const [a, b] = ['[a 1/1] RUN a', '[b 1/1] RUN b'];
  build.at(0, vertexLine({ name: a, started: 0 }, { name: b, started: 0 }));
  assert.deepEqual(build.at(10, logLine(a, 'a1\n')), [`[a 1/1] RUN a`, '[a 1/1] | a1']);
  assert.deepEqual(build.at(20, logLine(b, 'b1\n')), []);
  assert.deepEqual(build.at(200, logLine(a, 'a2\n')), ['[a 1/1] | a2']);
  assert.deepEqual(build.at(3_100, logLine(a, 'a3\n')), ['[b 1/1] RUN b', '[a 1/1] | a3', '[b 1/1] | b1']);
  assert.deepEqual(build.at(3_200, logLine(a, 'a4\n')), []);
  const flood = build.at(3_300, logLine(a, 'more\n'.repeat(200)));
  assert.equal(flood.length, 201);
  assert.deepEqual(build.at(3_400, logLine(a, 'a5\n')), []);
  assert.deepEqual(build.at(3_500, vertexLine({ name: a, started: 0, completed: 3_500 })), []);
  assert.deepEqual(build.end('built'), ['[a 1/1] | a5', '[a 1/1] done in 3.5 s']);
});

test('a build that says nothing for half a minute gives a sign of life', () => {
  const build = telling();
  const name = '[1/1] RUN make';
  build.at(0, vertexLine({ name, started: 0 }));
  assert.deepEqual(build.at(1_000, logLine('other', '')), ['[1/1] RUN make']);
  assert.deepEqual(build.at(30_999, logLine('other', '')), []);
  assert.deepEqual(build.at(31_000, logLine('other', '')), ['[1/1] still running after 31.0 s']);
  assert.deepEqual(build.at(60_999, logLine('other', '')), []);
  build.end('interrupted');
});
