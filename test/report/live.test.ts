import assert from 'node:assert/strict';
import { test } from 'node:test';
import { painter } from '../../src/report/format.ts';
import { liveScreen } from '../../src/report/live.ts';
import { liveFrame } from '../../src/report/live-frame.ts';
import { stepsFor } from '../../src/report/steps.ts';
import { type ProgressMode, progressModes, progressView } from '../../src/report/views.ts';
import { testHost } from '../support/host.ts';
import { play, recordedLines, setClock } from './support.ts';
import { terminal } from './terminal.ts';

test('a live view is redrawn in place, at most ten times a second, and leaves one listing', () => {
  const { host, clock, read, shown } = terminal();
  const view = progressView('tty', host);
  const drawnAt: number[] = [];
  const { state } = play('one-line', {
    clock,
    each(now, line) {
      view.update(now, line);
      if (read() === '') return;
      drawnAt.push(clock.ms);
      const style = { columns: 72, rows: 23, paint: painter(false) };
      assert.deepEqual(shown(), liveFrame(now, clock.ms, style));
    },
  });
  assert.ok(drawnAt.length > 5);
  for (const [index, ms] of drawnAt.entries())
    assert.ok(index === 0 || ms - (drawnAt[index - 1] ?? 0) >= 100);

  view.finish(state, 'built');
  assert.deepEqual(shown(), [
    '✓ load         5 steps  591 B                                      0.1 s',
    '✓ cache import 127.0.0.1:5000/team/chat:cache  found               0.0 s',
    '✓ base         2 steps                                            CACHED',
    '✓ dependencies 2 steps                                            CACHED',
    '✓ final        3 steps, 1 cached  52.5 MB                          5.9 s',
    '✓ export       exporting to image, pushed                          0.2 s',
    '✓ cache export to registry, 12 layers                              0.1 s',
    '  6.2 s · 7 of 7 steps · 5 cached · 52.5 MB pulled',
  ]);
});

test('a frame leaves a row for the cursor', () => {
  const { host, clock, shown } = terminal(72, 9);
  const view = progressView('tty', host);
  const { state } = play('cold', { clock, until: 'extracting sha256:794369' });
  view.update(state, '');
  assert.deepEqual(shown(), liveFrame(state, clock.ms, { columns: 72, rows: 8, paint: painter(false) }));
  view.finish(state, 'interrupted');
});

test('a terminal that becomes narrower has folded our lines: all of them are erased', () => {
  const { stream, talkStream, read } = terminal(40);
  const screen = liveScreen(talkStream);
  screen.draw(['x'.repeat(40), 'short']);
  read();
  stream.columns = 15;
  stream.emit('resize');
  // 40 columns are three rows of 15: two more than were written.
  assert.ok(read().endsWith('\u001b[2A\r\u001b[J'));
  screen.close();
  assert.equal(stream.listenerCount('resize'), 0);
});

test('every way to show progress has its view; auto depends on the terminal', () => {
  const said = (mode: ProgressMode, live: boolean) => {
    const host = testHost({ clock: setClock() });
    Object.assign(host.output, { live });
    const view = progressView(mode, host);
    const { state } = play('unchanged', { each: view.update });
    view.finish(state, 'built');
    return host.written.talk;
  };
  assert.equal(said('rawjson', false), `${recordedLines('unchanged').join('\n')}\n`);
  assert.equal(said('quiet', false), '');
  assert.match(said('auto', false), /^\[load\] load build definition/);
  assert.equal(said('auto', false), said('plain', true));
  const { host, shown } = terminal();
  progressView('auto', host).finish(play('unchanged').state, 'built');
  assert.match(shown()[4] ?? '', /^✓ final +3 steps +CACHED$/);
  assert.deepEqual(progressModes, ['auto', 'tty', 'plain', 'rawjson', 'quiet']);
});

test('steps on a terminal: those under way move, below those that ended', async () => {
  const { host, clock, shown } = terminal(40);
  const steps = stepsFor(host);
  const ends: (() => void)[] = [];
  const begin = (title: string) => steps.step(title, () => new Promise<void>((end) => ends.push(end)));
  const first = begin('Making a builder');
  assert.deepEqual(shown(), ['▸ Making a builder 0.0 s']);
  const second = begin('Compiling runc 1.5.2 with Go, some minutes');
  steps.note('a note');
  assert.deepEqual(shown(), ['a note', '▸ Making a builder 0.0 s', '▸ Compiling runc 1.5.2 with Go,… 0.0 s']);
  clock.ms = 1_500;
  ends[0]?.();
  await first;
  assert.deepEqual(shown(), [
    'a note',
    '✓ Making a builder: done in 1.5 s',
    '▸ Compiling runc 1.5.2 with Go,… 1.5 s',
  ]);
  ends[1]?.();
  await second;
  assert.deepEqual(shown().at(-1), '✓ Compiling runc 1.5.2 with Go, some minutes: done in 1.5 s');
});

test('a step that fails says so, and its error goes on', async () => {
  const { host, shown } = terminal();
  const failing = stepsFor(host).step('Asking the registry', () => Promise.reject(new Error('no')));
  await assert.rejects(failing, /^Error: no$/);
  assert.deepEqual(shown(), ['✗ Asking the registry: failed after 0.0 s']);
});

test('steps without a terminal are plain lines', async () => {
  const clock = setClock();
  const host = testHost({ clock });
  const steps = stepsFor(host);
  const made = await steps.step('Compiling runc', async () => {
    clock.ms = 2_340;
    return 'runc';
  });
  steps.note('a note');
  assert.equal(made, 'runc');
  assert.equal(host.written.talk, 'Compiling runc ...\nCompiling runc: done in 2.3 s\na note\n');
});
