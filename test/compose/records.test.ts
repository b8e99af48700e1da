import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareRecords } from '../../src/compose/keep/compare-records.ts';
import {
  type BuildRecord,
  type LayerRecord,
  readRecord,
  type SegmentRecord,
} from '../../src/compose/keep/record.ts';
import { changeText } from '../../src/report/changes.ts';
import { seededRandom, shuffled } from '../support/random.ts';

const layer = (title: string, key: string, rest: Partial<LayerRecord> = {}): LayerRecord => ({
  ...{ key, kind: 'dependency', title, bytes: 1_000_000, seconds: null },
  distributions: rest.kind === undefined ? title.replace(/^.*: /, '').split(', ') : [],
  ...rest,
});

const segment = (key: string, parts: Partial<SegmentRecord['parts']> = {}): SegmentRecord => ({
  ...{ stage: 'base', fromLine: 5, toLine: 9, key, seconds: 3 },
  parts: { instructions: 'i', parent: 'p', arguments: 'a', ...parts },
});

const BEFORE: BuildRecord = {
  ...{
    version: 1,
    commit: 'a'.repeat(40),
    builtAt: '2026-01-01T00:00:00.000Z',
    layerCount: 7,
    isWhole: true,
  },
  bases: [{ reference: 'python:3.11-slim', image: 'docker.io/library/python@sha256:1' }],
  dependencies: [
    { name: 'idna', version: '3.10', source: 'requirements.txt' },
    { name: 'numpy', version: '2.1.0', source: 'requirements.txt' },
    { name: 'six', version: '1.17.0', source: 'requirements.txt' },
  ],
  layers: [
    layer('bucket-07: idna 3.10, six 1.17.0', 'k1'),
    layer('numpy 2.1.0', 'k2'),
    layer('COPY . /app', 'k3', { kind: 'copy', bytes: 300 }),
  ],
  segments: [segment('s1')],
  settings: { Cmd: '1', Env: '2' },
};

const texts = (now: Partial<BuildRecord>, before = BEFORE) =>
  compareRecords(before, { ...BEFORE, ...now }).map((change) => changeText(change));

test('the same build again has no changes', () => {
  assert.deepEqual(compareRecords(BEFORE, BEFORE), []);
});

test('a bumped distribution is told with its file, its layer, bytes and seconds', () => {
  const dependencies = BEFORE.dependencies.map((one) =>
    one.name === 'numpy' ? { ...one, version: '2.2.0' } : one,
  );
  const layers = BEFORE.layers.with(1, layer('numpy 2.2.0', 'k4', { bytes: 18_000_000, seconds: 2.1 }));
  assert.deepEqual(texts({ dependencies, layers }), [
    'requirements.txt: numpy 2.1.0 -> 2.2.0; 1 of 7 layers, 18.0 MB, 2.1 s',
  ]);
});

test('what is new and what is gone is told; many are counted', () => {
  const added = ['aa', 'bb', 'cc', 'dd', 'ee'].map((name) => ({ name, version: '1', source: 'other.txt' }));
  const dependencies = [...BEFORE.dependencies.filter(({ name }) => name !== 'six'), ...added];
  const layers = [
    layer('bucket-07: idna 3.10', 'k5'),
    ...added.map(({ name }) => layer(`${name} 1`, `k-${name}`)),
    ...BEFORE.layers.slice(1),
  ];
  // The bucket that six was in changed with it.
  assert.deepEqual(texts({ dependencies, layers, layerCount: 12 }), [
    // One more is named rather than counted.
    'other.txt: aa 1 is new, bb 1 is new, cc 1 is new, dd 1 is new, ee 1 is new; 5 of 12 layers, 5.0 MB',
    'requirements.txt: six 1.17.0 is gone; 1 of 12 layers, 1.0 MB',
  ]);
});

test('a new digest of the base says whether it cost anything', () => {
  const bases = [{ reference: 'python:3.11-slim', image: 'docker.io/library/python@sha256:2' }];
  assert.deepEqual(texts({ bases }), ['base python:3.11-slim: new digest; no dependency layer changed']);
  const layers = BEFORE.layers.with(1, layer('numpy 2.1.0', 'k6'));
  assert.deepEqual(texts({ bases, layers }), [
    'base python:3.11-slim: new digest; 1 dependency layer changed',
    'dependencies: the same versions in other layers; 1 of 7 layers, 1.0 MB',
  ]);
});

test('a changed COPY and changed settings', () => {
  const layers = BEFORE.layers.with(2, layer('COPY . /app', 'k7', { kind: 'copy', bytes: 310 }));
  assert.deepEqual(texts({ layers, settings: { Cmd: '1', Env: '3', User: '1' } }), [
    'COPY . /app: changed; 1 of 7 layers, 310 B',
    'settings: Env, User changed',
  ]);
  assert.deepEqual(texts({ layers: BEFORE.layers.slice(0, 2), layerCount: 6 }), ['COPY . /app: gone']);
});

test('why a segment is solved again', () => {
  const why = (parts: Parameters<typeof segment>[1]) => texts({ segments: [segment('s2', parts)] });
  assert.deepEqual(why({ instructions: 'j' }), [
    'lines 5-9 (base): solved again: the instructions changed; 3.0 s',
  ]);
  assert.deepEqual(why({ arguments: 'b' }), [
    'lines 5-9 (base): solved again: a build argument changed; 3.0 s',
  ]);
  assert.deepEqual(why({ parent: 'q' }), ['lines 5-9 (base): solved again: what is below it changed; 3.0 s']);
  assert.deepEqual(why({}), ['lines 5-9 (base): solved again: files that it reads changed; 3.0 s']);
  assert.deepEqual(texts({ segments: [segment('s2')] }, { ...BEFORE, segments: [] }), [
    'lines 5-9 (base): new for BuildKit; 3.0 s',
  ]);
});

test('of a build that began from what is not known, only what stands above that is told', () => {
  const bases = [{ reference: 'python:3.11-slim', image: 'docker.io/library/python@sha256:2' }];
  const begun = {
    ...{ isWhole: false, dependencies: [], segments: [], bases },
    layers: [layer('COPY . /app', 'k7', { kind: 'copy', bytes: 310 })],
  };
  assert.deepEqual(texts(begun), [
    'base python:3.11-slim: new digest',
    'COPY . /app: changed; 1 of 7 layers, 310 B',
  ]);
  assert.deepEqual(texts({}, { ...BEFORE, ...begun, bases: BEFORE.bases }), [
    'COPY . /app: changed; 1 of 7 layers, 300 B',
  ]);
});

test('the order in which things are found does not matter', () => {
  const random = seededRandom(5);
  const now: BuildRecord = {
    ...BEFORE,
    dependencies: [
      { name: 'idna', version: '3.11', source: 'b.txt' },
      { name: 'numpy', version: '2.2.0', source: 'a.txt' },
      { name: 'zope', version: '1', source: 'b.txt' },
    ],
    layers: [layer('bucket-07: idna 3.11', 'n1'), layer('numpy 2.2.0', 'n2'), layer('zope 1', 'n3')],
  };
  const expected = compareRecords(BEFORE, now);
  assert.equal(expected.length, 4);
  for (let round = 0; round < 20; round++) {
    const mixed = {
      ...now,
      dependencies: shuffled(now.dependencies, random),
      layers: shuffled(now.layers, random),
    };
    assert.deepEqual(
      compareRecords({ ...BEFORE, dependencies: shuffled(BEFORE.dependencies, random) }, mixed),
      expected,
    );
  }
});

test('something else under the name of a record is none', () => {
  assert.equal(readRecord(undefined), undefined);
  assert.equal(readRecord({ ...BEFORE, version: 2 }), undefined);
  assert.equal(readRecord({ ...BEFORE, layers: {} }), undefined);
  assert.deepEqual(readRecord(JSON.parse(JSON.stringify(BEFORE))), BEFORE);
});

const PROJECT = { name: 'weather', version: '0.1.0', source: '/app', wheel: 'a'.repeat(16) };
const WITH_PROJECT: BuildRecord = {
  ...BEFORE,
  dependencies: [...BEFORE.dependencies, PROJECT],
  layers: [...BEFORE.layers, layer('bucket-12: weather 0.1.0', 'k8', { bytes: 3_000 })],
};

test('a project whose wheel is another one was built anew, whatever its version', () => {
  const rebuilt = (wheel: string, version = '0.1.0') => ({
    dependencies: WITH_PROJECT.dependencies.with(-1, { ...PROJECT, version, wheel }),
    layers: WITH_PROJECT.layers.with(-1, layer(`bucket-12: weather ${version}`, 'k9', { bytes: 3_100 })),
  });
  assert.deepEqual(texts(rebuilt('b'.repeat(16)), WITH_PROJECT), [
    '/app: the project weather 0.1.0 was built anew; 1 of 7 layers, 3.1 kB',
  ]);
  assert.deepEqual(texts(rebuilt('b'.repeat(16), '0.2.0'), WITH_PROJECT), [
    '/app: weather 0.1.0 -> 0.2.0; 1 of 7 layers, 3.1 kB',
  ]);
  const dependencies = BEFORE.dependencies.map((one) => ({ ...one, wheel: 'c'.repeat(16) }));
  const other = dependencies.with(1, { ...(dependencies[1] as (typeof dependencies)[number]), wheel: 'd' });
  const layers = BEFORE.layers.with(1, layer('numpy 2.1.0', 'k4'));
  assert.deepEqual(texts({ dependencies: other, layers }, { ...BEFORE, dependencies }), [
    'requirements.txt: numpy 2.1.0 has another wheel; 1 of 7 layers, 1.0 MB',
  ]);
});

test('what a plan does not know yet is not gone', () => {
  const { layers, dependencies } = BEFORE;
  const open = (isOpen: BuildRecord['isOpen'] & (true | 'mustRun')) =>
    compareRecords(WITH_PROJECT, { ...WITH_PROJECT, layers, dependencies, isOpen }).map((one) =>
      changeText(one),
    );
  assert.deepEqual(open('mustRun'), ['/app: the project weather is built anew']);
  assert.deepEqual(open(true), []);
  assert.deepEqual(texts({ layers, dependencies }, WITH_PROJECT), ['/app: weather 0.1.0 is gone']);
});
