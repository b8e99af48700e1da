import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { compilerFor } from '../../src/layers/compiler.ts';
import { makeDependencyLayer } from '../../src/layers/dependency-layer.ts';
import type { DependencyLayerRequest, WheelFile } from '../../src/layers/layer.ts';
import type { InstallScheme } from '../../src/python/facts.ts';
import type { Installer } from '../../src/python/installer.ts';
import { TARGET_RECORD_SCHEME } from '../../src/python/wheel-placement.ts';
import { parseLauncher } from '../../src/verify/launcher.ts';
import { canonicalCode } from '../../src/verify/marshal.ts';
import { testHost } from '../support/host.ts';
import { packageIndex, sha256 } from '../support/package-index.ts';
import { layerRequest, type WheelOptions } from '../support/wheel.ts';
import type { ZipPart } from '../support/zip.ts';

/** Wheels with whatever installers treat in ways of their own; every path has their name in it. */
const DATA = 'demo_all-1.0.data';
const WHEELS: Readonly<
  Record<string, { readonly parts: readonly ZipPart[]; readonly options: WheelOptions }>
> = {
  'demo-all': {
    parts: [
      { name: 'demo_all/__init__.py', content: 'NAMES = {"a", "b"}\n\ndef main():\n    return 0\n' },
      { name: 'demo_all/broken.py', content: 'print "a"\n' },
      { name: 'demo_all/exec.py', content: '#!python\n', mode: 0o100755 },
      { name: 'demo_all/read-only.txt', content: 'r', mode: 0o100444 },
      { name: 'demo_all/set-user-id', content: 's', mode: 0o104755 },
      { name: 'demo_all/group.txt', content: 'g', mode: 0o100664 },
      { name: 'demo_all/a, "quoted" name.txt', content: 'csv' },
      { name: 'namespace/demo_one/mod.py', content: 'A = 1\n' },
      { name: 'demo_top.py', content: 'B = 2\n' },
      { name: `${DATA}/scripts/demo-plain`, content: '#!/bin/sh\n', mode: 0o100755 },
      { name: `${DATA}/scripts/demo-python`, content: '#!python\nprint(1)\n' },
      { name: `${DATA}/scripts/demo-window.py`, content: '#!pythonw -E\nprint(1)\n' },
      { name: `${DATA}/scripts/demo-lines`, content: '#!python3\r\nprint(1)\r\n' },
      { name: `${DATA}/scripts/demo-empty`, content: '' },
      { name: `${DATA}/scripts/demo-elf`, content: '\x7fELF' },
      { name: `${DATA}/data/share/demo/a.txt`, content: 'a' },
      { name: `${DATA}/headers/demo.h`, content: 'h' },
      { name: `${DATA}/headers/sub/demo.h`, content: 'h' },
      { name: `${DATA}/purelib/demo_pure/mod.py`, content: 'C = 3\n' },
      { name: `${DATA}/platlib/demo_plat/mod.py`, content: 'D = 4\n' },
    ],
    options: {
      metadata: 'Requires-Dist: demo-plat\n',
      entryPoints:
        '[console_scripts]\ndemo-run = demo_all:main\ndemo-dots = demo_all:main.run [extra]\n[gui_scripts]\ndemo-show = demo_all:main\n',
    },
  },
  'demo-plat': {
    parts: [
      { name: 'demo_plat/__init__.py', content: '' },
      { name: 'demo_plat/ext.so', content: 'ELF', mode: 0o100755 },
      { name: 'namespace/demo_two/mod.py', content: 'E = 5\n' },
    ],
    options: { purelib: false },
  },
};

const SITE = 'lib/python3.11/site-packages';
const venv = (root: string, headers = `${root}/include/site/python3.11`): InstallScheme => ({
  ...{ purelib: `${root}/${SITE}`, platlib: `${root}/${SITE}`, scripts: `${root}/bin`, data: root, headers },
});
const flat = (root: string, headers: string): InstallScheme => ({
  ...{ purelib: root, platlib: root, scripts: `${root}/bin`, data: root, headers },
});

interface Case {
  readonly stage: 'uv' | 'poetry' | 'old' | 'pip';
  readonly root: string;
  readonly scheme: InstallScheme;
  readonly executable: string;
  readonly rest?: Partial<DependencyLayerRequest>;
}

const OWN = '/usr/local/bin/python';
const CASES: Readonly<Record<string, Case>> = {
  'uv pip install': { stage: 'uv', root: '/v', scheme: venv('/v'), executable: '/v/bin/python' },
  'uv pip install --target': {
    ...{ stage: 'uv', root: '/target', scheme: flat('/target', '/target/include'), executable: OWN },
  },
  'uv pip install --prefix': { stage: 'uv', root: '/prefix', scheme: venv('/prefix'), executable: OWN },
  'poetry install': {
    stage: 'poetry',
    root: '/p/.venv',
    scheme: venv('/p/.venv'),
    executable: '/p/.venv/bin/python',
  },
  'poetry install, 1.8': {
    ...{ stage: 'old', root: '/p/.venv', scheme: venv('/p/.venv'), executable: '/p/.venv/bin/python' },
  },
  'pip install --target': {
    ...{ stage: 'pip', root: '/target', scheme: flat('/target', '/target/include/python') },
    ...{ executable: OWN, rest: { recordScheme: TARGET_RECORD_SCHEME } },
  },
  'pip install --prefix': {
    ...{ stage: 'pip', root: '/prefix', scheme: venv('/prefix', '/prefix/include/python3.11') },
    executable: OWN,
  },
  'pip install --user': {
    ...{ stage: 'pip', root: '/user', scheme: venv('/user', '/user/include/python3.11') },
    executable: OWN,
  },
};

const POETRY = (url: string) => `[tool.poetry]
name = "project"
version = "0.1"
description = ""
authors = []
[tool.poetry.dependencies]
python = "^3.11"
demo-all = "1.0"
demo-direct = {path = "/wheels/demo_direct-1.0-py3-none-any.whl"}
[[tool.poetry.source]]
name = "local"
url = "${url}/"
`;

const POETRY_STEPS = `COPY poetry.toml /p/pyproject.toml
COPY wheels /wheels
WORKDIR /p
ENV POETRY_VIRTUALENVS_IN_PROJECT=true
RUN poetry lock && poetry install --only main --no-root --compile
`;

function dockerfile(url: string, uv: string): string {
  const options = `--no-cache --compile-bytecode --default-index ${url} demo-all`;
  const pip = `pip install --no-cache-dir --index-url ${url} demo-all`;
  return `FROM python:3.11-slim AS uv
RUN pip install --no-cache-dir uv==${uv}
COPY wheels /wheels
RUN uv venv /v && VIRTUAL_ENV=/v uv pip install ${options} demo-direct@${url.replace(/simple$/, 'files')}/demo_direct-1.0-py3-none-any.whl \\
 && uv pip install --target /target ${options} && uv pip install --prefix /prefix ${options}
FROM python:3.11-slim AS poetry
RUN pip install --no-cache-dir poetry
${POETRY_STEPS}
FROM python:3.11-slim AS old
RUN pip install --no-cache-dir poetry==1.8.5
${POETRY_STEPS}
FROM python:3.11-slim AS pip
RUN ${pip} --target /target && ${pip} --prefix /prefix && PYTHONUSERBASE=/user ${pip} --user
FROM scratch
${Object.values(CASES)
  .map(({ stage, root }) => `COPY --from=${stage} ${root} /${stage}${root}`)
  .join('\n')}
`;
}

interface Found {
  readonly type: string;
  readonly mode: string;
  readonly content: unknown;
}

type Trees = Readonly<Record<string, Found>>;

/** Files as people would compare them. */
const LIST = `
import base64, json, os, stat, sys, tarfile
found = {}
for m in tarfile.open(sys.argv[1]):
    kind = "file" if m.isreg() or m.islnk() else "directory" if m.isdir() else "link"
    data = tarfile.open
    found[m.name.strip("/")] = [kind, oct(m.mode), m.linkname if m.islnk() else ""]
with tarfile.open(sys.argv[1]) as t:
    for m in t:
        if (m.isreg() or m.islnk()) and "demo" in m.name:
            found[m.name.strip("/")].append(base64.b64encode(t.extractfile(m).read()).decode())
print(json.dumps(found))
`.replace('    data = tarfile.open\n', '');

let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
let python: string;
let wheels: readonly WheelFile[];
let direct: WheelFile;
let theirs: Trees;
const versions: { poetry?: string } = {};

before(async () => {
  temporary = await temporaryDirectory('lw-installers-');
  python = (await compilerFor(testHost(), '3.11.2', '/nowhere'))?.program as string;
  assert.ok(python, 'these tests need a Python 3.11');
  await using index = await packageIndex();
  index.intercept = ({ url = '', headers }, response) => {
    // Poetry 1 reads pages alone.
    const [, name] = /^\/simple\/([^/]+)\/$/.exec(url) ?? [];
    if (name === undefined || headers.accept?.includes('json')) return false;
    const links = [...index.files].filter(([file]) => file.startsWith(`${name.replaceAll('-', '_')}-`));
    const lines = links.map(
      ([file, { bytes }]) => `<a href="../../files/${file}#sha256=${sha256(bytes)}">${file}</a>`,
    );
    response
      .writeHead(200, { 'content-type': 'text/html' })
      .end(`<html><body>${lines.join('')}</body></html>`);
    return true;
  };
  const context = join(temporary.path, 'context');
  await mkdir(join(context, 'wheels'), { recursive: true });
  const put = async (name: string, bytes: Buffer): Promise<WheelFile> => {
    const file = join(context, 'wheels', `${name.replaceAll('-', '_')}-1.0-py3-none-any.whl`);
    await writeFile(file, bytes);
    return { name, version: '1.0', file, sha256: sha256(bytes), requested: name === 'demo-all' };
  };
  wheels = await Promise.all(
    Object.entries(WHEELS).map(([name, { parts, options }]) =>
      put(name, index.add({ name, ...options }, parts)),
    ),
  );
  direct = await put('demo-direct', index.add({ name: 'demo-direct' }));
  await writeFile(join(context, 'poetry.toml'), POETRY(index.url));
  const uv = /uv (\S+)/.exec((await run(['uv', '--version'])).stdout)?.[1] as string;
  await writeFile(join(context, 'Dockerfile'), dockerfile(index.url, uv));
  const archive = join(temporary.path, 'theirs.tar');
  const built = await run([
    ...['buildx', 'build', '--progress=plain', '--output', `type=tar,dest=${archive}`, context],
  ]);
  assert.equal(built.exitCode, 0, built.stderr.slice(-4000));
  theirs = await treesIn(archive);
});
after(() => temporary[Symbol.asyncDispose]());

async function treesIn(archive: string): Promise<Trees> {
  const { stdout, exitCode, stderr } = await run([python, '-I', '-c', LIST, archive]);
  assert.equal(exitCode, 0, stderr);
  const found = JSON.parse(stdout) as Record<string, [string, string, string, string?]>;
  const entries = Object.entries(found).map(([path, [type, mode, , base64 = '']]): [string, Found] => [
    path,
    { type, mode, content: contentOf(path, Buffer.from(base64, 'base64')) },
  ]);
  return Object.fromEntries(entries);
}

/** Bytecode without its time and sharing; pip's launchers by what they do. */
function contentOf(path: string, bytes: Buffer): unknown {
  if (path.endsWith('.pyc') && bytes.length > 0) {
    const code = canonicalCode(bytes.subarray(16), bytes.readUInt16LE(0));
    assert.ok(code, path);
    return ['bytecode', bytes.readUInt32LE(4), bytes.readUInt32LE(12), sha256(code)];
  }
  return bytes.toString('latin1');
}

/** What a case has below its root that is of the wheels. */
function ofWheels(trees: Trees, root: string): Trees {
  return Object.fromEntries(
    Object.entries(trees)
      .filter(([path]) => path.startsWith(`${root}/`) && path.slice(root.length).includes('demo'))
      .map(([path, found]) => [path.slice(root.length + 1), found]),
  );
}

/** pip's launchers and lines of RECORD about them differ from version to version; the order of Poetry 1's RECORD is the wheel's. */
function alike(trees: Trees, { stage }: Case): Trees {
  if (stage === 'uv' || stage === 'poetry') return trees;
  const launchers = new Set<string>();
  const entries = Object.entries(trees).map(([path, found]): [string, Found] => {
    const launcher =
      stage === 'pip' ? parseLauncher(Buffer.from(String(found.content), 'latin1')) : undefined;
    if (launcher === undefined) return [path, found];
    launchers.add(path.slice(path.lastIndexOf('/') + 1));
    return [path, { ...found, content: launcher }];
  });
  return Object.fromEntries(
    entries.map(([path, found]) => {
      if (!path.endsWith('/RECORD')) return [path, found];
      const rows = String(found.content)
        .split(/\r?\n/)
        .map((row) => (launchers.has(/\/bin\/([^/,]+),/.exec(row)?.[1] ?? '') ? row.split(',')[0] : row));
      return [path, { ...found, content: rows.toSorted() }];
    }),
  );
}

function installerOf({ stage }: Case): Installer {
  const text = Object.entries(theirs).find(
    ([path]) => path.startsWith(`${stage}/`) && path.endsWith('demo_all-1.0.dist-info/INSTALLER'),
  )?.[1].content as string;
  if (stage === 'pip' || stage === 'uv') return { tool: stage };
  versions.poetry = /^Poetry (.*)$/.exec(text)?.[1] ?? '';
  return { tool: 'poetry', version: versions.poetry };
}

for (const [name, one] of Object.entries(CASES))
  test(`what is left behind by ${name}`, async () => {
    const { stage, root, scheme, executable, rest } = one;
    const installer = installerOf(one);
    const all = [...wheels];
    // What stands in it is the lock's matter.
    const directUrl = Object.entries(theirs).find(
      ([path]) => path.startsWith(`${stage}${root}/`) && path.endsWith('/direct_url.json'),
    )?.[1].content as string | undefined;
    assert.equal(directUrl !== undefined, root === '/v' || installer.tool === 'poetry');
    if (directUrl !== undefined) all.push({ ...direct, requested: true, directUrl });
    const layer = await makeDependencyLayer(
      layerRequest(all, {
        ...{ scheme, executable, installer, cacheTag: 'cpython-311', compiler: python, ...rest },
        compression: 'gzip',
      }),
      temporary.path,
    );
    const plain = join(temporary.path, `${stage}${root.replaceAll('/', '-')}.tar`);
    const unpacked = await run(['sh', '-c', 'gzip -dc "$1" > "$2"', 'sh', layer.file, plain]);
    assert.equal(unpacked.exitCode, 0, unpacked.stderr);
    const ours = ofWheels(await treesIn(plain), root.slice(1));
    const expected = ofWheels(theirs, `${stage}${root}`);
    assert.ok(Object.keys(expected).length > 30);
    assert.deepEqual(alike(ours, one), alike(expected, one));
  });
