import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type InstallInput,
  layerKey,
  planInstall,
  type ToInstall,
} from '../../../src/compose/install/install-plan.ts';
import type { PathEntry } from '../../../src/image/path-entry.ts';
import { emptyIndex } from '../../../src/image/path-index.ts';
import { withLayer } from '../../../src/image/path-index-layer.ts';
import { groupDistributions } from '../../../src/plan/groups.ts';
import type { PythonFacts } from '../../../src/python/facts.ts';
import { randomNumbers } from '../../python/pip-oracle.ts';
import { givenImage } from '../given.ts';

const SITE = 'usr/local/lib/python3.11/site-packages';

function entry(path: string, rest: Partial<PathEntry> = {}): PathEntry {
  return { path, type: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0, link: '', ...rest };
}

/** The image below, with some entries altered or added. */
function imageWith(...changes: readonly PathEntry[]) {
  const parts = SITE.split('/');
  const directories = parts.map((_, at) => entry(parts.slice(0, at + 1).join('/')));
  const base = withLayer(emptyIndex(), [...directories, entry('usr/local/bin')]);
  return withLayer(base, changes);
}

const PYTHON: PythonFacts = {
  ...{ executable: '/usr/local/bin/python3.11', version: '3.11.2', cacheTag: 'cpython-311' },
  scheme: {
    ...{ purelib: `/${SITE}`, platlib: `/${SITE}`, scripts: '/usr/local/bin', data: '/usr/local' },
    headers: '/usr/local/include/python3.11',
  },
  ...{ libc: { kind: 'glibc', version: '2.36' }, architecture: 'amd64', installed: [], pip: '24.0' },
  ...{ externallyManaged: false, venv: undefined },
};

function wheel(name: string, paths: readonly string[], rest: Partial<ToInstall['facts']> = {}): ToInstall {
  const sha256 = Buffer.from(name).toString('hex').padEnd(64, '0').slice(0, 64);
  const filename = `${name}-1.0-py3-none-any.whl`;
  const url = `https://example.com/${filename}`;
  return {
    locked: { name, version: '1.0', wheel: { url, filename, sha256, size: undefined }, requested: false },
    facts: {
      ...{ sha256, name, version: '1.0', bytes: 100, purelib: true, scripts: [], requiresDist: [] },
      ...{ requiresPython: undefined, extras: [] },
      paths: [...paths, `${name}-1.0.dist-info/METADATA`].sort(),
      ...rest,
    },
  };
}

function inputOf(distributions: readonly ToInstall[], rest: Partial<InstallInput> = {}): InstallInput {
  return {
    ...{
      files: imageWith(),
      given: givenImage(),
      python: PYTHON,
      distributions,
      installer: { tool: 'pip' },
      bytecode: true,
    },
    ...{ uid: 0, gid: 0, umask: 0o022, keep: undefined, compression: 'zstd', mtime: 315_532_800 },
    ...rest,
  };
}

function planned(input: InstallInput) {
  const plan = planInstall(input);
  assert.ok('layers' in plan, 'reason' in plan ? plan.reason : '');
  return plan;
}

function keysOf(input: InstallInput): readonly string[] {
  return planned(input).layers.map(({ key }) => key);
}

const DEMO = wheel('demo', ['demo/__init__.py', 'demo/data.txt']);

test('the release of Python is in the key where another one may compile other code, and nowhere else', () => {
  const keyWith = (version: string, cacheTag: string, bytecode = true) =>
    keysOf(inputOf([DEMO], { python: { ...PYTHON, version, cacheTag }, bytecode }))[0];
  assert.equal(keyWith('3.11.2', 'cpython-311'), keyWith('3.11.9', 'cpython-311'));
  assert.notEqual(keyWith('3.13.0', 'cpython-313'), keyWith('3.13.5', 'cpython-313'));
  assert.equal(keyWith('3.13.0', 'cpython-313', false), keyWith('3.13.5', 'cpython-313', false));
});

test('every input of a layer changes its key', () => {
  const [before] = keysOf(inputOf([DEMO]));
  const { locked } = DEMO;
  const locks: Readonly<Record<string, Partial<ToInstall['locked']>>> = {
    version: { version: '1.0.1' },
    requested: { requested: true },
    hash: { wheel: { ...(locked.wheel as NonNullable<typeof locked.wheel>), sha256: 'f'.repeat(64) } },
  };
  const scheme = (change: Partial<PythonFacts['scheme']>): Partial<InstallInput> => ({
    python: { ...PYTHON, scheme: { ...PYTHON.scheme, ...change } },
  });
  const others: Readonly<Record<string, Partial<InstallInput>>> = {
    interpreter: { python: { ...PYTHON, executable: '/usr/local/bin/python' } },
    tag: { python: { ...PYTHON, cacheTag: 'cpython-312' } },
    purelib: scheme({ purelib: '/usr/local/lib/python3.11' }),
    scripts: scheme({ scripts: '/usr/local/sbin' }),
    headers: scheme({ headers: '/usr/include' }),
    data: scheme({ data: '/usr' }),
    ...{ installer: { installer: { tool: 'uv' } }, bytecode: { bytecode: false }, umask: { umask: 0o077 } },
    ...{ user: { uid: 1000 }, group: { gid: 1000 }, time: { mtime: 315_532_801 } },
    compression: { compression: 'gzip' },
    keep: { keep: [`/${SITE}/demo/data.txt`] },
    mode: { files: imageWith(entry(SITE, { mode: 0o2775 })) },
    owner: { files: imageWith(entry('usr/local', { uid: 5 })) },
    'group of a directory': { files: imageWith(entry('usr', { gid: 50 })) },
    root: { files: imageWith(entry('', { mode: 0o700 })) },
    'a directory that is there': { files: imageWith(entry(`${SITE}/demo`)) },
    'bytecode directory that is there': {
      files: imageWith(entry(`${SITE}/demo`), entry(`${SITE}/demo/__pycache__`, { mode: 0o700 })),
    },
  };
  const keys = new Map<string, string>([[before as string, 'the first one']]);
  const check = (what: string, input: InstallInput) => {
    const [key] = keysOf(input);
    assert.equal(keys.get(key as string), undefined, `${what} has the key of ${keys.get(key as string)}`);
    keys.set(key as string, what);
  };
  for (const [what, change] of Object.entries(locks))
    check(what, inputOf([{ ...DEMO, locked: { ...locked, ...change } }]));
  for (const [what, change] of Object.entries(others)) check(what, inputOf([DEMO], change));
});

test('what does not decide a layer is not in its key', () => {
  const [key] = keysOf(inputOf([DEMO]));
  const same: readonly Partial<InstallInput>[] = [
    { python: { ...PYTHON, version: '3.11.9' } },
    { python: { ...PYTHON, libc: { kind: 'musl', version: '1.2' }, pip: undefined } },
    { files: imageWith(entry('opt/elsewhere', { mode: 0o700 }), entry('etc/x', { type: 'file' })) },
    { keep: [`/${SITE}`] },
  ];
  for (const change of same) assert.deepEqual(keysOf(inputOf([DEMO], change)), [key], JSON.stringify(change));
});

test('the order in which anything is told does not matter', () => {
  const random = randomNumbers(5);
  const names = Array.from({ length: 60 }, (_, at) => `package-${at}`);
  const wheels = names.map((name, at) =>
    wheel(name, [`${name.replace('-', '_')}/__init__.py`], { bytes: at % 7 === 0 ? 5_000_000 + at : 500 }),
  );
  const changes = [entry(`${SITE}/package_3`), entry(`${SITE}/package_4`, { mode: 0o700 })];
  const first = planned(inputOf(wheels, { files: imageWith(...changes) }));
  for (let round = 0; round < 10; round++) {
    const shuffled = wheels
      .map((one) => ({ one, at: random(1_000_000) }))
      .sort((a, b) => a.at - b.at)
      .map(({ one }) => one);
    const again = planned(inputOf(shuffled, { files: imageWith(...changes.toReversed()) }));
    assert.deepEqual(
      new Map(again.layers.map(({ group, key }) => [group.id, key])),
      new Map(first.layers.map(({ group, key }) => [group.id, key])),
    );
  }
});

test('another distribution changes no layer but its own', () => {
  const wheels = Array.from({ length: 30 }, (_, at) => wheel(`package-${at}`, [`package_${at}.py`]));
  const before = new Map(planned(inputOf(wheels)).layers.map(({ group, key }) => [group.id, key]));
  const after = planned(inputOf([...wheels, wheel('one-more', ['one_more.py'])])).layers;
  const changed = after.filter(({ group, key }) => before.get(group.id) !== key);
  assert.equal(changed.length, 1);
  assert.ok(changed[0]?.group.names.includes('one-more'));
});

/** Two names that go to the same bucket. */
function neighbours(): readonly [string, string] {
  const member = (name: string) => ({ name, bytes: 1, paths: [] });
  const names = Array.from({ length: 60 }, (_, at) => `name-${at}`);
  for (const group of groupDistributions(names.map(member)))
    if (group.names.length > 1) return group.names as [string, string];
  throw new Error('no two names share a bucket');
}

test('of two distributions that write the same path the one wins that pip installs last', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['opencv-python', 'opencv-python-headless'],
    neighbours(),
  ];
  for (const [first, second] of cases) {
    const both = [wheel(first, ['cv2/version.py']), wheel(second, ['cv2/version.py'])];
    const { layers } = planned(inputOf(both));
    assert.equal(layers.length, 1);
    // pip installs names backwards where nothing else decides.
    assert.deepEqual(
      layers[0]?.wheels.map(({ name }) => name),
      [second, first],
    );
    const needs = [
      both[0] as ToInstall,
      wheel(second, ['cv2/version.py'], { requiresDist: [`${first}>=1`] }),
    ];
    const [layer] = planned(inputOf(needs)).layers;
    assert.deepEqual(
      layer?.wheels.map(({ name }) => name),
      [first, second],
      'what is needed comes first',
    );
  }
});

test('a file that is a directory of another distribution comes into its layer, which refuses it', () => {
  const { layers } = planned(inputOf([wheel('one', ['shared']), wheel('two', ['shared/file.txt'])]));
  assert.deepEqual(layers[0]?.group.names, ['one', 'two']);
  assert.equal(layers[0]?.group.overlaps, true);
});

test('a scheme that leads through a link of the image is written where the link leads', () => {
  const files = imageWith(
    entry('usr/local/lib/python3.11/site-packages', { type: 'directory' }),
    entry('opt/py', { type: 'symlink', link: '/usr/local/lib/python3.11' }),
  );
  const scheme = { ...PYTHON.scheme, purelib: '/opt/py/site-packages', platlib: '/opt/py/site-packages' };
  const plan = planned(inputOf([DEMO], { files, python: { ...PYTHON, scheme } }));
  assert.equal(plan.layers[0]?.request.scheme.purelib, `/${SITE}`);
  assert.ok(plan.entries.some(({ path }) => path === `${SITE}/demo/data.txt`));
});

test('a path through a link or a file of the image is refused, and one that is such', () => {
  const cases: readonly (readonly [PathEntry, RegExp])[] = [
    [
      entry(`${SITE}/demo`, { type: 'symlink', link: '/srv/demo' }),
      /writes below .*demo, which is a symlink/,
    ],
    [entry(`${SITE}/demo`, { type: 'file' }), /writes below .*demo, which is a file/],
    [entry(`${SITE}/demo/data.txt`, { type: 'symlink', link: 'x' }), /data\.txt, which is a symlink/],
    [entry(`${SITE}/demo/data.txt`), /data\.txt, which is a directory/],
    [entry(`${SITE}/demo/__pycache__`, { type: 'symlink', link: '/tmp' }), /__pycache__, which is a symlink/],
  ];
  for (const [one, reason] of cases) {
    const plan = planInstall(inputOf([DEMO], { files: imageWith(entry(`${SITE}/demo`), one) }));
    assert.match('reason' in plan ? plan.reason : '', reason, one.path);
  }
  assert.ok(
    'layers' in
      planInstall(
        inputOf([DEMO], {
          files: imageWith(entry(`${SITE}/demo`), entry(`${SITE}/demo/data.txt`, { type: 'file' })),
        }),
      ),
    'a file is replaced',
  );
  const uncompiled = inputOf([DEMO], {
    bytecode: false,
    files: imageWith(
      entry(`${SITE}/demo`),
      entry(`${SITE}/demo/__pycache__`, { type: 'symlink', link: '/tmp' }),
    ),
  });
  assert.ok('layers' in planInstall(uncompiled), 'nothing is written there without bytecode');
});

test('below a directory with set-group-ID all that is new has its group, and directories the bit', () => {
  const files = imageWith(entry(SITE, { mode: 0o2775, gid: 50 }));
  const { layers, entries } = planned(inputOf([DEMO], { files }));
  assert.deepEqual(layers[0]?.request.directories[SITE], { mode: 0o2775, uid: 0, gid: 50 });
  const of = (path: string) => {
    const { mode, gid } = entries.find((one) => one.path === `${SITE}/${path}`) as PathEntry;
    return [mode, gid];
  };
  assert.deepEqual(of('demo'), [0o2755, 50]);
  assert.deepEqual(of('demo/data.txt'), [0o644, 50]);
});

test('what is kept of a layer: the rest is not in it, and a layer with nothing is none', () => {
  const two = [DEMO, wheel('tool', [], { scripts: ['tool'] })];
  const all = planned(inputOf(two));
  assert.ok(all.entries.some(({ path }) => path === 'usr/local/bin/tool'));
  const bin = planned(inputOf(two, { keep: ['/usr/local/bin'] }));
  assert.deepEqual(
    bin.entries.map(({ path }) => path),
    ['usr/local/bin/tool'],
  );
  assert.deepEqual(
    bin.layers.map(({ group }) => group.names),
    [['tool']],
  );
  assert.deepEqual(bin.layers[0]?.request.keep, ['/usr/local/bin']);
  assert.equal(bin.layers[0]?.request.directories[SITE], undefined, 'only what it is below of');
  const none = planned(inputOf(two, { keep: ['/usr/local/b', '/opt'] }));
  assert.deepEqual([none.layers, none.entries], [[], []]);
  const site = planned(inputOf([DEMO], { keep: [`/${SITE}`] }));
  assert.equal(site.layers[0]?.request.keep, undefined, 'all of it: the same layer as without');
});

test('the key of a request and its wheels is told by both', () => {
  const [layer] = planned(inputOf([DEMO])).layers;
  assert.ok(layer);
  assert.equal(layerKey(layer.request, layer.wheels), layer.key);
  assert.match(layer.key, /^[0-9a-f]{64}$/);
  assert.notEqual(layerKey(layer.request, []), layer.key);
});
