import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type InstallInput, installedPaths, planInstall } from '../../../src/compose/install/install-plan.ts';
import type { PathEntry } from '../../../src/image/path-entry.ts';
import { emptyIndex, type PathIndex } from '../../../src/image/path-index.ts';
import { withLayer } from '../../../src/image/path-index-layer.ts';
import type { Move } from '../../../src/layers/layer.ts';
import { givenImage } from '../given.ts';

const SITE = '/usr/lib/python3.11/site-packages';

function directories(...paths: readonly (string | PathEntry)[]): PathIndex {
  return withLayer(
    emptyIndex(),
    paths.map((path): PathEntry => (typeof path === 'string' ? directory(path) : path)),
  );
}

function directory(path: string, rest: Partial<PathEntry> = {}): PathEntry {
  return { path, type: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0, link: '', ...rest };
}

const INPUT: InstallInput = {
  files: directories('usr', 'usr/bin'),
  given: givenImage(),
  python: {
    ...{ executable: '/usr/bin/python3.11', version: '3.11.2', cacheTag: 'cpython-311', pip: '24.0' },
    scheme: {
      purelib: SITE,
      platlib: SITE,
      scripts: '/usr/bin',
      data: '/usr',
      headers: '/usr/include/python3.11',
    },
    ...{ libc: { kind: 'glibc', version: '2.36' }, architecture: 'amd64', installed: [] },
    ...{ externallyManaged: false, venv: undefined },
  },
  distributions: ['one', 'two'].map((name) => {
    const sha256 = name.padEnd(64, '0');
    const filename = `${name}-1.0-py3-none-any.whl`;
    return {
      locked: {
        ...{ name, version: '1.0', requested: false },
        wheel: { url: `https://example.com/${filename}`, filename, sha256, size: undefined },
      },
      facts: {
        ...{
          sha256,
          name,
          version: '1.0',
          bytes: 1_000_000,
          purelib: true,
          scripts: name === 'one' ? ['run'] : [],
        },
        ...{ requiresDist: [], requiresPython: undefined, extras: [] },
        paths: [`${name}/__init__.py`, `${name}-1.0.dist-info/METADATA`],
      },
    };
  }),
  ...{ installer: { tool: 'pip' }, bytecode: true, uid: 0, gid: 0, umask: 0o022, keep: undefined },
  ...{ compression: 'zstd', mtime: 315_532_800 },
};

function layersOf(input: InstallInput) {
  const planned = planInstall(input);
  assert.ok('layers' in planned, 'reason' in planned ? planned.reason : '');
  return planned.layers;
}

const AFTER = directories(
  ...['usr', 'usr/bin', 'usr/lib', 'usr/lib/python3.11', SITE.slice(1)],
  ...['one', 'one-1.0.dist-info', 'two', 'two-1.0.dist-info'].map((name) => `${SITE}/${name}`.slice(1)),
);
const copied = (files: PathIndex, ...moves: readonly Move[]): InstallInput => ({
  ...INPUT,
  copies: [{ files, moves }],
});
const keysOf = (input: InstallInput) => layersOf(input).map(({ key }) => key);

test('what is copied to its own place, below directories like those that it was made in, is the same layer', () => {
  const all = { from: '/usr', to: '/usr' };
  assert.deepEqual(keysOf(copied(AFTER, all)), keysOf(INPUT));
  const library = { from: SITE, to: SITE };
  const keys = keysOf(copied(AFTER, library));
  assert.notEqual(keys[0], keysOf(INPUT)[0], 'its launcher is not copied');
  assert.equal(keys[1], keysOf(INPUT)[1]);
  assert.deepEqual(keys, keysOf({ ...INPUT, keep: [SITE] }));
});

test('another place, owner, mode or directory above is another layer', () => {
  const at = (rest: Partial<Move>) => copied(AFTER, { from: '/usr', to: '/usr', ...rest });
  const above = withLayer(AFTER, [directory('usr', { uid: 7 })]);
  const others = [
    INPUT,
    at({ to: '/srv' }),
    at({ owner: { uid: 1, gid: 0 } }),
    at({ owner: { uid: 0, gid: 1 } }),
    at({ mode: 0o755 }),
    copied(above, { from: '/usr', to: '/usr' }),
    { ...at({}), copies: [...(at({}).copies ?? []), ...(at({ to: '/srv' }).copies ?? [])] },
  ];
  assert.equal(new Set(others.map((one) => keysOf(one)[1])).size, others.length);
  const [layer] = layersOf(copied(above, { from: '/usr', to: '/usr' }));
  assert.deepEqual(layer?.request.relocations?.[0]?.directories.usr, { mode: 0o755, uid: 7, gid: 0 });
});

test('a layer knows only of the moves that bring something of it, and is left out if none does', () => {
  const moves = [
    { from: `${SITE}/one`, to: '/srv/one' },
    { from: `${SITE}/two`, to: '/srv/two' },
    { from: '/usr/bin/run', to: '/bin/run' },
  ];
  const [one, two, ...more] = layersOf(copied(AFTER, ...moves));
  assert.deepEqual(more, []);
  assert.deepEqual(
    [one, two].map((layer) => layer?.request.relocations?.[0]?.moves.map(({ to }) => to)),
    [['/srv/one', '/bin/run'], ['/srv/two']],
  );
  assert.deepEqual(
    layersOf(copied(AFTER, moves[1] as Move)).map(({ wheels }) => wheels.map(({ name }) => name)),
    [['two']],
  );
});

test('where installed paths are after a copy', () => {
  const paths = installedPaths(
    copied(AFTER, { from: '/usr/bin', to: '/a' }, { from: '/usr/bin/run', to: '/b' }),
  );
  assert.deepEqual(paths, [
    ['usr/bin/run', 'a/run'],
    ['usr/bin/run', 'b'],
  ]);
});

test('pip --target leaves what is there as it is, so it is not ours where something is there', () => {
  const target = '/srv/lib';
  const scheme = {
    purelib: target,
    platlib: target,
    scripts: `${target}/bin`,
    data: target,
    headers: `${target}/include/python`,
  };
  const input = { ...INPUT, python: { ...INPUT.python, scheme }, isTarget: true };
  const [one] = layersOf(input);
  assert.equal(one?.request.recordScheme?.scripts.endsWith('/bin'), true);
  assert.notEqual(one?.key, layersOf({ ...input, isTarget: false })[0]?.key);
  const there = planInstall({ ...input, files: directories('srv', 'srv/lib', 'srv/lib/bin') });
  assert.match('reason' in there ? there.reason : '', /\/srv\/lib\/bin is there already/);
});

test('uv starts the interpreter that it found; Poetry leaves its version behind', () => {
  const python = {
    ...INPUT,
    files: directories(
      'usr',
      'usr/bin',
      { ...directory('usr/bin/python'), type: 'file' },
      { ...directory('usr/bin/python3.11'), type: 'file' },
    ),
  };
  const executable = (input: InstallInput) => layersOf(input)[0]?.request.executable;
  assert.equal(executable({ ...python, installer: { tool: 'uv' } }), '/usr/bin/python3.11');
  assert.equal(
    executable({ ...python, installer: { tool: 'poetry', version: '2.1.0' } }),
    '/usr/bin/python3.11',
  );
  assert.equal(executable(python), '/usr/bin/python3.11');
  const unknown = planInstall({
    ...INPUT,
    distributions: [...INPUT.distributions],
    installer: { tool: 'poetry' },
  });
  assert.match('reason' in unknown ? unknown.reason : '', /version of Poetry/);
});
