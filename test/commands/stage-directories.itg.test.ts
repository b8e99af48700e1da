import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentSteps } from '../../src/host/steps.ts';
import { downloadsOf } from '../../testbed/downloads.ts';
import { openTestbed } from '../../testbed/testbed.ts';
import { testHost } from '../support/host.ts';
import { built, layerwright, projectOf, testbedVariable } from './launch.ts';

const registry = testbedVariable('LW_REGISTRY');
const testbedDirectory = testbedVariable('LW_TESTBED_DIR');

/** Wheels in a stage of their own, which alone asks the index. */
const DOCKERFILE = `FROM python:3.11-slim AS download-wheels
ARG PIP_INDEX_URL
COPY requirement.txt /
RUN pip download --no-cache-dir --dest /wheels -r /requirement.txt

FROM scratch AS wheels
COPY --from=download-wheels /wheels /

FROM python:3.11-slim
COPY requirement.txt /
RUN --mount=type=bind,from=wheels,target=/wheels pip install --no-index --find-links /wheels -r /requirement.txt
RUN python -c "import six, idna; print(six.__version__)"
COPY app.py /
`;

async function asked(): Promise<number> {
  return (await downloadsOf(testbedDirectory)).length;
}

test('a layer cache that is gone costs no download: the wheels come from a directory', async () => {
  await using project = await projectOf({
    Dockerfile: DOCKERFILE,
    '.dockerignore': '.cache\n',
    'requirement.txt': 'six==1.16.0\nidna==3.10\n',
    'app.py': 'print(1)\n',
  });
  const testbed = await openTestbed(testHost(), testbedDirectory, silentSteps);
  const repository = `${registry}/run-${randomUUID().slice(0, 8)}/wheels`;
  const build = async (...more: string[]) => {
    await testbed.freshBuilder();
    return await built(
      [
        ...['--push', '-t', `${repository}:1`, '--stage-dir', 'wheels=.cache/wheels'],
        ...['--build-arg', `PIP_INDEX_URL=${testbedVariable('LW_PACKAGE_INDEX')}`, ...more, '.'],
      ],
      { cwd: project.path, env: testbed.env },
    );
  };
  const directory = { stage: 'wheels', directory: '.cache/wheels', detail: null };
  const before = await asked();
  const cold = await build();
  assert.deepEqual(cold.directories, [{ ...directory, outcome: 'filled' }]);
  assert.ok((await asked()) > before);
  assert.deepEqual(await readdir(join(project.path, '.cache', 'wheels', 'files')), [
    'idna-3.10-py3-none-any.whl',
    'six-1.16.0-py2.py3-none-any.whl',
  ]);

  const afterCold = await asked();
  const warm = await build();
  assert.deepEqual(warm.directories, [{ ...directory, outcome: 'current' }]);
  assert.equal(warm.steps.executed, 0);

  // The layer cache is gone.
  const without = ['--cache-repo', `${repository}-other`];
  const used = await build(...without);
  assert.deepEqual(used.directories, [{ ...directory, outcome: 'used' }]);
  assert.equal(used.cache.from[0]?.outcome, 'miss');
  assert.equal(await asked(), afterCold, 'nobody was asked for anything');

  // Another set of wheels: what is kept does not fit, and is not used.
  await writeFile(join(project.path, 'requirement.txt'), 'six==1.17.0\nidna==3.10\n');
  const changed = await build('--cache-repo', `${repository}-third`);
  assert.deepEqual(changed.directories, [{ ...directory, outcome: 'filled' }]);
  assert.ok(
    (await readdir(join(project.path, '.cache', 'wheels', 'files'))).includes(
      'six-1.17.0-py2.py3-none-any.whl',
    ),
  );

  // A key that is not whole fits nothing.
  const keyFile = join(project.path, '.cache', 'wheels', 'key');
  await writeFile(keyFile, (await readFile(keyFile, 'utf8')).slice(0, 10));
  await rm(join(project.path, '.cache', 'wheels', 'files'), { recursive: true });
  const torn = await build('--cache-repo', `${repository}-fourth`);
  assert.deepEqual(torn.directories, [{ ...directory, outcome: 'filled' }]);
});

test('a stage that others start from cannot be a directory', async () => {
  await using project = await projectOf({
    Dockerfile: 'FROM scratch AS base\nCOPY Dockerfile /\nFROM base\nCOPY Dockerfile /other\n',
  });
  const result = await layerwright(['build', '--stage-dir', 'base=x', project.path]);
  assert.equal(result.exitCode, 2);
  assert.match(result.stderr, /a directory has no configuration \[STAGE_DIRECTORY_UNSUITED\]/);
});

test('a directory that cannot be filled fails no build, and is told', async () => {
  await using project = await projectOf({
    Dockerfile: 'FROM scratch AS files\nCOPY Dockerfile /\nFROM scratch\nCOPY --from=files / /\n',
  });
  const result = await built(['--stage-dir', 'files=Dockerfile/below', '.'], { cwd: project.path });
  assert.equal(result.outcome, 'built');
  const [directory] = result.directories;
  assert.equal(directory?.outcome, 'failed');
  assert.match(directory?.detail ?? '', /a part of the path is no directory/);
});
