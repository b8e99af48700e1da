import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readImageFacts } from '../../src/facts/image-facts.ts';
import { run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { pythonFacts } from '../../src/python/detect/detect.ts';
import type { DetectedImage } from '../../src/python/detect/detect-files.ts';
import { uvConfigurations } from '../../src/python/detect/detect-uv.ts';
import type { PythonFacts } from '../../src/python/facts.ts';
import { projectOf, testbedVariable } from '../commands/launch.ts';
import { registryImage } from './registry-image.ts';

const registry = testbedVariable('LW_REGISTRY');
const own = `shapes-${randomUUID().slice(0, 8)}`;

/** What a Python with a pip says of itself. The C library is the one that pip chooses wheels for. */
const PROBE = `
import json, platform, site, sys
from pip._internal.locations import get_scheme
from pip._internal.metadata import get_default_environment
from pip._vendor.packaging._manylinux import _get_glibc_version
from pip._vendor.packaging._musllinux import _get_musl_version
musl = _get_musl_version(sys.executable)
environment = get_default_environment()
scheme = get_scheme('some-name')
print(json.dumps({
    'executable': sys.executable,
    'version': platform.python_version(),
    'cacheTag': sys.implementation.cache_tag,
    'scheme': {key: getattr(scheme, key) for key in ('purelib', 'platlib', 'headers', 'scripts', 'data')},
    'libc': ['musl', '%d.%d' % musl] if musl else ['glibc', '%d.%d' % _get_glibc_version()],
    'venv': sys.prefix if sys.prefix != sys.base_prefix else None,
    'userBase': site.getuserbase() if sys.prefix == sys.base_prefix else None,
    'installed': sorted(
        [str(dist.canonical_name), str(dist.version), dist.info_location, dist.in_usersite]
        for dist in environment.iter_all_distributions()
        # Of two of one name the first is found.
        if dist.info_location == environment.get_distribution(dist.canonical_name).info_location
    ),
}))
`;

/** Images, by what is done to have Python with pip in them, as root. */
const SHAPES = [
  { from: 'python:3.11-alpine', setup: '' },
  { from: 'python:3.13-slim', setup: '' },
  { from: 'ghcr.io/astral-sh/uv:python3.11-bookworm-slim', setup: '' },
  { from: 'cgr.dev/chainguard/python:latest-dev', setup: '' },
  {
    from: 'nvidia/cuda:12.4.1-runtime-ubuntu22.04',
    setup:
      'apt-get update && apt-get install -y --no-install-recommends python3 python3-pip python3-venv && rm -rf /var/lib/apt/lists/*',
  },
] as const;

/** Builds with buildx; a local directory for what a last stage exports, an image that is pushed otherwise. */
async function solve(
  lines: readonly string[],
  files: Readonly<Record<string, string>>,
  args: readonly string[],
) {
  await using project = await projectOf({ Dockerfile: `${lines.join('\n')}\n`, ...files });
  const result = await run(
    ['buildx', 'build', '--progress=plain', '--provenance=false', ...args, project.path],
    {
      env: process.env,
    },
  );
  assert.equal(result.exitCode, 0, result.stderr.slice(-4000));
}

async function detected(repository: string, tag: string): Promise<DetectedImage> {
  const { manifest, config, openBlob } = await registryImage(registry, repository, tag);
  const facts = await readImageFacts({ openBlob }, manifest, config);
  return { ...facts, env: config.config.Env ?? [] };
}

function factsOf(image: DetectedImage, program: string): PythonFacts {
  const result = pythonFacts(image, program);
  assert.ok('facts' in result, JSON.stringify(result));
  return result.facts;
}

/** Facts in the form of the probe. */
function comparable({ executable, version, cacheTag, scheme, libc, venv, userBase, installed }: PythonFacts) {
  return {
    ...{ executable, version, cacheTag, libc: [libc.kind, libc.version], venv: venv ?? null },
    scheme: { ...scheme, headers: `${scheme.headers}/some-name` },
    userBase: userBase ?? null,
    installed: installed.map((one) => [one.name, one.version, one.metadata, one.user ?? false]).sort(),
  };
}

for (const { from, setup } of SHAPES)
  test(`${from} is read as Python in it says, with a virtual environment and a user's packages`, async () => {
    const name = from.replaceAll(/[^a-z0-9]+/g, '-');
    const pip = 'python3 -m pip install --disable-pip-version-check --root-user-action=ignore';
    const programs = ['python3', '/opt/venv/bin/python', '/opt/venv/bin/python3'];
    const asked = programs.map((program, at) => `${program} /tmp/probe.py > /out/${at}.json`).join(' && ');
    const lines = [
      `FROM ${from} AS image`,
      'USER root',
      ...(setup === '' ? [] : [`RUN ${setup}`]),
      `RUN python3 -m venv /opt/venv && /opt/venv/bin/pip install idna==3.10 && ${pip} --user six==1.16.0 \\`,
      `    $(test -e /usr/lib/python3.11/EXTERNALLY-MANAGED && echo --break-system-packages)`,
      'FROM image AS asked',
      'COPY probe.py /tmp/probe.py',
      `RUN mkdir /out && ${asked}`,
      'FROM scratch',
      'COPY --from=asked /out /',
    ];
    await using output = await temporaryDirectory('lw-shapes-');
    const repository = `${own}/${name}`;
    await solve(lines, { 'probe.py': PROBE }, [
      '--target=image',
      '--push',
      '-t',
      `${registry}/${repository}:1`,
    ]);
    await solve(lines, { 'probe.py': PROBE }, [`--output=type=local,dest=${output.path}`]);
    const image = { ...(await detected(repository, '1')), home: '/root' };
    for (const [at, program] of programs.entries()) {
      const said = JSON.parse(await readFile(join(output.path, `${at}.json`), 'utf8'));
      said.installed.sort();
      assert.deepEqual(comparable(factsOf(image, program)), said, program);
    }
    assert.equal(factsOf(image, 'python3').externallyManaged, from.startsWith('nvidia'));
    assert.deepEqual(uvConfigurations(image, '/root'), []);
    const { home: _unknown, ...anyone } = image;
    const unclear = pythonFacts(anyone, 'python3');
    assert.match('reason' in unclear ? unclear.reason : '', /packages of a user/);
  });

test('wheels for musl can be imported in the image of Alpine', async () => {
  await using output = await temporaryDirectory('lw-shapes-');
  const code =
    'import numpy, pydantic_core; print(numpy.linalg.inv([[2.0]])[0][0], pydantic_core.__version__)';
  const lines = [
    'FROM python:3.11-alpine AS tried',
    'RUN pip install --no-cache-dir --only-binary=:all: numpy==2.1.3 pydantic-core==2.27.1',
    `RUN python -c '${code}' > /said`,
    'FROM scratch',
    'COPY --from=tried /said /',
  ];
  await solve(lines, {}, [`--output=type=local,dest=${output.path}`]);
  assert.equal(await readFile(join(output.path, 'said'), 'utf8'), '0.5 2.27.1\n');
});

test('images without a shell run a virtual environment that comes from their variant with one', async () => {
  await using output = await temporaryDirectory('lw-shapes-');
  const shapes = [
    ['debian:12-slim', 'gcr.io/distroless/python3-debian12:nonroot', 'distroless'],
    ['cgr.dev/chainguard/python:latest-dev', 'cgr.dev/chainguard/python:latest', 'chainguard'],
  ] as const;
  const code = 'import os, ssl, idna, sys; open(sys.argv[1], "w").write(f"{os.getuid()} {idna.__version__}")';
  const lines = shapes.flatMap(([builder, runtime, name]) => [
    `FROM ${builder} AS builder-${name}`,
    'USER root',
    ...(name === 'distroless'
      ? ['RUN apt-get update && apt-get install -y --no-install-recommends python3-venv']
      : []),
    'RUN python3 -m venv /venv && /venv/bin/pip install idna==3.10',
    `FROM ${runtime} AS ${name}`,
    `COPY --from=builder-${name} /venv /venv`,
    `RUN ["/venv/bin/python3", "-c", ${JSON.stringify(code)}, "/tmp/${name}"]`,
  ]);
  const last = ['FROM scratch', ...shapes.map(([, , name]) => `COPY --from=${name} /tmp/${name} /`)];
  await solve([...lines, ...last], {}, [`--output=type=local,dest=${output.path}`]);
  for (const [, , name] of shapes)
    assert.equal(await readFile(join(output.path, name), 'utf8'), '65532 3.10', name);
});

test("what is in images without pip is known too, and what is Conda's is left alone", async () => {
  const distroless = await detected('distroless/python3-debian12', 'latest');
  const facts = factsOf(distroless, 'python3');
  assert.deepEqual(
    [facts.executable, facts.pip, facts.libc.version],
    ['/usr/bin/python3', undefined, '2.36'],
  );
  assert.match(facts.version, /^3\.11\.\d+$/);
  const chainguard = factsOf(await detected('chainguard/python', 'latest'), 'python');
  assert.deepEqual([chainguard.version, chainguard.pip, chainguard.installed], ['3.11.2', undefined, []]);
  for (const [repository, program] of [
    ['continuumio/miniconda3', 'pip'],
    ['mambaorg/micromamba', 'python'],
  ] as const) {
    const conda = pythonFacts(await detected(repository, 'latest'), program);
    assert.match('reason' in conda ? conda.reason : '', /^\/opt\/conda is a Conda environment/);
  }
  const uv = await detected('astral-sh/uv', '0.9');
  assert.deepEqual([...uv.index.entries()].map(({ path }) => path).sort(), ['io', 'uv', 'uvx']);
});
