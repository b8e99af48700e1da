import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { layerwright, projectOf, testbedVariable } from '../commands/launch.ts';

const cache = `${testbedVariable('LW_REGISTRY')}/arguments-${randomUUID().slice(0, 8)}`;

const INSTALL = ['COPY requirements.txt ./', 'RUN pip install -r requirements.txt', 'COPY app.py ./'];

/** Dockerfiles whose base is named by arguments, with the base that it is. */
const FORMS: readonly { lines: readonly string[]; base: string; args?: readonly string[] }[] = [
  {
    lines: ['ARG PYTHON_VERSION=3.11', `FROM python:\${PYTHON_VERSION}-slim`, ...INSTALL],
    base: 'python:3.11-slim',
  },
  {
    lines: ['ARG PYTHON_VERSION=3.13', `FROM python:\${PYTHON_VERSION}-slim`, ...INSTALL],
    base: 'python:3.11-slim',
    args: ['--build-arg', 'PYTHON_VERSION=3.11'],
  },
  {
    lines: ['ARG BASE', `FROM \${BASE:-python:3.11-slim} AS base`, 'FROM base', ...INSTALL],
    base: 'python:3.11-slim',
  },
  {
    lines: [
      ...['ARG A=3.11', 'ARG REGISTRY=docker.io/library', 'ARG VARIANT=slim'],
      `FROM --platform=$TARGETPLATFORM \${REGISTRY}/python:\${A}\${VARIANT:+-$VARIANT}`,
      ...INSTALL,
    ],
    base: 'docker.io/library/python:3.11-slim',
  },
  {
    lines: [
      ...['ARG A=3.11', `ARG IMAGE="python:\${A}-slim"`, 'FROM $IMAGE AS build', ...INSTALL],
      ...['FROM $IMAGE', 'ARG A'],
      `COPY --from=build /usr/local/lib/python\${A}/site-packages /usr/local/lib/python\${A}/site-packages`,
    ],
    base: 'python:3.11-slim',
  },
  {
    lines: [
      ...['ARG STAGE=slim', 'FROM python:3.11-slim AS slim', ...INSTALL],
      ...['FROM python:3.11-debian AS debian', ...INSTALL, `FROM \${STAGE}`],
    ],
    base: 'python:3.11-slim',
  },
];

test('a base that arguments name is composed upon', async () => {
  await using project = await projectOf({ 'requirements.txt': 'idna==3.10\n', 'app.py': 'print(1)\n' });
  for (const { lines, base, args = [] } of FORMS) {
    await project.write({ Dockerfile: `${lines.join('\n')}\n` });
    const result = await layerwright(['plan', '--json', '--cache-repo', cache, ...args, project.path]);
    assert.equal(result.exitCode, 0, result.stderr);
    const plan = JSON.parse(result.stdout);
    assert.deepEqual([plan.way, plan.bases[0].reference, plan.bases.length], ['composed', base, 1], lines[0]);
  }
});
