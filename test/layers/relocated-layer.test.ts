import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { temporaryDirectory } from '../../src/host/files.ts';
import { compilerFor } from '../../src/layers/compiler.ts';
import { makeDependencyLayer } from '../../src/layers/dependency-layer.ts';
import type { DependencyLayerRequest, WheelFile } from '../../src/layers/layer.ts';
import { seenInTar } from '../context/trees.ts';
import { testHost } from '../support/host.ts';
import { layerRequest, writeWheel } from '../support/wheel.ts';

const LIBRARY = '/usr/local/lib/python3.11/site-packages';
let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
let wheel: WheelFile;
let bytecode: { readonly cacheTag: string; readonly compiler: string };
before(async () => {
  temporary = await temporaryDirectory();
  const compiler = (await compilerFor(testHost(), '3.11.2', '/nowhere'))?.program;
  assert.ok(compiler, 'these tests need a Python 3.11');
  bytecode = { cacheTag: 'cpython-311', compiler };
  wheel = await writeWheel(
    temporary.path,
    [
      { name: 'demo/__init__.py', content: 'X = 1\n' },
      { name: 'demo/tool.so', content: 'ELF', mode: 0o100755 },
    ],
    { entryPoints: '[console_scripts]\nrun = demo:main\n' },
  );
});
after(() => temporary[Symbol.asyncDispose]());

async function layer(rest: Partial<DependencyLayerRequest>) {
  const request = layerRequest([wheel], { compression: 'gzip', ...bytecode, ...rest });
  const { file, entries } = await makeDependencyLayer(request, temporary.path);
  const seen = seenInTar(gunzipSync(await readFile(file)));
  const facts = Object.fromEntries(
    [...seen].map(([path, { type, mode, owner }]) => [path, `${type} ${mode.toString(8)} ${owner}`]),
  );
  return { seen, facts, paths: entries.map(({ path }) => path) };
}

test('a copy has the contents of the first place, and the owners, modes and directories that it is given', async () => {
  const directories = {
    srv: { mode: 0o711, uid: 3, gid: 4 },
    'srv/lib': { mode: 0o755, uid: 1000, gid: 50 },
  };
  const plain = await layer({});
  const moved = await layer({
    relocations: [
      {
        directories,
        moves: [
          { from: LIBRARY, to: '/srv/lib', owner: { uid: 1000, gid: 50 } },
          { from: '/usr/local/bin/run', to: '/srv/start', mode: 0o4750 },
        ],
      },
    ],
  });
  assert.deepEqual(moved.facts, {
    srv: 'directory 711 3:4',
    'srv/lib': 'directory 755 1000:50',
    'srv/lib/demo': 'directory 755 1000:50',
    'srv/lib/demo-1.0.dist-info': 'directory 755 1000:50',
    'srv/lib/demo-1.0.dist-info/INSTALLER': 'file 644 1000:50',
    'srv/lib/demo-1.0.dist-info/METADATA': 'file 644 1000:50',
    'srv/lib/demo-1.0.dist-info/RECORD': 'file 644 1000:50',
    'srv/lib/demo-1.0.dist-info/REQUESTED': 'file 644 1000:50',
    'srv/lib/demo-1.0.dist-info/WHEEL': 'file 644 1000:50',
    'srv/lib/demo-1.0.dist-info/entry_points.txt': 'file 644 1000:50',
    'srv/lib/demo/__init__.py': 'file 644 1000:50',
    'srv/lib/demo/__pycache__': 'directory 755 1000:50',
    'srv/lib/demo/__pycache__/__init__.cpython-311.pyc': 'file 644 1000:50',
    'srv/lib/demo/tool.so': 'file 755 1000:50',
    'srv/start': 'file 4750 0:0',
  });
  for (const [path, { type, sha256 }] of moved.seen) {
    const from = path === 'srv/start' ? 'usr/local/bin/run' : `${LIBRARY}/${path.slice('srv/lib/'.length)}`;
    if (type === 'file') assert.equal(sha256, plain.seen.get(from.replace(/^\//, ''))?.sha256, path);
  }
});

test('a copy of a copy, and one to two places', async () => {
  const at = (from: string, to: string) => ({ from, to });
  const first = { directories: {}, moves: [at(LIBRARY, '/a'), at('/usr/local/bin', '/a/bin')] };
  const second = { directories: {}, moves: [at('/a/demo', '/b'), at('/a/demo', '/c'), at('/a/bin', '/bin')] };
  const { paths } = await layer({ relocations: [first, second] });
  const inside = ['__init__.py', '__pycache__', '__pycache__/__init__.cpython-311.pyc', 'tool.so'];
  assert.deepEqual(paths, [
    ...['b', ...inside.map((path) => `b/${path}`)],
    ...['bin', 'bin/run'],
    ...['c', ...inside.map((path) => `c/${path}`)],
  ]);
});

test('nothing that is copied is no layer', async () => {
  const relocations = [{ directories: {}, moves: [{ from: '/opt', to: '/srv' }] }];
  assert.deepEqual((await layer({ relocations })).paths, []);
});
