import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EngineRecord, renderEngine } from '../../src/commands/engine.ts';

const tool = (
  name: string,
  version: string,
  from: EngineRecord['tools'][number]['from'],
  ...more: string[]
) => ({
  name,
  version,
  from,
  path: `/x/${name}`,
  command: [`/x/${name}`, ...more],
});

const record: EngineRecord = {
  schemaVersion: 1,
  ready: true,
  tools: [
    tool('buildx', '0.38.2', 'go'),
    tool('buildkitd', '0.34.2', 'release'),
    tool('runc', '1.1.5', 'path'),
  ],
  missing: [],
  problems: [],
  daemon: { running: false, users: [], root: '/r', logFile: '/l' },
  builders: [],
};

const lines = (changes: Partial<EngineRecord>) => renderEngine({ ...record, ...changes }).split('\n');

test('what is there, from where, in columns', () => {
  assert.deepEqual(lines({}), [
    'buildx     0.38.2  compiled with Go  /x/buildx',
    'buildkitd  0.34.2  its release       /x/buildkitd',
    'runc       1.1.5   PATH              /x/runc',
    '',
    'buildkitd is not running; a build that needs it starts it',
    '',
    'Ready to build.',
    '',
  ]);
});

test('a running buildkitd and who uses it; the builders of buildx', () => {
  const daemon = { ...record.daemon, running: true, pid: 42, address: 'unix:///s' };
  const builders = [
    { name: 'default', driver: 'docker', current: false, status: 'error' },
    { name: 'mine', driver: 'docker-container', current: true, status: 'running' },
  ];
  assert.deepEqual(lines({ daemon: { ...daemon, users: [7] }, builders }).slice(4, 9), [
    'buildkitd runs (process 42) at unix:///s, used by 1 build',
    '',
    'Builders of buildx:',
    '  default  docker            error',
    '  mine     docker-container  running  (current)',
  ]);
  assert.match(lines({ daemon: { ...daemon, users: [7, 8] } })[4] ?? '', /used by 2 builds$/);
  assert.match(lines({ daemon })[4] ?? '', /used by no builds$/);
});

test('what is missing, why nothing can be built, and what to do', () => {
  const none = lines({
    ready: false,
    tools: [tool('docker', '29.0.0', 'docker', 'buildx')],
    missing: ['buildx', 'uv'],
    problems: ['buildx is not there'],
  });
  assert.deepEqual(none.slice(0, 3), [
    'docker  29.0.0  Docker     /x/docker buildx',
    'buildx  -       not there',
    'uv      -       not there',
  ]);
  assert.deepEqual(none.slice(-4), [
    '',
    'Problem: buildx is not there',
    'Not ready: run `layerwright engine install`.',
    '',
  ]);
  const refused = lines({ ready: false, problems: ['this user may not start BuildKit'] });
  assert.deepEqual(refused.slice(-3), ['Problem: this user may not start BuildKit', 'Not ready.', '']);
});
