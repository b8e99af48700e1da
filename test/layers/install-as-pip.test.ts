import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { compilerFor } from '../../src/layers/compiler.ts';
import { makeDependencyLayer } from '../../src/layers/dependency-layer.ts';
import type { DependencyLayerRequest, WheelFile } from '../../src/layers/layer.ts';
import { readWheelFacts } from '../../src/layers/wheel-facts.ts';
import type { InstallScheme } from '../../src/python/facts.ts';
import { placedPaths } from '../../src/python/wheel-placement.ts';
import { testHost } from '../support/host.ts';
import { layerRequest, type WheelOptions, writeWheel } from '../support/wheel.ts';
import type { ZipPart } from '../support/zip.ts';

/** Compares with the pip of a Python 3.11 on this machine: the same wheels, installed below another root. */
const PREFIX = '/opt/app';
let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
let python: string;
let scheme: InstallScheme;
before(async () => {
  temporary = await temporaryDirectory();
  const found = await compilerFor(testHost(), '3.11.2', '/nowhere');
  assert.ok(found, 'these tests need a Python 3.11 with pip');
  python = found.program;
  const code = [
    'import json; from pip._internal.locations import get_scheme',
    `s = get_scheme("NAME", prefix=${JSON.stringify(PREFIX)})`,
    'print(json.dumps({k: getattr(s, k) for k in ("purelib", "platlib", "headers", "scripts", "data")}))',
  ].join('\n');
  const result = await run([python, '-I', '-c', code]);
  assert.equal(result.exitCode, 0, result.stderr);
  const named = JSON.parse(result.stdout) as InstallScheme;
  scheme = { ...named, headers: named.headers.replace(/\/NAME$/, '') };
});
after(() => temporary[Symbol.asyncDispose]());

/** Lists a tree as JSON: type, mode, and content or what stands for it. */
const LIST = `
import base64, csv, io, json, marshal, os, re, stat, sys, types
root = sys.argv[1]
def code(c):
    # pip compiled it below the root.
    name = c.co_filename[len(root):] if c.co_filename.startswith(root) else c.co_filename
    rest = [getattr(c, n) for n in ("co_name", "co_names", "co_varnames", "co_flags", "co_firstlineno")]
    parts = [code(x) if isinstance(x, types.CodeType) else sorted(map(repr, x)) if isinstance(x, frozenset) else repr(x)
             for x in c.co_consts]
    return [name, *map(repr, rest), c.co_code.hex(), c.co_linetable.hex(), c.co_exceptiontable.hex(), parts]
def content(path, data):
    if path.endswith(".pyc") and data[:4] == b"\\xa7\\r\\r\\n":
        return ["bytecode", data[:8].hex(), data[12:16].hex(), code(marshal.loads(data[16:]))]
    launcher = re.search(rb"^from (\\S+) import (\\S+)$.*sys\\.exit\\((\\S+)\\(\\)\\)\\n$", data, re.S | re.M)
    if launcher and b"sys.argv[0]" in data:
        head = data[:launcher.start()].split(b"import")[0].replace(b"# -*- coding: utf-8 -*-\\n", b"")
        return ["launcher", head.decode(), *[x.decode() for x in launcher.groups()]]
    if path.endswith(".dist-info/RECORD"):
        text = data.decode()
        assert text.endswith("\\r\\n"), path
        return ["record", [r[:1] if "/bin/" in r[0] and not r[0].endswith((".pyc", "kept")) else r for r in csv.reader(io.StringIO(text, newline=""))]]
    return ["bytes", base64.b64encode(data).decode()]
found = {}
for directory, names, files in os.walk(root):
    for name in names + files:
        path = os.path.join(directory, name)
        status = os.lstat(path)
        mode = oct(stat.S_IMODE(status.st_mode))
        entry = [stat.S_IFMT(status.st_mode), mode]
        if stat.S_ISREG(status.st_mode):
            entry.append(content(path, open(path, "rb").read()))
        found[os.path.relpath(path, root)] = entry
print(json.dumps(found))
`;

async function listed(root: string): Promise<Record<string, unknown>> {
  const result = await run([python, '-I', '-c', LIST, root]);
  assert.equal(result.exitCode, 0, result.stderr);
  return JSON.parse(result.stdout) as Record<string, unknown>;
}

interface Case {
  readonly parts: readonly ZipPart[];
  readonly options?: WheelOptions;
  readonly umask?: number;
}

async function installedByPip(directory: string, wheel: WheelFile, umask: number): Promise<string> {
  const root = join(directory, 'pip');
  await mkdir(root);
  const command = [
    ...[python, '-I', '-m', 'pip', 'install', '--no-index', '--no-deps', '--no-cache-dir', '--quiet'],
    ...['--disable-pip-version-check', '--no-warn-script-location', '--ignore-installed'],
    ...['--root', root, '--prefix', PREFIX, '--find-links', directory, `${wheel.name}==${wheel.version}`],
  ];
  // In a virtual environment or not, as root or not: below another root all pips install alike.
  const result = await run(['sh', '-c', `umask ${umask.toString(8)} && exec "$@"`, 'sh', ...command], {
    env: { PATH: process.env.PATH, HOME: directory, PIP_ROOT_USER_ACTION: 'ignore' },
  });
  assert.equal(result.exitCode, 0, result.stderr);
  return root;
}

function isNoBytecode(path: string): boolean {
  return !path.endsWith('.pyc');
}

async function installedByUs(
  directory: string,
  wheel: WheelFile,
  request: DependencyLayerRequest,
): Promise<string> {
  const root = join(directory, 'ours');
  await mkdir(root);
  const layer = await makeDependencyLayer(request, directory);
  const facts = await readWheelFacts(wheel.file, {
    ...wheel,
    filename: wheel.file.slice(directory.length + 1),
  });
  assert.deepEqual(
    layer.entries
      .filter(({ type }) => type === 'file')
      .map(({ path }) => path)
      .filter(isNoBytecode)
      .sort(),
    placedPaths(facts, request.scheme).filter(isNoBytecode),
    'placedPaths tells what is written',
  );
  const result = await run(['tar', '--zstd', '-xpf', layer.file, '-C', root]);
  assert.equal(result.exitCode, 0, result.stderr);
  return root;
}

async function assertAsPip(name: string, { parts, options = {}, umask = 0o022 }: Case): Promise<void> {
  const directory = join(temporary.path, name);
  await mkdir(directory);
  const wheel = await writeWheel(directory, parts, options);
  const pip = await installedByPip(directory, wheel, umask);
  const request = layerRequest([wheel], {
    ...{ scheme, executable: python, cacheTag: 'cpython-311', compiler: python, umask },
  });
  const ours = await installedByUs(directory, wheel, request);
  assert.deepEqual(await listed(ours), await listed(pip));
}

const SOURCE =
  'import os\nNAMES = {"a", "b", "c"}\n\ndef main():\n    """Text."""\n    return [x for x in NAMES]\n';

const CASES: Readonly<Record<string, Case>> = {
  'a pure wheel with packages, data files and sources that do not compile': {
    parts: [
      { name: 'demo/__init__.py', content: SOURCE },
      { name: 'demo/sub/mod.py', content: '# -*- coding: latin-1 -*-\nX = 1\n' },
      { name: 'demo/sub/broken.py', content: 'def (\n' },
      { name: 'demo/empty.py' },
      { name: 'demo/data.txt', content: 'text' },
      { name: 'demo/empty-directory/' },
      { name: 'namespace/part/mod.py', content: 'Y = 2\n' },
      { name: 'top.py', content: 'Z = 3\n' },
      { name: 'ünïcode/mod.py', content: 'Z = 3\n' },
      { name: 'demo/a, "quoted" name.txt', content: 'csv' },
      { name: 'demo-nspkg.pth', content: 'import sys\n' },
    ],
  },
  'a platform wheel with every scheme': {
    parts: [
      { name: 'demo/ext.so', content: 'ELF', mode: 0o100755 },
      { name: 'demo/other.so', content: 'ELF', mode: 0o100711 },
      { name: 'demo/none.so', content: 'ELF', mode: 0o755 },
      { name: 'demo-1.0.data/purelib/demo/pure.py', content: SOURCE },
      { name: 'demo-1.0.data/platlib/demo/plat.py', content: SOURCE, mode: 0o100755 },
      { name: 'demo-1.0.data/headers/sub/demo.h', content: '#define X' },
      { name: 'demo-1.0.data/data/etc/demo.conf', content: 'a = 1' },
      { name: 'demo-1.0.data/data/share/demo/run.py', content: SOURCE },
      { name: 'other-2.0.data/data/share/other', content: 'as pip: any *.data' },
    ],
    options: { purelib: false },
  },
  'scripts with and without the placeholder and x bits': {
    parts: [
      { name: 'demo-1.0.data/scripts/one', content: '#!python\nprint(1)\n', mode: 0o100755 },
      { name: 'demo-1.0.data/scripts/two.py', content: '#!pythonw -E\nprint(2)\n' },
      { name: 'demo-1.0.data/scripts/three', content: '#!/usr/bin/python3\nprint(3)\n', mode: 0o100755 },
      { name: 'demo-1.0.data/scripts/four', content: '#!python' },
      { name: 'demo-1.0.data/scripts/five', content: '' },
      { name: 'demo-1.0.data/scripts/six', content: '#!python3\r\nprint(6)\r\n' },
      { name: 'demo-1.0.data/scripts/sub/seven.py', content: '#!python\nprint(7)\n' },
    ],
  },
  'console and GUI scripts, with extras, comments and what they replace': {
    parts: [
      { name: 'demo/__init__.py', content: SOURCE },
      { name: 'demo-1.0.data/scripts/run', content: '#!python\nold' },
      { name: 'demo-1.0.data/scripts/run.exe', content: 'MZ' },
      { name: 'demo-1.0.data/scripts/show-script.py', content: '#!python\nold' },
      { name: 'demo-1.0.data/scripts/kept', content: 'new' },
    ],
    options: {
      entryPoints: [
        '# a comment',
        '[console_scripts]',
        'run = demo:main',
        '  demo.tool-x+y=demo.cli:App.run [some-extra, other]  ',
        'twice = demo:first',
        'twice = demo:second',
        '[gui_scripts]',
        'show = demo.gui:main',
        '[pytest11]',
        'plugin = demo.plugin',
      ].join('\r\n'),
    },
  },
  'pip and easy_install, whose names follow the Python version': {
    parts: [{ name: 'demo/__init__.py', content: SOURCE }],
    options: {
      entryPoints:
        '[console_scripts]\npip = demo:main\npip3 = demo:main\npip3.8 = demo:main\neasy_install = demo:main\neasy_install-3.8 = demo:main\npipx = demo:main\n',
    },
  },
  'files that two members write, bytecode and metadata that the wheel brings': {
    parts: [
      { name: 'demo-1.0.data/purelib/demo/mod.py', content: 'X = "data"\n', mode: 0o100755 },
      { name: 'demo/mod.py', content: 'X = "root"\n' },
      { name: 'demo/__pycache__/mod.cpython-311.pyc', content: 'old bytecode' },
      { name: 'demo/__pycache__/gone.cpython-311.pyc', content: 'kept' },
      { name: 'demo-1.0.dist-info/INSTALLER', content: 'somebody' },
      { name: 'demo-1.0.dist-info/RECORD.jws', content: '{}' },
      { name: 'demo-1.0.dist-info/licenses/LICENSE', content: 'free' },
      { name: 'other/x-1.0.dist-info/RECORD', content: 'a,,\r\n' },
    ],
  },
  'another umask': {
    parts: [
      { name: 'demo/__init__.py', content: SOURCE },
      { name: 'demo/tool.so', content: 'ELF', mode: 0o100755 },
      { name: 'demo/exec.py', content: SOURCE, mode: 0o100755 },
      { name: 'demo-1.0.data/scripts/one', content: '#!python\nprint(1)\n', mode: 0o100755 },
    ],
    options: { entryPoints: '[console_scripts]\nrun = demo:main\n' },
    umask: 0o077,
  },
};

for (const [name, one] of Object.entries(CASES))
  test(`as pip installs it: ${name}`, () => assertAsPip(name.replaceAll(/\W+/g, '-'), one));
