import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { compilerFor } from '../../src/layers/compiler.ts';
import { makeDependencyLayer } from '../../src/layers/dependency-layer.ts';
import type { DependencyLayerRequest, MadeLayer } from '../../src/layers/layer.ts';
import { testHost } from '../support/host.ts';
import { seededRandom, shuffled } from '../support/random.ts';
import { layerRequest, writeWheel } from '../support/wheel.ts';
import type { ZipPart } from '../support/zip.ts';

let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
let compiler: string;
before(async () => {
  temporary = await temporaryDirectory();
  const found = await compilerFor(testHost(), '3.11.2', '/nowhere');
  assert.ok(found, 'these tests need a Python 3.11');
  compiler = found.program;
});
after(() => temporary[Symbol.asyncDispose]());

async function freshDirectory(): Promise<string> {
  return mkdtemp(join(temporary.path, 'at-'));
}

async function made(request: DependencyLayerRequest, directory?: string): Promise<MadeLayer> {
  return makeDependencyLayer(request, directory ?? (await freshDirectory()));
}

/** The content of a file of a layer. */
async function contentIn(layer: MadeLayer, path: string): Promise<Buffer> {
  const directory = await freshDirectory();
  const result = await run(['tar', '--zstd', '-xf', layer.file, '-C', directory, path]);
  assert.equal(result.exitCode, 0, result.stderr);
  return readFile(join(directory, path));
}

function modesOf(layer: MadeLayer): Record<string, string> {
  return Object.fromEntries(
    layer.entries.map(({ path, mode, uid, gid }) => [path, `${mode.toString(8)} ${uid}:${gid}`]),
  );
}

const LIBRARY = 'usr/local/lib/python3.11/site-packages';
const BYTECODE = () => ({ cacheTag: 'cpython-311', compiler });

const PARTS: readonly ZipPart[] = [
  { name: 'demo/__init__.py', content: 'X = {"a", "b", "c"}\n\ndef main():\n    return 0\n' },
  { name: 'demo/tool.so', content: 'ELF', mode: 0o100755 },
  { name: 'demo/broken.py', content: 'def (:\n' },
  { name: 'demo-1.0.data/scripts/plain', content: '#!/bin/sh\necho\n' },
  { name: 'demo-1.0.data/scripts/python-script.py', content: '#!python3 -E\nprint()\n', mode: 0o100755 },
  { name: 'demo-1.0.data/scripts/run', content: '#!python\nold launcher\n' },
  { name: 'demo-1.0.data/headers/demo.h', content: '#define X\n' },
  { name: 'demo-1.0.data/data/share/a, b.txt', content: 'data\n' },
];

async function demo(options: { readonly parts?: readonly ZipPart[]; readonly directory?: string } = {}) {
  return writeWheel(options.directory ?? (await freshDirectory()), options.parts ?? PARTS, {
    entryPoints: '[console_scripts]\nrun = demo:main\n',
  });
}

test('the archive of a small wheel never changes: its digest is part of what caches hold', async () => {
  const layer = await made(layerRequest([await demo()]));
  assert.equal(layer.diffId, 'sha256:625f4612ad7431b3b2ca1c43fd406981953584a2b760830d3500c52c8c429584');
});

test('a layer holds what pip installs, each directory above it, sorted, and nothing else', async () => {
  const layer = await made(layerRequest([await demo()]));
  assert.deepEqual(modesOf(layer), {
    usr: '755 0:0',
    'usr/local': '755 0:0',
    'usr/local/bin': '755 0:0',
    'usr/local/bin/plain': '644 0:0',
    'usr/local/bin/python-script.py': '755 0:0',
    'usr/local/bin/run': '755 0:0',
    'usr/local/include': '755 0:0',
    'usr/local/include/python3.11': '755 0:0',
    'usr/local/include/python3.11/demo': '755 0:0',
    'usr/local/include/python3.11/demo/demo.h': '644 0:0',
    'usr/local/lib': '755 0:0',
    'usr/local/lib/python3.11': '755 0:0',
    [LIBRARY]: '755 0:0',
    [`${LIBRARY}/demo`]: '755 0:0',
    [`${LIBRARY}/demo-1.0.dist-info`]: '755 0:0',
    [`${LIBRARY}/demo-1.0.dist-info/INSTALLER`]: '644 0:0',
    [`${LIBRARY}/demo-1.0.dist-info/METADATA`]: '644 0:0',
    [`${LIBRARY}/demo-1.0.dist-info/RECORD`]: '644 0:0',
    [`${LIBRARY}/demo-1.0.dist-info/REQUESTED`]: '644 0:0',
    [`${LIBRARY}/demo-1.0.dist-info/WHEEL`]: '644 0:0',
    [`${LIBRARY}/demo-1.0.dist-info/entry_points.txt`]: '644 0:0',
    [`${LIBRARY}/demo/__init__.py`]: '644 0:0',
    [`${LIBRARY}/demo/broken.py`]: '644 0:0',
    [`${LIBRARY}/demo/tool.so`]: '755 0:0',
    'usr/local/share': '755 0:0',
    'usr/local/share/a, b.txt': '644 0:0',
  });
  assert.deepEqual(Object.keys(modesOf(layer)), Object.keys(modesOf(layer)).toSorted());
  assert.equal(
    (await contentIn(layer, 'usr/local/bin/python-script.py')).toString(),
    '#!/usr/local/bin/python3.11\nprint()\n',
  );
  assert.equal((await contentIn(layer, `${LIBRARY}/demo-1.0.dist-info/INSTALLER`)).toString(), 'pip\n');
  const record = (await contentIn(layer, `${LIBRARY}/demo-1.0.dist-info/RECORD`)).toString();
  assert.match(record, /^"\.\.\/\.\.\/\.\.\/share\/a, b\.txt",sha256=[\w-]{43},5\r\n/m);
  assert.match(
    record,
    /^demo-1\.0\.dist-info\/REQUESTED,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\r\n/m,
  );
});

test('the same wheel gives the same archive: in another directory and file system, with another umask, time zone and environment', async () => {
  const request = layerRequest([await demo()], BYTECODE());
  const first = await made(request);
  const directory = join(await freshDirectory(), 'a much longer name of a directory');
  await mkdir(directory);
  const shared = existsSync('/dev/shm') ? await mkdtemp('/dev/shm/layerwright-test-') : directory;
  const mask = process.umask(0o077);
  Object.assign(process.env, { TZ: 'Asia/Tokyo', PYTHONHASHSEED: '1', PYTHONOPTIMIZE: '2', LANG: 'de_DE' });
  try {
    const again = await made({ ...request, wheels: [await demo({ directory: shared })] }, directory);
    const third = await made({ ...request, compression: 'gzip' }, shared);
    assert.deepEqual([again.diffId, third.diffId], [first.diffId, first.diffId]);
    assert.equal(again.descriptor.digest, first.descriptor.digest);
    assert.deepEqual(gunzipSync(await readFile(third.file)), zstdDecompressSync(await readFile(first.file)));
  } finally {
    process.umask(mask);
    for (const name of ['TZ', 'PYTHONHASHSEED', 'PYTHONOPTIMIZE', 'LANG']) delete process.env[name];
    if (shared !== directory) await rm(shared, { recursive: true });
  }
});

test('neither the order of the members, nor that of wheels that share no path, nor that of the directories counts', async () => {
  const random = seededRandom(11);
  const other = await writeWheel(await freshDirectory(), [{ name: 'other.py', content: 'y = 2\n' }], {
    name: 'other',
  });
  const directories = {
    usr: { mode: 0o700, uid: 1, gid: 2 },
    'usr/local': { mode: 0o2775, uid: 0, gid: 50 },
  };
  const made1 = await made(layerRequest([await demo(), other], { directories, ...BYTECODE() }));
  for (let round = 0; round < 5; round++) {
    // RECORD keeps the order of the wheel's own lines out of the layer: it is sorted.
    const wheels = shuffled([await demo({ parts: shuffled(PARTS, random) }), other], random);
    const entries = shuffled(Object.entries(directories), random);
    const layer = await made(
      layerRequest(wheels, { directories: Object.fromEntries(entries), ...BYTECODE() }),
    );
    assert.equal(layer.diffId, made1.diffId);
  }
});

test('everything that the request says shows in the archive', async () => {
  const wheel = await demo();
  const request = layerRequest([wheel], BYTECODE());
  const variants: readonly Partial<DependencyLayerRequest>[] = [
    {},
    { executable: '/usr/bin/python3' },
    { installer: { tool: 'uv' } },
    { uid: 1000 },
    { gid: 1000 },
    { umask: 0o027 },
    { mtime: 1_000_000_001 },
    { cacheTag: undefined },
    { keep: ['/usr/local/bin'] },
    { wheels: [{ ...wheel, requested: false }] },
    { directories: { usr: { mode: 0o700, uid: 0, gid: 0 } } },
    { scheme: { ...request.scheme, headers: '/usr/include' } },
  ];
  const ids = await Promise.all(variants.map(async (one) => (await made({ ...request, ...one })).diffId));
  assert.equal(new Set(ids).size, variants.length);
});

test('modes follow umask as pip makes them; what is below set-group-ID inherits', async () => {
  const layer = await made(
    layerRequest([await demo()], {
      ...{ umask: 0o077, uid: 1000, gid: 1000 },
      directories: {
        usr: { mode: 0o755, uid: 0, gid: 0 },
        'usr/local': { mode: 0o2775, uid: 0, gid: 50 },
        'usr/local/bin': { mode: 0o711, uid: 7, gid: 8 },
      },
      ...BYTECODE(),
    }),
  );
  const modes = modesOf(layer);
  const expected = {
    usr: '755 0:0',
    'usr/local': '2775 0:50',
    'usr/local/bin': '711 7:8',
    'usr/local/bin/run': '755 1000:1000',
    'usr/local/bin/python-script.py': '711 1000:1000',
    'usr/local/bin/__pycache__': '700 1000:1000',
    'usr/local/bin/__pycache__/python-script.cpython-311.pyc': '600 1000:1000',
    'usr/local/lib': '2700 1000:50',
    [`${LIBRARY}/demo`]: '2700 1000:50',
    [`${LIBRARY}/demo/__init__.py`]: '600 1000:50',
    [`${LIBRARY}/demo/tool.so`]: '711 1000:50',
    [`${LIBRARY}/demo-1.0.dist-info/RECORD`]: '600 1000:50',
  };
  for (const [path, mode] of Object.entries(expected)) assert.equal(modes[path], mode, path);
});

test('bytecode is there for every source that compiles, is accepted by Python, and runs nothing of the wheel', async () => {
  const witness = join(temporary.path, 'witness');
  const parts = [
    ...PARTS,
    { name: 'sitecustomize.py', content: `open(${JSON.stringify(witness)}, "w")\n` },
    { name: 'marshal.py', content: `open(${JSON.stringify(witness)}, "w")\n` },
    { name: 'latin.py', content: Buffer.from('# -*- coding: latin-1 -*-\nx = "\xe4"\n', 'latin1') },
    { name: 'nul.py', content: 'x = "\0"\n' },
  ];
  const layer = await made(layerRequest([await demo({ parts })], BYTECODE()));
  const pycs = layer.entries.map(({ path }) => path).filter((path) => path.endsWith('.pyc'));
  assert.deepEqual(pycs, [
    'usr/local/bin/__pycache__/python-script.cpython-311.pyc',
    `${LIBRARY}/__pycache__/latin.cpython-311.pyc`,
    `${LIBRARY}/__pycache__/marshal.cpython-311.pyc`,
    `${LIBRARY}/__pycache__/sitecustomize.cpython-311.pyc`,
    `${LIBRARY}/demo/__pycache__/__init__.cpython-311.pyc`,
  ]);
  assert.equal(existsSync(witness), false);
  const directory = await freshDirectory();
  await run(['tar', '--zstd', '-xf', layer.file, '-C', directory]);
  const code = [
    'import sys; sys.path.insert(0, sys.argv[1]); sys.dont_write_bytecode = True',
    'import demo, latin; print(demo.__cached__)',
    'from importlib._bootstrap_external import _validate_timestamp_pyc as validate, _classify_pyc as classify',
    'import os; data = open(demo.__cached__, "rb").read(); status = os.stat(demo.__file__)',
    'print(classify(data, "demo", {}), validate(data, int(status.st_mtime), status.st_size, "demo", {}))',
  ].join('\n');
  const result = await run([compiler, '-I', '-S', '-c', code, join(directory, LIBRARY)]);
  assert.equal(result.stdout.split('\n')[1], '0 None', result.stderr);
  const record = (await contentIn(layer, `${LIBRARY}/demo-1.0.dist-info/RECORD`)).toString();
  for (const path of [
    '../../../bin/__pycache__/python-script',
    'demo/__pycache__/__init__',
    '__pycache__/latin',
  ])
    assert.ok(record.includes(`${path}.cpython-311.pyc,,\r\n`), path);
});

test('each distribution is compiled for itself: sources sorted, nothing of the environment', async () => {
  const log = join(await freshDirectory(), 'log');
  const fake = join(await freshDirectory(), 'python3.11');
  const program = [
    `#!${compiler}`,
    'import json, os, sys',
    'read, out = sys.stdin.buffer.read, sys.stdout.buffer',
    'while read(1):',
    '    paths = []',
    '    while (head := read(8)) != b"\\xff" * 8:',
    '        paths.append(read(int.from_bytes(head[:4], "little")).decode())',
    '        read(int.from_bytes(head[4:], "little"))',
    '        out.write(b"\\xff\\xff\\xff\\xff")',
    '    names = sorted(name for name in os.environ if name != "LC_CTYPE")',
    `    print(json.dumps([sys.argv[1:-1], os.getcwd(), names, paths]), file=open(${JSON.stringify(log)}, "a"))`,
    '    out.write(b"\\xfe\\xff\\xff\\xff\\x00")',
    '    out.flush()',
  ];
  await writeFile(fake, `${program.join('\n')}\n`, { mode: 0o755 });
  const random = seededRandom(5);
  const names = ['z.py', 'a.py', 'a/b.py', 'a-b.py', 'demo-1.0.data/scripts/s.py'];
  const parts = shuffled(names, random).map((name) => ({ name, content: 'x = 1\n' }));
  const other = await writeWheel(await freshDirectory(), [{ name: 'o.py', content: '' }], { name: 'other' });
  const request = layerRequest([await demo({ parts }), other], { cacheTag: 'cpython-311', compiler: fake });
  const layer = await made(request);
  assert.ok(layer.entries.every(({ path }) => !path.endsWith('.pyc')));
  const flags = ['-s', '-S', '-W', 'ignore', '-c'];
  const environment = ['LC_ALL', 'PYTHONDONTWRITEBYTECODE', 'PYTHONHASHSEED', 'PYTHONUTF8'];
  const at = (paths: readonly string[]) => paths.map((path) => `/${LIBRARY}/${path}`);
  assert.deepEqual(
    (await readFile(log, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
    [
      [flags, '/', environment, at(['../../../bin/s.py', 'a-b.py', 'a.py', 'a/b.py', 'z.py'])],
      [flags, '/', environment, at(['o.py'])],
    ],
  );
});

test('of two wheels that write one path the later one wins, with its bytecode', async () => {
  const directory = await freshDirectory();
  const wheel = (name: string, content: string) =>
    writeWheel(directory, [{ name: 'shared.py', content, mode: name === 'b' ? 0o100755 : 0o100644 }], {
      name,
    });
  const [a, b, c] = [await wheel('a', 'x = 1\n'), await wheel('b', 'x = 2\n'), await wheel('c', 'x = (\n')];
  const path = `${LIBRARY}/shared.py`;
  const pyc = `${LIBRARY}/__pycache__/shared.cpython-311.pyc`;
  const both = await made(layerRequest([a, b], BYTECODE()));
  assert.equal((await contentIn(both, path)).toString(), 'x = 2\n');
  assert.equal(modesOf(both)[path], '755 0:0');
  const reversed = await made(layerRequest([b, a], BYTECODE()));
  assert.equal((await contentIn(reversed, path)).toString(), 'x = 1\n');
  assert.equal(modesOf(reversed)[path], '644 0:0');
  assert.notDeepEqual(await contentIn(both, pyc), await contentIn(reversed, pyc));
  for (const name of ['a', 'b'])
    assert.match(
      (await contentIn(both, `${LIBRARY}/${name}-1.0.dist-info/RECORD`)).toString(),
      /^shared\.py,/m,
    );
  // The bytecode of the file that was replaced would be taken for that of the new one, which has the same size and time.
  const stale = await made(layerRequest([a, c], BYTECODE()));
  assert.equal(modesOf(stale)[pyc], undefined);
});

test('a file where another wheel, or the image, has a directory is refused', async () => {
  const directory = await freshDirectory();
  const a = await writeWheel(directory, [{ name: 'x', content: 'file' }], { name: 'a' });
  const b = await writeWheel(directory, [{ name: 'x/y', content: 'file' }], { name: 'b' });
  const refused = {
    code: 'WHEEL_INVALID',
    message: /^a 1\.0 is no valid wheel: ".*site-packages\/x": it is a file, and a directory/,
  };
  await assert.rejects(made(layerRequest([a, b])), refused);
  await assert.rejects(made(layerRequest([b, a])), refused);
  const directories = { [`${LIBRARY}/x`]: { mode: 0o755, uid: 0, gid: 0 } };
  await assert.rejects(made(layerRequest([a], { directories })), refused);
});

test('only what is at or below the paths to keep is written, with the directories above', async () => {
  const wheel = await demo();
  const kept = async (keep: readonly string[]) =>
    (await made(layerRequest([wheel], { keep }))).entries.map(({ path }) => path);
  assert.deepEqual(await kept(['/usr/local/bin/run', '/usr/local/share/']), [
    ...['usr', 'usr/local', 'usr/local/bin', 'usr/local/bin/run'],
    ...['usr/local/share', 'usr/local/share/a, b.txt'],
  ]);
  assert.deepEqual(await kept(['/usr/local/bi', '/opt']), []);
  assert.deepEqual(await kept(['/']), await kept(['/usr']));
});

test('a script for an interpreter with a long path is started by the shell', async () => {
  const executable = `/opt/${'long/'.repeat(30)}python`;
  const layer = await made(layerRequest([await demo()], { executable }));
  const [first, second] = (await contentIn(layer, 'usr/local/bin/run')).toString().split('\n');
  assert.deepEqual([first, second], ['#!/bin/sh', `'''exec' ${executable} "$0" "$@"`]);
});

test('a launcher runs the entry point, under Python and under the shell', async () => {
  const parts = [
    {
      name: 'demo/__init__.py',
      content: 'import sys\nclass App:\n    def run():\n        print(sys.argv)\n        return 7\n',
    },
  ];
  const wheel = await writeWheel(await freshDirectory(), parts, {
    entryPoints: '[console_scripts]\nrun = demo:App.run\n',
  });
  const spaced = join(await freshDirectory(), 'with space');
  await mkdir(spaced);
  await run(['ln', '-s', compiler, join(spaced, 'python')]);
  for (const executable of [compiler, join(spaced, 'python')]) {
    const layer = await made(layerRequest([wheel], { executable }));
    const directory = await freshDirectory();
    await run(['tar', '--zstd', '-xf', layer.file, '-C', directory]);
    const script = join(directory, 'usr/local/bin/run');
    const result = await run([script, 'an argument'], { env: { PYTHONPATH: join(directory, LIBRARY) } });
    assert.equal(result.exitCode, 7, result.stderr);
    assert.equal(result.stdout, `['${script}', 'an argument']\n`);
  }
});

test("pip's own scripts are named after the image's Python", async () => {
  const entryPoints = '[console_scripts]\npip = demo:main\npip3 = demo:main\npip3.9 = demo:main\n';
  const wheel = await writeWheel(await freshDirectory(), PARTS, { entryPoints });
  const bin = (layer: MadeLayer) =>
    layer.entries.map(({ path }) => path).filter((path) => /^usr\/local\/bin\/p?ip/.test(path));
  assert.deepEqual(
    bin(await made(layerRequest([wheel]))),
    ['pip', 'pip3', 'pip3.11'].map((name) => `usr/local/bin/${name}`),
  );
  const { scheme } = layerRequest([]);
  const target = { ...scheme, purelib: '/opt/lib', platlib: '/opt/lib' };
  await assert.rejects(made(layerRequest([wheel], { scheme: target })), { code: 'WHEEL_INVALID' });
});

test('what goes wrong leaves no file: a broken wheel, a compiler that ends, an abort', async () => {
  const directory = await freshDirectory();
  const broken = await demo({
    parts: [...PARTS, { name: 'z', content: 'abc', central: { crc: 1 }, local: { crc: 1 } }],
  });
  await assert.rejects(made(layerRequest([broken]), directory), { code: 'WHEEL_INVALID' });
  const wheel = await demo({
    parts: Array.from({ length: 300 }, (_, at) => ({
      name: `m${at}.py`,
      content: `x = "${'y'.repeat(30_000)}"\n`,
    })),
  });
  const early = layerRequest([wheel], { cacheTag: 'cpython-311', compiler: '/bin/true' });
  await assert.rejects(made(early, directory), { code: 'BYTECODE_FAILED', exit: 1 });
  const missing = layerRequest([wheel], { cacheTag: 'cpython-311', compiler: '/nowhere/python3' });
  await assert.rejects(made(missing, directory), { code: 'PROGRAM_NOT_FOUND' });
  const aborting = new AbortController();
  const stopped = makeDependencyLayer(layerRequest([wheel], BYTECODE()), directory, aborting.signal);
  setImmediate(() => aborting.abort());
  await assert.rejects(stopped, { code: 'INTERRUPTED', exit: 130 });
  await assert.rejects(made(layerRequest([{ ...wheel, file: '/nowhere/x.whl' }]), directory), {
    code: 'FILE_UNUSABLE',
  });
  assert.deepEqual(await readdir(directory), []);
});

test('bytecode that does not fit into memory is put aside and comes back', async () => {
  const parts = Array.from({ length: 120 }, (_, at) => ({
    ...{ name: `m${at}.py`, content: `x${at} = "${'y'.repeat(100_000 + at)}"\n` },
  }));
  const directory = await freshDirectory();
  const layer = await made(layerRequest([await demo({ parts })], BYTECODE()), directory);
  assert.deepEqual(await readdir(directory), [layer.file.slice(directory.length + 1)]);
  for (const at of [0, 60, 90, 119]) {
    const pyc = await contentIn(layer, `${LIBRARY}/__pycache__/m${at}.cpython-311.pyc`);
    assert.ok(pyc.includes('y'.repeat(100_000 + at)));
    assert.ok(pyc.includes(`x${at}`));
  }
});

test('large members pass through, compressed, stored and as scripts', async () => {
  const noise = Buffer.from(Array.from({ length: 700_000 }, (_, at) => (at * 2_654_435_761) >>> 13));
  const parts = [
    { name: 'packed.bin', content: noise },
    { name: 'stored.bin', content: noise, stored: true },
    { name: 'demo-1.0.data/scripts/program', content: noise, mode: 0o100755 },
    { name: 'demo-1.0.data/scripts/zipapp', content: Buffer.concat([Buffer.from('#!python\n'), noise]) },
  ];
  const layer = await made(layerRequest([await demo({ parts })]));
  for (const path of [`${LIBRARY}/packed.bin`, `${LIBRARY}/stored.bin`, 'usr/local/bin/program'])
    assert.ok(noise.equals(await contentIn(layer, path)), path);
  const zipapp = Buffer.concat([Buffer.from('#!/usr/local/bin/python3.11\n'), noise]);
  assert.ok(zipapp.equals(await contentIn(layer, 'usr/local/bin/zipapp')));
});

test('members of *.data with no place in a scheme are refused', async () => {
  for (const name of ['demo-1.0.data/other/x', 'demo-1.0.data/scripts', 'x.data'])
    await assert.rejects(made(layerRequest([await demo({ parts: [{ name, content: 'x' }] })])), {
      code: 'WHEEL_INVALID',
      message: /purelib, platlib, headers, scripts and data/,
    });
});

test('further files of the dist-info are written, and are in RECORD', async () => {
  const files = { 'uv_cache.json': '{"a":1}', 'uv_build.json': '{}' };
  const layer = await made(layerRequest([{ ...(await demo()), files }], { installer: { tool: 'uv' } }));
  const info = `${LIBRARY}/demo-1.0.dist-info`;
  assert.equal(modesOf(layer)[`${info}/uv_cache.json`], '644 0:0');
  assert.equal((await contentIn(layer, `${info}/uv_cache.json`)).toString(), '{"a":1}');
  const record = (await contentIn(layer, `${info}/RECORD`)).toString();
  assert.match(record, /^demo-1\.0\.dist-info\/uv_cache\.json,sha256=[\w-]{43},7$/m);
  assert.match(record, /^demo-1\.0\.dist-info\/uv_build\.json,sha256=[\w-]{43},2$/m);
});
