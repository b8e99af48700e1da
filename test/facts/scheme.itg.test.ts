import assert from 'node:assert/strict';
import { copyFile, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { readImageFacts } from '../../src/facts/image-facts.ts';
import { run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { readWheelFacts } from '../../src/layers/wheel-facts.ts';
import { pythonFacts } from '../../src/python/detect/detect.ts';
import { schemeFor } from '../../src/python/detect/scheme.ts';
import type { InstallScheme, PythonFacts } from '../../src/python/facts.ts';
import type { Destination } from '../../src/python/recognise/recognise.ts';
import { placedPaths } from '../../src/python/wheel-placement.ts';
import { projectOf, testbedVariable } from '../commands/launch.ts';
import { writeWheel } from '../support/wheel.ts';
import { registryImage } from './registry-image.ts';

const registry = testbedVariable('LW_REGISTRY');

/** A wheel with a file in each place that there is. */
const PARTS = [
  { name: 'demo/__init__.py', content: '' },
  { name: 'demo-1.0.data/purelib/pure.py', content: '' },
  { name: 'demo-1.0.data/platlib/plat.py', content: '' },
  { name: 'demo-1.0.data/headers/demo.h', content: '' },
  { name: 'demo-1.0.data/scripts/by-hand', content: '#!python\n' },
  { name: 'demo-1.0.data/data/share/demo/text', content: '' },
];

/** What pip is told, the directories that it may write to, and what of it is asked here. */
const CASES: readonly { args: string; directories: readonly string[]; destination: Destination }[] = [
  { args: '', directories: ['/usr', '/opt'], destination: { kind: 'environment' } },
  {
    args: '--user',
    directories: ['/root/.local'],
    destination: { kind: 'user', directory: '/root/.local' },
  },
  {
    args: '--prefix=/install',
    directories: ['/install'],
    destination: { kind: 'prefix', directory: '/install' },
  },
  {
    args: '--target=/app/lib/',
    directories: ['/app'],
    destination: { kind: 'target', directory: '/app/lib/' },
  },
];

async function factsOf(tag: string): Promise<PythonFacts> {
  const { manifest, config, openBlob } = await registryImage(registry, 'library/python', tag);
  const facts = await readImageFacts({ openBlob }, manifest, config);
  const found = pythonFacts({ ...facts, env: config.config.Env ?? [] }, 'python');
  assert.ok('facts' in found, JSON.stringify(found));
  return found.facts;
}

/** As `python -m venv /opt/venv` of the newest pip makes it. */
function venvOf(facts: PythonFacts): PythonFacts {
  const site = `/opt/venv/lib/${basename(facts.scheme.headers)}/site-packages`;
  const headers = `/opt/venv/include/site/${basename(facts.scheme.headers)}`;
  const scheme = { purelib: site, platlib: site, headers, scripts: '/opt/venv/bin', data: '/opt/venv' };
  return { ...facts, scheme, venv: '/opt/venv', executable: '/opt/venv/bin/python' };
}

/** A step of its own for each destination, tool and kind of environment. */
const WAYS = CASES.flatMap((one, at) => [
  { ...one, name: `own${at}`, tool: 'pip' as const, venv: false },
  { ...one, name: `venv${at}`, tool: 'pip' as const, venv: true },
  { ...one, name: `uv${at}`, tool: 'uv' as const, venv: false },
  { ...one, name: `uv-venv${at}`, tool: 'uv' as const, venv: true },
]).filter(({ tool, venv, destination }) => destination.kind !== 'user' || (tool === 'pip' && !venv));

type Way = (typeof WAYS)[number];

function installation({ tool, venv, args }: Way): string {
  if (tool === 'pip') return `${venv ? '/opt/venv/bin/' : ''}pip install --no-index --no-compile ${args}`;
  return `uv pip install ${venv ? '--python /opt/venv/bin/python' : '--system'} --no-index --no-cache ${args}`;
}

/** A stage that installs and lists what is there that was not there before. */
function stageOf(way: Way): readonly string[] {
  const list = `find ${way.directories.join(' ')} ! -type d ! -path '*/__pycache__/*' 2> /dev/null | sort`;
  return [
    `FROM base AS ${way.name}`,
    `RUN mkdir /out && { ${list}; } > /before ; ${installation(way)} /wheels/*.whl && { ${list}; } > /after`,
    `RUN sort /before /before /after | uniq -u > /out/${way.name}`,
  ];
}

/** What a tool leaves behind beside the wheel's files: marks of a local file and of uv. */
const MARKS = /\/(?:direct_url\.json|uv_cache\.json|\.lock)$/;

for (const tag of ['3.11-slim', '3.11-debian', '3.11-alpine'])
  test(`pip and uv in python:${tag} and its virtual environments write where the schemes say`, async () => {
    await using files = await temporaryDirectory('lw-scheme-');
    const { file } = await writeWheel(files.path, PARTS, {
      entryPoints: '[console_scripts]\nsay = demo:say\n',
    });
    await using project = await projectOf({
      Dockerfile: [
        `FROM docker.io/library/python:${tag} AS base`,
        'COPY --from=ghcr.io/astral-sh/uv:0.9 /uv /bin/',
        'RUN python -m venv /opt/venv',
        `COPY ${basename(file)} /wheels/`,
        ...WAYS.flatMap(stageOf),
        'FROM scratch',
        ...WAYS.map(({ name }) => `COPY --from=${name} /out/${name} /`),
      ].join('\n'),
    });
    await copyFile(file, join(project.path, basename(file)));
    const result = await run(
      ['buildx', 'build', '--progress=plain', `--output=type=local,dest=${files.path}/out`, project.path],
      { env: process.env },
    );
    assert.equal(result.exitCode, 0, result.stderr);
    const own = await factsOf(tag);
    const wheel = await readWheelFacts(file, { name: 'demo', version: '1.0', filename: basename(file) });
    for (const { name, tool, venv, destination } of WAYS) {
      const scheme = schemeFor(venv ? venvOf(own) : own, destination, tool) as InstallScheme;
      const said = (await readFile(join(files.path, 'out', name), 'utf8')).trim().split('\n');
      const expected = placedPaths(wheel, scheme).map((path) => `/${path}`);
      assert.deepEqual(
        said.filter((path) => !MARKS.test(path)),
        expected.sort(),
        `${tag} ${name}`,
      );
    }
  });

test('what pip refuses, or does in a way that is not known, is a reason', async () => {
  const own = await factsOf('3.11-slim');
  const venv = venvOf(own);
  const cases: readonly (readonly [PythonFacts, Destination, RegExp])[] = [
    [venv, { kind: 'user', directory: '/root/.local' }, /refuses --user/],
    [own, { kind: 'user', directory: undefined }, /no home directory/],
    [own, { kind: 'prefix', directory: '/' }, /no directory to install to/],
    [own, { kind: 'target', directory: 'lib' }, /no directory to install to/],
    [{ ...venv, pip: '21.3.1' }, { kind: 'prefix', directory: '/install' }, /too old/],
  ];
  for (const [facts, destination, expected] of cases) {
    const found = schemeFor(facts, destination);
    assert.match('reason' in found ? found.reason : JSON.stringify(found), expected);
  }
  const uv = schemeFor(own, { kind: 'user', directory: '/root/.local' }, 'uv');
  assert.match('reason' in uv ? uv.reason : '', /uv has no --user/);
  const known = schemeFor({ ...own, userBase: '/home/app/.local' }, { kind: 'user', directory: undefined });
  assert.equal('purelib' in known && known.purelib, '/home/app/.local/lib/python3.11/site-packages');
});
