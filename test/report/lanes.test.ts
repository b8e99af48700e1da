import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lanesFor } from '../../src/report/lanes.ts';
import { testHost } from '../support/host.ts';
import { setClock } from './support.ts';
import { terminal } from './terminal.ts';

test('in a log every line has the name of its build in front, whole lines only', async () => {
  const host = testHost({ clock: setClock() });
  const lanes = lanesFor(host, 'auto', ['web', 'report']);
  assert.equal(lanes.mode, 'plain');
  const [web, report] = [lanes.begin('web'), lanes.begin('report')];
  web.output.talk('[1/2] RUN a\n[2/2] ');
  report.steps.note('beside it');
  web.output.talk('RUN b\n');
  await report.steps.step('Making 2 of 3 layers', async () => {});
  lanes.shared.talk('Looking into python\n');
  web.end('done', 'composed in 1.0 s');
  assert.deepEqual(host.written.talk.split('\n'), [
    'web    | [1/2] RUN a',
    'report | beside it',
    'web    | [2/2] RUN b',
    'report | Making 2 of 3 layers ...',
    'report | Making 2 of 3 layers: done in 0.0 s',
    'Looking into python',
    'web    | composed in 1.0 s',
    '',
  ]);
});

test('on a terminal each build has a line with what it does now; ends and notes stay', async () => {
  const clock = setClock();
  const { host, shown } = terminal(60, 24, clock);
  const lanes = lanesFor(host, 'auto', ['web', 'report']);
  const web = lanes.begin('web');
  const report = lanes.begin('report');
  web.output.talk('[2/5] RUN pip install flask\n');
  await report.steps.step('Making 2 of 3 layers', async () => {
    lanes.shared.talk('Resolving 5 requirements ...\n');
    clock.ms = 1500;
    report.steps.note('warning of something');
    assert.deepEqual(shown(), [
      'report: warning of something',
      '▸ web     [2/5] RUN pip install flask 1.5 s',
      '▸ report  Making 2 of 3 layers 1.5 s',
      '▸ Resolving 5 requirements 1.5 s',
    ]);
  });
  lanes.shared.talk('Resolving 5 requirements: done in 1.5 s\n');
  web.end('done', 'composed in 1.5 s');
  report.end('failed', 'failed');
  lanes.close();
  assert.deepEqual(shown(), [
    'report: warning of something',
    'Resolving 5 requirements: done in 1.5 s',
    '✓ web: composed in 1.5 s',
    '✗ report: failed',
  ]);
});

test('nothing moves any more when it is closed, whatever was left', () => {
  const { host, shown } = terminal();
  const lanes = lanesFor(host, 'tty', ['web', 'report']);
  lanes.begin('web');
  lanes.shared.talk('Resolving 5 requirements ...\n');
  lanes.close();
  assert.deepEqual(shown(), ['']);
});

test('what is to be quiet, or raw, is left as it is', async () => {
  const host = testHost();
  const lanes = lanesFor(host, 'rawjson', ['web', 'report']);
  const web = lanes.begin('web');
  await web.steps.step('Making 2 of 3 layers', async () => {});
  web.output.talk('{"vertexes":[]}\n');
  web.end('done', 'composed in 1.0 s');
  assert.deepEqual([lanes.mode, host.written.talk], ['rawjson', '{"vertexes":[]}\n']);
});
