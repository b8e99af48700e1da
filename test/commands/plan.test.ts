import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { toBuildRequest } from '../../src/commands/build-request.ts';
import { plan } from '../../src/commands/plan.ts';
import { planText } from '../../src/report/plan-text.ts';
import { exampleDirectory } from '../examples/shapes.ts';
import { testHost } from '../support/host.ts';
import { seededRandom, shuffled } from '../support/random.ts';
import { projectOf } from './launch.ts';

/** A machine without any network: whoever asks it fails the test. */
const island = testHost({
  fetch: () => {
    throw new Error('the network was asked');
  },
});

const offline = async (directory: string, options: object = {}) =>
  await plan(island, toBuildRequest({}, directory, { platform: ['linux/amd64'], ...options }), {
    offline: true,
  });

const PINS = ['anyio==4.4.0', 'idna==3.10', 'six==1.17.0 ; python_version < "3.9"', 'zope.event==6.2'];

const project = (files: Readonly<Record<string, string>>) =>
  projectOf({ 'requirements.txt': `${PINS.join('\n')}\n`, 'app.py': 'import anyio\n', ...files });

const DOCKERFILE = `FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY . .
`;

test('offline, pins are known for the Python that the tag of the base names', async () => {
  await using files = await project({ Dockerfile: DOCKERFILE });
  const { record } = await offline(files.path);
  assert.equal(record.offline, true);
  assert.deepEqual(record.bases, [
    {
      ...{ reference: 'python:3.11-slim', assumed: true, digest: null, layers: null, stages: ['stage 0'] },
      python: { version: '3.11', executable: '/usr/local/bin/python3.11', libc: 'glibc 2.41', pip: null },
    },
  ]);
  const [step, ...more] = record.dependencies;
  assert.deepEqual(more, []);
  assert.deepEqual([step?.lock, step?.files, step?.reason], ['exact', ['requirements.txt'], null]);
  assert.deepEqual(
    step?.distributions.map(({ name, version, bytes }) => [name, version, bytes]),
    [
      ['anyio', '4.4.0', null],
      ['idna', '3.10', null],
      ['zope-event', '6.2', null],
    ],
  );
  assert.deepEqual([record.counts, record.needsBuilder, record.cacheRepository], [null, null, null]);
  assert.deepEqual(
    record.segments.map(({ kind, fromLine, toLine, state }) => [kind, fromLine, toLine, state]),
    [['composed', 2, 5, 'composed']],
  );
});

test('offline, what is not known says so', async () => {
  await using files = await project({
    Dockerfile: `FROM registry.example.com/team/base:1 AS own
RUN pip install six==1.17.0
FROM python:3.11-slim
COPY loose.txt pins.txt ./
RUN pip install -r loose.txt
RUN pip install 'idna>=3' -c pins.txt
COPY --from=own /srv /srv
`,
    'loose.txt': 'idna==3.10\nanyio>=4\n',
    'pins.txt': 'idna==3.10\nsix==1.17.0\n',
  });
  const { record, text } = await offline(files.path);
  assert.deepEqual(
    record.dependencies.map(({ lock, reason, distributions }) => [lock, reason, distributions.length]),
    [
      ['unknown', 'what is in registry.example.com/team/base:1 is not known offline', 0],
      [
        'unknown',
        'loose.txt:2: anyio is not pinned to a version, so that an index would have to be asked',
        0,
      ],
      ['exact', null, 1],
    ],
  );
  assert.deepEqual(
    record.bases.map(({ reference, python }) => [reference, python?.version]),
    [
      ['python:3.11-slim', '3.11'],
      ['registry.example.com/team/base:1', undefined],
    ],
  );
  assert.match(text, /what is in it is not known offline/);
});

test('offline, the same input in another order gives the same plan', async () => {
  const random = seededRandom(11);
  await using files = await project({ Dockerfile: DOCKERFILE });
  const before = await offline(files.path);
  for (let round = 0; round < 5; round++) {
    // The size of what is copied stays the same; only lines move.
    await files.write({ 'requirements.txt': `${shuffled(PINS, random).join('\n')}\n` });
    const again = await offline(files.path);
    assert.deepEqual({ ...again.record, layers: [] }, { ...before.record, layers: [] });
    assert.deepEqual(
      again.record.layers.map(({ title, bytes, state }) => [title, bytes, state]),
      before.record.layers.map(({ title, bytes, state }) => [title, bytes, state]),
    );
  }
});

test('a requirements file that comes with a COPY above something that has to run is known all the same', async () => {
  await using files = await project({
    Dockerfile: `FROM python:3.11-slim
WORKDIR /app
COPY . .
RUN apt-get update && apt-get install -y curl
RUN pip install -r requirements.txt
`,
  });
  const { record } = await offline(files.path);
  assert.deepEqual(record.segments[0]?.reasons, [
    {
      place: `${join(files.path, 'Dockerfile')}:4`,
      instruction: 'RUN',
      reason: 'it runs apt-get, which only BuildKit can do',
      hint: 'Put it above COPY . . (line 3): a changed file would not make it run again.',
    },
  ]);
  assert.equal(record.dependencies[0]?.distributions.length, 3);
});

test('what is BuildKit\u2019s as a whole is told with its reason', async () => {
  await using files = await project({ Dockerfile: 'FROM scratch\nCOPY app.py /\n' });
  const { record, text } = await offline(files.path);
  assert.equal(record.way, 'solved');
  assert.match(record.reason ?? '', /Dockerfile:1: the stage starts from scratch$/);
  assert.match(text, /BuildKit would build all of it/);
  const unclear = await offline(files.path, { platform: ['linux'] });
  assert.equal(unclear.record.reason, '--platform linux is for the builder to explain');
});

test('each platform has a plan of its own, with its own bases', async () => {
  await using files = await project({
    Dockerfile:
      'FROM python:3.11-slim AS for-amd64\nFROM python:3.12-slim AS for-arm64\nFROM for-$TARGETARCH\nCOPY app.py /\n',
    'app.py': '',
  });
  const { record, text } = await offline(files.path, { platform: ['linux/amd64,linux/arm64'] });
  const [other, ...more] = record.otherPlatforms ?? [];
  assert.deepEqual([record.platform, other?.platform, more], ['linux/amd64', 'linux/arm64', []]);
  assert.deepEqual(
    [record, other].map((one) => one?.bases.map(({ reference }) => reference)),
    [['python:3.11-slim'], ['python:3.12-slim']],
  );
  assert.match(text, /for linux\/amd64[\s\S]*for linux\/arm64/);
});

test('offline, a requirements file that is not there is not known either; a context that is not there is an error', async () => {
  await using files = await project({
    Dockerfile: 'FROM python:3.11-slim\nRUN pip install -r missing.txt\n',
  });
  const { record } = await offline(files.path);
  assert.deepEqual(
    record.dependencies.map(({ lock, reason }) => [lock, reason]),
    [['unknown', 'the command reads missing.txt, which is not there']],
  );
  await assert.rejects(offline(join(files.path, 'none')), { code: 'NO_CONTEXT' });
});

test('a plan fits its terminal, and colour changes nothing but the look', async () => {
  for (const columns of [60, 80, 120]) {
    const { record } = await offline(exampleDirectory('chat'));
    const plain = planText(record, { colour: false, columns });
    const long = plain.split('\n').filter((line) => line.length > columns && !/\S{30}/.test(line));
    assert.deepEqual(long, [], `${columns} columns`);
    const coloured = planText(record, { colour: true, columns });
    assert.notEqual(coloured, plain);
    assert.equal(stripVTControlCharacters(coloured).replaceAll(/ +$/gm, ''), plain.replaceAll(/ +$/gm, ''));
  }
});
