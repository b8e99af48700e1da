import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { VerifyRecord } from '../../../src/commands/verify.ts';
import { run as runProgram } from '../../../src/host/exec.ts';
import { built, layerwright, projectOf, testbedVariable } from '../../commands/launch.ts';
import { packageIndex } from '../../support/package-index.ts';
import { readImage } from '../workshop.ts';

const registry = testbedVariable('LW_REGISTRY');
const run = `run-${randomUUID().slice(0, 8)}`;
const SITE = '/usr/local/lib/python3.11/site-packages';

/** Copies of all sorts from a stage that has solved, installed and copied files, from one that was spliced itself, and from an image. */
function dockerfile(index: string): string {
  return `FROM python:3.11-slim AS builder
RUN mkdir -p /srv/data/sub /srv/empty && echo given > /srv/data/sub/f && ln -s f /srv/data/sub/l \\
 && ln /srv/data/sub/f /srv/data/sub/hard && chmod 700 /srv/data && chmod 2775 /srv/empty \\
 && chown -R 5:6 /srv && chmod 4640 /srv/data/sub/f
RUN pip install --no-cache-dir --index-url ${index} tool==1.0 module==1.0
COPY . /src
COPY --chown=7:8 pkg /src/owned

FROM python:3.11-slim AS mid
COPY --from=builder ${SITE}/tool /mid/tool
COPY --from=builder /srv/data /mid/data
COPY --from=builder --chown=3 /src /mid/src

FROM python:3.11-slim
RUN mkdir -p /there/tool /there2 /gid /opt && chmod 711 /there /there/tool && chown 33:33 /there /there/tool \\
 && chgrp 50 /gid && chmod 2775 /gid && useradd -u 1234 app && chown app:app /opt
WORKDIR /w
COPY --from=builder ${SITE} ${SITE}
COPY --from=builder /usr/local/bin /usr/local/bin
COPY --from=builder ${SITE} /app/site-packages
COPY --from=builder --chown=1000:1001 ${SITE}/tool /v1/x
COPY --from=builder --chmod=750 ${SITE}/tool /v2/
COPY --from=builder --chown=app:app --chmod=0440 ${SITE}/tool /opt/v3
COPY --from=builder /usr/local/bin/tool /usr/local/bin/pip tools/
COPY --from=builder /usr/local/bin/tool /usr/local/sbin/other
COPY --from=builder --link ${SITE}/tool /linked/tool
COPY --from=builder --link ${SITE}/tool /there2
COPY --from=builder ${SITE}/tool /there/tool
COPY --from=builder ${SITE}/tool /gid/tool
COPY --from=builder /srv/data/sub ${SITE}/tool /merged/
COPY --from=builder /srv /srv2
COPY --from=builder --chown=9:9 /srv/ /there2
COPY --from=builder /src /src
COPY --from=builder --chown=1:2 /src/owned /src/pkg
COPY --from=builder --chmod=u=rwX,go= /src/pkg /letters
COPY --from=builder /src/*.py /src/e* /wild/
COPY --from=mid --chown=0:50 /mid /final
COPY --from=mid /mid/tool ${SITE}/tool2
COPY --from=python:3.11-slim /etc/ssl /etc/os-release /ext/
CMD ["python", "app.py"]
`;
}

test('copies from stages and images are what BuildKit makes of them; only RUN is solved', async () => {
  await using index = await packageIndex();
  const source = { name: 'tool/__init__.py', content: 'X = {"a"}\n\ndef main():\n    return 0\n' };
  index.add({ name: 'tool', entryPoints: '[console_scripts]\ntool = tool:main\n' }, [
    source,
    { name: 'tool/run.sh', content: '#!/bin/sh\n', mode: 0o100755 },
  ]);
  index.add({ name: 'module' }, [{ name: 'module.py', content: 'Y = 1\n' }]);
  await using project = await projectOf({
    Dockerfile: dockerfile(index.url),
    '.dockerignore': 'Dockerfile\n',
    ...{ 'app.py': 'print(1)\n', 'pkg/a.txt': 'x\n', 'pkg/sub/b.py': 'Z = 1\n' },
  });
  await symlink('a.txt', join(project.path, 'pkg', 'link'));
  await mkdir(join(project.path, 'empty'));
  await chmod(join(project.path, 'empty'), 0o750);
  const image = `${registry}/${run}/copies:1`;
  const epoch = ['--source-date-epoch', '1700000000'];
  const first = await built(['--push', ...epoch, '-t', image, project.path]);
  assert.deepEqual(
    first.segments.flatMap(({ reasons }) => reasons.map(({ instruction }) => instruction)),
    ['RUN', 'RUN'],
  );
  const { stdout, stderr } = await layerwright(['verify', '--json', image, project.path]);
  assert.notEqual(stdout, '', stderr);
  const record = JSON.parse(stdout) as VerifyRecord;
  assert.deepEqual([record.differences, record.settings], [[], []]);

  // A changed line of the context makes layers of the context alone.
  await project.write({ 'app.py': 'print(2)\n' });
  const { layers } = await built([
    ...['--push', ...epoch, '-t', `${registry}/${run}/copies:2`, project.path],
  ]);
  for (const { title } of layers?.made ?? []) assert.match(title, /of the build context$|^WORKDIR \/w$/);
  const [one, two] = [await readImage(image), await readImage(`${registry}/${run}/copies:2`)];
  const differing = two.manifest.layers.filter(
    ({ digest }) => !one.manifest.layers.some((other) => other.digest === digest),
  );
  assert.equal(differing.length, 3, 'it is in /src, /wild and /final');
});

test('the environment that uv makes, what it installed and the sources go to another owner in one copy', async () => {
  await using index = await packageIndex();
  index.add({ name: 'tool', entryPoints: '[console_scripts]\ntool = tool:main\n' });
  const uv = /uv (\S+)/.exec((await runProgram(['uv', '--version'])).stdout)?.[1];
  await using project = await projectOf({
    Dockerfile: `FROM python:3.11-slim AS builder
RUN pip install --no-cache-dir uv==${uv}
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-install-project --no-dev --no-cache
COPY . .

FROM python:3.11-slim
RUN useradd -u 1234 app
COPY --from=builder --chown=app:app /app /app
COPY --from=builder /app/.venv/bin/tool /usr/local/bin/
`,
    'pyproject.toml': `[project]
name = "project"
version = "0.1"
requires-python = ">=3.11"
dependencies = ["tool==1.0"]
[[tool.uv.index]]
url = "${index.url}"
default = true
`,
    '.dockerignore': 'Dockerfile\n',
    'app.py': 'print(1)\n',
  });
  const locked = await runProgram(['uv', 'lock', '--python', '3.11'], { cwd: project.path });
  assert.equal(locked.exitCode, 0, locked.stderr);
  const image = `${registry}/${run}/uv:1`;
  const { layers } = await built(['--push', '-t', image, project.path]);
  assert.deepEqual(
    layers?.made.map(({ title }) => title.replace(/^bucket-\d+/, 'bucket')),
    ['/app as it was before', 'bucket: tool 1.0', '/app of the build context', 'bucket: tool 1.0'],
  );
  const { stdout, stderr } = await layerwright(['verify', '--json', image, project.path]);
  assert.notEqual(stdout, '', stderr);
  const { differences, settings, excused } = JSON.parse(stdout) as VerifyRecord;
  assert.deepEqual([differences, settings], [[], []]);
  assert.deepEqual(Object.keys(excused), ['mtime'], 'launchers and RECORD are those of uv, to the letter');
});
