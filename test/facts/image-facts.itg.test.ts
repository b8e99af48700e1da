import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseFacts, serialiseFacts } from '../../src/facts/facts-file.ts';
import { readImageFacts } from '../../src/facts/image-facts.ts';
import { run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { pythonFacts } from '../../src/python/detect/detect.ts';
import type { DetectedImage } from '../../src/python/detect/detect-files.ts';
import type { PythonFacts } from '../../src/python/facts.ts';
import { normaliseName } from '../../src/python/names.ts';
import { projectOf, testbedVariable } from '../commands/launch.ts';
import { type RawHeader, rawTar } from '../image/tar-archives.ts';
import { pushOnTop, type RegistryImage, registryImage } from './registry-image.ts';

const registry = testbedVariable('LW_REGISTRY');
const own = `facts-${randomUUID().slice(0, 8)}`;

/** What a Python says of itself, by the modules that pip and uv ask. */
const PROBE = `
import json, platform, subprocess, sys
from pip._internal.locations import get_scheme
from pip._internal.metadata import get_default_environment
scheme = get_scheme('some-name')
print(json.dumps({
    'executable': sys.executable,
    'version': platform.python_version(),
    'cacheTag': sys.implementation.cache_tag,
    'scheme': {key: getattr(scheme, key) for key in ('purelib', 'platlib', 'headers', 'scripts', 'data')},
    'libc': platform.libc_ver()[1],
    'pip': __import__('pip').__version__,
    'venv': sys.prefix if sys.prefix != sys.base_prefix else None,
    'installed': sorted(
        [dist.canonical_name, str(dist.version), dist.info_location]
        for dist in get_default_environment().iter_all_distributions()
    ),
}))
`;

/** Runs buildx; what comes out is a directory of files. */
async function solve(
  dockerfile: string,
  files: Readonly<Record<string, string>>,
  args: readonly string[] = [],
) {
  await using project = await projectOf({ Dockerfile: dockerfile, ...files });
  const output = await temporaryDirectory('lw-facts-');
  const to = args.length > 0 ? args : ['--output', `type=local,dest=${output.path}`];
  const result = await run(['buildx', 'build', '--progress=plain', ...to, project.path], {
    env: process.env,
  });
  assert.equal(result.exitCode, 0, result.stderr);
  return {
    ...output,
    json: async (name: string) => JSON.parse(await readFile(join(output.path, name), 'utf8')),
  };
}

async function detected(image: RegistryImage): Promise<DetectedImage> {
  const facts = parseFacts(serialiseFacts(await readImageFacts(image, image.manifest, image.config)));
  assert.ok(facts);
  return { ...facts, env: image.config.config.Env ?? [] };
}

function factsOf(image: DetectedImage, program: string): PythonFacts {
  const result = pythonFacts(image, program);
  assert.ok('facts' in result, JSON.stringify(result));
  return result.facts;
}

/** Facts in the form of the probe. */
function comparable({
  scheme,
  libc,
  venv,
  installed,
  architecture: _a,
  externallyManaged: _e,
  ...rest
}: PythonFacts) {
  return {
    ...rest,
    scheme: { ...scheme, headers: `${scheme.headers}/some-name` },
    libc: libc.version,
    venv: venv ?? null,
    installed: installed.map(({ name, version, metadata }) => [name, version, metadata]).sort(),
  };
}

const PROGRAMS = ['python', 'python3', '/opt/venv/bin/python', '/opt/venv/bin/python3'];

for (const tag of ['3.11-slim', '3.11-debian'])
  test(`python:${tag} is read as Python in it says, a virtual environment of it too`, async () => {
    const asked = PROGRAMS.map((program, at) => `${program} /tmp/probe.py > /out/${at}.json`).join(' && ');
    const dockerfile = [
      `FROM docker.io/library/python:${tag} AS image`,
      'RUN python -m venv /opt/venv && pip install six==1.17.0 && /opt/venv/bin/pip install idna==3.10',
      'FROM image AS asked',
      'COPY probe.py /tmp/probe.py',
      `RUN mkdir /out && ${asked}`,
      "RUN head -qn1 $(which pip) /opt/venv/bin/pip | sed 's/^#!//' > /out/pips",
      'FROM scratch',
      'COPY --from=asked /out /',
    ].join('\n');
    const push = ['--target=image', '--provenance=false', '--push', '-t', `${registry}/${own}/venv-${tag}:1`];
    await using _pushed = await solve(dockerfile, { 'probe.py': PROBE }, push);
    await using output = await solve(dockerfile, { 'probe.py': PROBE });
    const image = await detected(await registryImage(registry, `${own}/venv-${tag}`, '1'));
    for (const [at, program] of PROGRAMS.entries()) {
      const said = await output.json(`${at}.json`);
      said.installed = said.installed
        .map(([name, ...rest]: string[]) => [normaliseName(name as string), ...rest])
        .sort();
      assert.deepEqual(comparable(factsOf(image, program)), said, program);
    }
    const [pip, venvPip] = (await readFile(join(output.path, 'pips'), 'utf8')).trim().split('\n');
    assert.equal(factsOf(image, 'pip').executable, pip);
    assert.equal(factsOf(image, '/opt/venv/bin/pip').executable, venvPip);
    assert.equal(factsOf(image, 'pip').externallyManaged, false);
  });

test('the paths of layers made by hand are those that BuildKit has of them', async () => {
  const base = await registryImage(registry, 'library/python', '3.11-slim');
  const directory = (name: string, mode = 0o755): RawHeader => ({ name: `t/${name}/`, type: '5', mode });
  const file = (name: string, content = 'x', mode = 0o644): RawHeader => ({
    name: `t/${name}`,
    content,
    mode,
  });
  const link = (name: string, to: string): RawHeader => ({
    name: `t/${name}`,
    type: '2',
    link: to,
    mode: 0o777,
  });
  const hard = (name: string, to: string): RawHeader => ({ name: `t/${name}`, type: '1', link: `t/${to}` });
  const long = `${'n'.repeat(90)}/${'m'.repeat(90)}`;
  const archives = [
    rawTar(
      ...[
        { name: 't/', type: '5', mode: 0o755 },
        directory('a'),
        file('a/x'),
        directory('a/b', 0o2775),
        file('a/b/y'),
      ],
      ...[
        directory('gone'),
        file('gone/z'),
        directory('opaque', 0o700),
        file('opaque/old'),
        link('ln', 'a'),
        file('f'),
      ],
      ...[
        directory('becomes-file'),
        file('becomes-file/x'),
        file('becomes-dir'),
        directory('becomes-link'),
        file('through/x'),
      ],
      ...[
        directory('sticky', 0o1777),
        hard('hard', 'a/x'),
        link('own', 'a/b'),
        file('own/through-own'),
        link('abs', '/t/a'),
      ],
      ...[
        file('suid', 'x', 0o4755),
        link('dangling', '../../../no'),
        { name: 'l', type: 'L', content: `t/${long}\0` },
        file('short'),
      ],
    ),
    rawTar(
      ...[
        file('.wh.f', ''),
        file('a/.wh.x', ''),
        file('.wh.gone', ''),
        file('opaque/.wh..wh..opq', ''),
        file('opaque/new'),
      ],
      ...[
        file('becomes-file', '12'),
        directory('becomes-dir'),
        file('becomes-dir/n'),
        link('becomes-link', 'a'),
      ],
      ...[
        file('ln/through-lower'),

        directory('a/b', 0o750),
        file('implied/deep/file'),
      ],
    ),
    rawTar(
      file('gone', 'a file now'),
      directory('opaque', 0o755),
      file('.wh.through', ''),
      file('a/b/.wh.y', ''),
    ),
  ];
  const below = { repository: 'library/python', image: base };
  await pushOnTop(registry, below, `${own}/layers`, archives);
  const list = [
    'import json, os, stat',
    'def walk(path):',
    '    for name in sorted(os.listdir(path)):',
    '        here = path + "/" + name; s = os.lstat(here)',
    '        kind = stat.S_ISLNK(s.st_mode) and os.readlink(here) or stat.S_ISREG(s.st_mode) and s.st_size or "/"',
    '        print(json.dumps([here[1:], oct(s.st_mode & 0o7777)[2:], kind]))',
    '        if stat.S_ISDIR(s.st_mode): walk(here)',
    'walk("/t")',
  ].join('\n');
  await using output = await solve(
    `FROM ${registry}/${own}/layers AS image\nCOPY list.py /list.py\nRUN python /list.py > /said\nFROM scratch\nCOPY --from=image /said /\n`,
    { 'list.py': list },
  );
  const { index } = await detected(await registryImage(registry, `${own}/layers`, 'latest'));
  const mine = [...index.entries()]
    .filter(({ path }) => path.startsWith('t/'))
    .map(({ path, type, mode, size, link: to }) =>
      JSON.stringify([path, mode.toString(8), type === 'symlink' ? to : type === 'file' ? size : '/']),
    );
  const spaced = (line: string) => JSON.stringify(JSON.parse(line));
  const said = (await readFile(join(output.path, 'said'), 'utf8')).trim().split('\n').map(spaced);
  assert.deepEqual(mine.sort(), said.sort());
});
