import assert from 'node:assert/strict';
import { lstat, mkdir, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { removalEntries } from '../../../src/compose/install/removal.ts';
import type { ImageFacts } from '../../../src/facts/image-facts.ts';
import { run } from '../../../src/host/exec.ts';
import { temporaryDirectory } from '../../../src/host/files.ts';
import type { PathEntry } from '../../../src/image/path-entry.ts';
import { emptyIndex } from '../../../src/image/path-index.ts';
import { withLayer } from '../../../src/image/path-index-layer.ts';
import { isWanted } from '../../../src/python/detect/detect-files.ts';
import type { PythonFacts } from '../../../src/python/facts.ts';
import { randomNumbers } from '../../python/pip-oracle.ts';
import { writeWheel } from '../../support/wheel.ts';
import type { ZipPart } from '../../support/zip.ts';

let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
/** Of an environment that no test changes. */
let untouched: ImageFacts;
before(async () => {
  temporary = await temporaryDirectory('lw-removal-');
  untouched = await filesOf(await environmentWith(PARTS));
});
after(() => temporary[Symbol.asyncDispose]());

const VENV = '/opt/venv';
const SITE = 'lib/python3.11/site-packages';
const ENV = { PATH: process.env.PATH, PIP_CONFIG_FILE: '/dev/null', PIP_DISABLE_PIP_VERSION_CHECK: '1' };

async function python(...args: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await run(['python3.11', ...args], { env: ENV, cwd: temporary.path });
  assert.equal(exitCode, 0, stderr);
}

/** A virtual environment of this machine with one distribution, which this machine's pip has installed. */
async function environmentWith(parts: readonly ZipPart[], entryPoints?: string): Promise<string> {
  const venv = join(temporary.path, `venv-${(await readdir(temporary.path)).length}`);
  await python('-m', 'venv', '--without-pip', venv);
  const wheels = join(venv, 'wheels');
  await mkdir(wheels);
  const { file } = await writeWheel(wheels, parts, entryPoints === undefined ? {} : { entryPoints });
  await pip(venv, 'install', '--no-index', '--no-deps', '--quiet', file);
  return venv;
}

function pip(venv: string, ...args: readonly string[]): Promise<void> {
  return python('-m', 'pip', '--python', join(venv, 'bin', 'python'), ...args);
}

/** What is in an environment, as an image has it at `/opt/venv`. */
async function filesOf(venv: string): Promise<ImageFacts> {
  const contents = new Map<string, string>();
  const directory = (path: string): PathEntry => ({
    ...{ path, type: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0, link: '' },
  });
  const entries: PathEntry[] = [directory('opt'), directory('opt/venv')];
  const visit = async (below: string) => {
    for (const name of (await readdir(join(venv, below))).sort()) {
      const found = join(below, name);
      const path = `${VENV.slice(1)}/${found}`;
      const facts = await lstat(join(venv, found));
      const link = facts.isSymbolicLink() ? await readlink(join(venv, found)) : '';
      if (facts.isDirectory()) entries.push(directory(path));
      else entries.push({ ...directory(path), type: link === '' ? 'file' : 'symlink', link });
      if (facts.isFile() && isWanted(path)) contents.set(path, await readFile(join(venv, found), 'utf8'));
      if (facts.isDirectory()) await visit(found);
    }
  };
  await visit('');
  return {
    index: withLayer(emptyIndex(), entries),
    contents,
    architecture: 'amd64',
    os: 'linux',
    layers: [],
  };
}

const FACTS: PythonFacts = {
  ...{ executable: `${VENV}/bin/python`, version: '3.11.2', cacheTag: 'cpython-311', architecture: 'amd64' },
  scheme: {
    ...{ purelib: `${VENV}/${SITE}`, platlib: `${VENV}/${SITE}`, scripts: `${VENV}/bin`, data: VENV },
    headers: `${VENV}/include/site/python3.11`,
  },
  ...{ libc: { kind: 'glibc', version: '2.36' }, installed: [], pip: undefined },
  ...{ externallyManaged: false, venv: VENV },
};

const DEMO = {
  ...{ name: 'demo', version: '1.0', removable: true },
  metadata: `${VENV}/${SITE}/demo-1.0.dist-info`,
};

function pathsOf({ index }: Pick<ImageFacts, 'index'>): readonly string[] {
  const found: string[] = [];
  const visit = (path: string) => {
    for (const name of index.children(path)) {
      found.push(`${path}/${name}`.slice(1));
      visit(`${path}/${name}`);
    }
  };
  visit('');
  return found;
}

/** Uninstalls with pip, and says what each thinks is left. */
async function bothWays(venv: string): Promise<{ ours: readonly string[]; pips: readonly string[] }> {
  const files = await filesOf(venv);
  const removal = removalEntries(files, FACTS, [DEMO]);
  assert.ok('entries' in removal, JSON.stringify(removal));
  const ours = pathsOf({ index: withLayer(files.index, removal.entries) });
  await pip(venv, 'uninstall', '--yes', '--quiet', 'demo');
  return { ours, pips: pathsOf(await filesOf(venv)) };
}

async function put(venv: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    if (path.endsWith('/')) await mkdir(join(venv, path), { recursive: true });
    else {
      await mkdir(dirname(join(venv, path)), { recursive: true });
      await writeFile(join(venv, path), '');
    }
  }
}

const PARTS: readonly ZipPart[] = [
  { name: 'demo/__init__.py' },
  { name: 'demo/sub/one.py' },
  { name: 'demo/data/deep/file.txt' },
  { name: 'space/only/below.py' },
  { name: 'single.py' },
  { name: 'shared/ours.py' },
  { name: 'name, with "quotes".txt' },
  { name: 'demo-1.0.data/scripts/tool', content: '#!python\n', mode: 0o100755 },
  { name: 'demo-1.0.data/data/share/demo/page.1' },
  { name: 'demo-1.0.data/headers/demo.h', content: 'int x;\n' },
];

test('what pip uninstalls is what is whited out: files, bytecode, scripts, data, directories', async () => {
  const venv = await environmentWith(PARTS, '[console_scripts]\nsay = demo:main\n');
  const before = pathsOf(await filesOf(venv));
  assert.ok(before.includes(`opt/venv/${SITE}/demo/sub/__pycache__/one.cpython-311.pyc`), 'pip compiles');
  const { ours, pips } = await bothWays(venv);
  assert.deepEqual(ours, pips);
  assert.ok(!pips.includes('opt/venv/bin/say') && !pips.includes(`opt/venv/${SITE}/demo`));
});

test('what others have put beside it stays as pip leaves it', async () => {
  const venv = await environmentWith(PARTS);
  await put(venv, [
    `${SITE}/shared/theirs.py`,
    `${SITE}/demo/sub/empty/`,
    `${SITE}/demo/data/deep/empty/deeper/`,
    `${SITE}/__pycache__/single.cpython-311.opt-1.pyc`,
    `${SITE}/__pycache__/single.cpython-312.pyc`,
    `${SITE}/single.pyc`,
    `${SITE}/space/only/__pycache__/below.cpython-39.pyc`,
    'share/demo/other.1',
  ]);
  await symlink('../shared', join(venv, SITE, 'demo', 'link-to-directory'));
  const { ours, pips } = await bothWays(venv);
  assert.deepEqual(ours, pips);
});

test('a file of RECORD that is gone already is not whited out: the mark would be of nothing', async () => {
  const venv = await environmentWith(PARTS);
  await run(['rm', '-r', join(venv, SITE, 'demo', 'sub'), join(venv, SITE, 'single.py')]);
  const files = await filesOf(venv);
  const removal = removalEntries(files, FACTS, [DEMO]);
  assert.ok('entries' in removal);
  for (const { path, type } of removal.entries) {
    const [, above = '', name = ''] = /^(.*)\/\.wh\.([^/]+)$/.exec(path) ?? [];
    assert.ok(files.index.get(name === '' ? path : `${above}/${name}`), `${path} (${type}) was there`);
  }
  const { ours, pips } = await bothWays(venv);
  assert.deepEqual(ours, pips);
});

test('what has the name of an entry point goes too, whatever RECORD says, but with uv', async () => {
  const venv = await environmentWith(PARTS, '[console_scripts]\nsay = demo:main\nlost = demo:main\n');
  const record = join(venv, SITE, 'demo-1.0.dist-info', 'RECORD');
  const lines = (await readFile(record, 'utf8')).split('\n');
  await writeFile(record, lines.filter((line) => !/bin\/(?:say|lost),/.test(line)).join('\n'));
  await run(['rm', join(venv, 'bin', 'say'), join(venv, 'bin', 'lost')]);
  await symlink('tool', join(venv, 'bin', 'say'));
  await symlink('nowhere', join(venv, 'bin', 'lost'));
  const files = await filesOf(venv);
  const ofUv = removalEntries(files, FACTS, [DEMO], 'uv');
  assert.ok('entries' in ofUv && !ofUv.entries.some(({ path }) => path.endsWith('.wh.say')));
  const { ours, pips } = await bothWays(venv);
  assert.deepEqual(ours, pips);
  assert.ok(!pips.includes('opt/venv/bin/say'));
  assert.ok(pips.includes('opt/venv/bin/lost'), 'a link to nothing is nothing to pip');
});

test('whatever a distribution looks like', async () => {
  const random = randomNumbers(11);
  const name = () => ['a', 'b', 'c', 'd.py', 'e.py', 'f.txt'][random(6)] as string;
  for (let round = 0; round < 2; round++) {
    const path = () =>
      Array.from({ length: 1 + random(4) }, name)
        .map((part, at, all) =>
          at < all.length - 1
            ? part.replace(/\..*/, '')
            : `${part.replace(/\..*/, '')}${['.py', '.txt'][random(2)]}`,
        )
        .join('/');
    const parts = [...new Set(Array.from({ length: 12 }, path))].map((one) => ({ name: one }));
    const venv = await environmentWith(parts);
    const strangers = Array.from({ length: 5 }, () => `${SITE}/${path()}`);
    await put(
      venv,
      strangers.filter((one) => !parts.some((part) => one.endsWith(`/${part.name}`))),
    );
    await put(venv, [`${SITE}/${['a', 'b', 'c'][random(3)]}/hollow/`]);
    const { ours, pips } = await bothWays(venv);
    assert.deepEqual(ours, pips, `round ${round}`);
  }
});

test('no layer has a mark for what is below another mark, and directories above are as they were', async () => {
  const files = untouched;
  const removal = removalEntries(files, FACTS, [DEMO]);
  assert.ok('entries' in removal);
  const marks = removal.entries
    .filter(({ path }) => path.includes('/.wh.'))
    .map(({ path }) => path.replace('.wh.', ''));
  for (const one of marks) assert.ok(!marks.some((other) => one.startsWith(`${other}/`)), one);
  const directories = removal.entries.filter(({ type }) => type === 'directory');
  for (const entry of directories) assert.deepEqual(entry, files.index.get(entry.path));
  for (const mark of marks)
    for (let above = dirname(mark); above !== '.'; above = dirname(above))
      assert.ok(
        directories.some(({ path }) => path === above),
        `${above} has an entry`,
      );
});

test('what pip leaves alone, or nobody knows how to remove', async () => {
  const files = untouched;
  const outside = {
    ...DEMO,
    metadata: '/usr/lib/python3/dist-packages/demo-1.0.dist-info',
    removable: false,
  };
  assert.deepEqual(removalEntries(files, FACTS, [outside]), { entries: [] }, 'outside the environment');
  assert.match(
    JSON.stringify(removalEntries(files, FACTS, [{ ...DEMO, removable: false }])),
    /how to remove demo 1\.0/,
  );
  const contents = new Map(files.contents);
  contents.delete(`${DEMO.metadata.slice(1)}/RECORD`);
  assert.match(
    JSON.stringify(removalEntries({ ...files, contents }, FACTS, [DEMO])),
    /how to remove demo 1\.0/,
  );
  contents.set(`${DEMO.metadata.slice(1)}/RECORD`, `${'../'.repeat(9)}etc/passwd,,\n`);
  assert.match(JSON.stringify(removalEntries({ ...files, contents }, FACTS, [DEMO])), /RECORD of demo/);
});
