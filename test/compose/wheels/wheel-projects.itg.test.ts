import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { chmod, copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ensureUv } from '../../../src/engine/install.ts';
import { run as runProgram } from '../../../src/host/exec.ts';
import { silentSteps } from '../../../src/host/steps.ts';
import { projectOf, testbedVariable } from '../../commands/launch.ts';
import { testHost } from '../../support/host.ts';
import { wheelBench, wheelOf } from '../wheel-bench.ts';

const registry = testbedVariable('LW_REGISTRY');
const run = randomUUID().slice(0, 8);
const BASE = `${registry}/library/python:3.11-slim`;

/** Projects by their build backends, each with one module `demo_app` and a dependency. */
const PROJECTS: Readonly<Record<string, { readonly table: string; readonly more?: string }>> = {
  hatchling: {
    table: '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n',
  },
  setuptools: {
    table: '[build-system]\nrequires = ["setuptools>=64"]\nbuild-backend = "setuptools.build_meta"\n',
  },
  flit: {
    table: '[build-system]\nrequires = ["flit_core>=3.2"]\nbuild-backend = "flit_core.buildapi"\n',
  },
  'poetry-core': {
    table: '[build-system]\nrequires = ["poetry-core>=2"]\nbuild-backend = "poetry.core.masonry.api"\n',
  },
  uv_build: {
    table: '[build-system]\nrequires = ["uv_build>=0.7"]\nbuild-backend = "uv_build"\n',
  },
};

const PROJECT = `[project]
name = "demo-app"
version = "1.0"
description = "Says a word."
requires-python = ">=3.8"
dependencies = ["docopt>=0.6"]
[project.optional-dependencies]
more = ["idna"]
[project.scripts]
demo = "demo_app:main"
`;

async function appOf(backend: string, lines: readonly string[], { uv = false } = {}) {
  const project = await projectOf({
    Dockerfile: [
      ...[`FROM ${BASE}`, 'ENV UV_SYSTEM_CERTS=1', ...(uv ? ['COPY uv /bin/uv'] : [])],
      ...['WORKDIR /app', 'COPY pyproject.toml .', 'COPY src src', ...lines, ''],
    ].join('\n'),
    'pyproject.toml': `${PROJECT}${PROJECTS[backend]?.table}`,
    'src/demo_app/__init__.py': 'def main():\n    print("a word")\n',
  });
  if (uv) {
    const { path } = await ensureUv(testHost(), silentSteps);
    await copyFile(path, join(project.path, 'uv'));
    await chmod(join(project.path, 'uv'), 0o755);
  }
  return project;
}

const directory = (editable = false) => ({ kind: 'directory', path: '/app', editable }) as const;

for (const backend of Object.keys(PROJECTS))
  test(`pip install . of ${backend}: built once per change of the source`, async () => {
    await using project = await appOf(backend, ['RUN pip install .']);
    const repository = `${registry}/wheels-${run}/${backend}`;
    const get = async (maySolve: boolean) => {
      await using bench = await wheelBench(project.path, repository, { maySolve });
      return wheelOf(await bench.source.get(await bench.build({ source: directory() })));
    };
    const first = await get(true);
    assert.equal(first.wheel.filename, 'demo_app-1.0-py3-none-any.whl');
    assert.deepEqual([first.facts.name, first.facts.version], ['demo-app', '1.0']);
    assert.match(first.facts.requiresDist.join('\n'), /docopt.*>=0\.6/);
    assert.deepEqual(first.facts.extras, ['more']);
    assert.deepEqual(first.facts.scripts, ['demo']);
    assert.ok(first.facts.paths.includes('demo_app/__init__.py'));
    assert.deepEqual(first.files, { 'direct_url.json': '{"dir_info": {}, "url": "file:///app"}' });
    const second = await get(false);
    assert.deepEqual([second.wheel, second.isNew], [first.wheel, false]);
    await project.write({ 'src/demo_app/__init__.py': 'def main():\n    print("another word")\n' });
    const third = await get(true);
    assert.deepEqual([third.isNew, third.key === first.key], [true, false]);
    assert.notEqual(third.wheel.sha256, first.wheel.sha256);
  });

/** What a step leaves in the application's directory and in the distribution's metadata when BuildKit runs it as it is. */
async function plainly(project: { readonly path: string }, metadata: string) {
  const text = await readFile(join(project.path, 'Dockerfile'), 'utf8');
  const file = join(project.path, 'plain.Dockerfile');
  const out = join(project.path, 'plain');
  await writeFile(
    file,
    `${text.replace(/^FROM (\S+)/, 'FROM $1 AS all')}FROM scratch\nCOPY --from=all /app /app\nCOPY --from=all /tmp /tmp\nCOPY --from=all /usr/local/lib/python3.11/site-packages/${metadata} /info\n`,
  );
  const result = await runProgram(
    ['buildx', 'build', '-f', file, '--output', `type=local,dest=${out}`, project.path],
    { env: process.env },
  );
  assert.equal(result.exitCode, 0, result.stderr);
  const list = async (name: string) =>
    (await readdir(join(out, name), { recursive: true }))
      .filter((one) => !one.includes('__pycache__'))
      .sort();
  return {
    app: [
      ...(await list('app')).map((path) => `app/${path}`),
      ...(await list('tmp')).map((path) => `tmp/${path}`).filter(isOfBuild),
    ],
    info: await list('info'),
    read: (name: string) => readFile(join(out, 'info', name), 'utf8'),
  };
}

/** uv locks the environment that it installs into, which the build has another one of. */
function isOfBuild(path: string): boolean {
  return !/^tmp\/uv-[0-9a-f]{16}\.lock$/.test(path);
}

const OWN = ['INSTALLER', 'REQUESTED', 'RECORD'];

for (const [title, backend, command, editable] of [
  ['pip install .', 'setuptools', 'pip install --no-deps .', false],
  ['pip install -e .', 'setuptools', 'pip install --no-deps -e .', true],
  ['pip install -e .', 'hatchling', 'pip install --no-deps -e .', true],
  ['uv pip install .', 'setuptools', 'uv pip install --system --no-deps .', false],
  ['uv pip install -e .', 'hatchling', 'uv pip install --system --no-deps -e .', true],
] as const)
  test(`${title} of ${backend}: what it leaves is what the step itself leaves`, async () => {
    const uv = command.startsWith('uv');
    await using project = await appOf(backend, [`RUN ${command}`], { uv });
    await using bench = await wheelBench(project.path, `${registry}/wheels-${run}/left`);
    const tool = uv ? ({ kind: 'uv', program: 'uv' } as const) : ({ kind: 'pip' } as const);
    const build = await bench.build({ source: directory(editable), tool });
    const built = wheelOf(await bench.source.get(build));
    const plain = await plainly(project, 'demo_app-1.0.dist-info');
    const context = ['app/pyproject.toml', 'app/src', 'app/src/demo_app', 'app/src/demo_app/__init__.py'];
    const left = built.left.entries.map(({ entry }) => entry.path);
    assert.deepEqual([...new Set([...context, ...left])].sort(), plain.app);
    const inside = built.facts.paths
      .filter((path) => path.startsWith('demo_app-1.0.dist-info/'))
      .map((path) => path.slice('demo_app-1.0.dist-info/'.length));
    const directories = inside.flatMap((path) => (path.includes('/') ? [path.split('/')[0] as string] : []));
    assert.deepEqual(
      [...new Set([...inside, ...directories, ...Object.keys(built.files), ...OWN])].sort(),
      plain.info,
    );
    assert.equal(built.files['direct_url.json'], await plain.read('direct_url.json'));
    const contents = await built.left.content();
    for (const { entry, sha256 } of built.left.entries)
      if (sha256 !== undefined) assert.equal(contents?.get(sha256)?.length, entry.size);
  });

test("a backend that fails: its words, and the step is BuildKit's", async () => {
  await using project = await appOf('setuptools', ['RUN pip install .']);
  await project.write({ 'setup.py': 'raise RuntimeError("no compiler for demo")\n' });
  await project.write({
    Dockerfile: (await readFile(join(project.path, 'Dockerfile'), 'utf8')).replace(
      'COPY src src',
      'COPY src src\nCOPY setup.py .',
    ),
  });
  await using bench = await wheelBench(project.path, `${registry}/wheels-${run}/fails`);
  const built = await bench.source.get(await bench.build({ source: directory() }));
  assert.ok('reason' in built);
  assert.match(built.reason, /^building its wheel \(\/app\) fails: .*no compiler for demo/);
});
