import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDockerfile, targetStage } from '../../src/dockerfile/parse.ts';
import { LayerwrightError } from '../../src/errors.ts';
import { checkStageDirectory, stageInputs } from '../../src/plan/stage-inputs.ts';

const TEXT = `ARG PYTHON_VERSION=3.11
ARG NOTHING
FROM python:\${PYTHON_VERSION}-slim AS base
WORKDIR /app

FROM base AS download
COPY --chmod=0644 requirement.txt extra/*.txt ./
COPY <<EOF /etc/pip.conf
[global]
EOF
RUN --mount=type=bind,source=/lock,target=/lock --mount=type=bind,from=ghcr.io/astral-sh/uv:0.9,source=/uv,target=/uv \\
    pip download --dest /wheels -r requirement.txt
ADD https://example.com/file /wheels/

FROM scratch AS wheels
COPY --from=download /wheels /

FROM base AS final
COPY --from=2 / /wheels
COPY . .
`;
const dockerfile = parseDockerfile(TEXT, 'Dockerfile');
const final = targetStage(dockerfile, undefined);

function refusal(work: () => unknown): [string, string] {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof LayerwrightError);
    return [error.code, error.message];
  }
  assert.fail('it was not refused');
}

test('what decides the files of a stage: instructions, files and images of all that it is made from', () => {
  const { instructions, sources, images } = stageInputs(dockerfile, 'wheels');
  assert.deepEqual(sources, ['extra/*.txt', 'lock', 'requirement.txt']);
  assert.deepEqual(images, ['ghcr.io/astral-sh/uv:0.9', 'python:3.11-slim']);
  assert.ok(instructions.includes('COPY --from=download /wheels /'));
  assert.ok(instructions.includes('WORKDIR /app'));
  assert.ok(!instructions.some((one) => one.includes('COPY . .')), 'a stage that it does not need');
});

test('a build argument decides the image', () => {
  assert.deepEqual(stageInputs(dockerfile, 'base', ['PYTHON_VERSION=3.12']).images, ['python:3.12-slim']);
  const unknown = parseDockerfile(
    'ARG BASE\nFROM ${BASE} AS one\nFROM scratch\nCOPY --from=one / /\n',
    'Dockerfile',
  );
  const [code, message] = refusal(() => stageInputs(unknown, 'one'));
  assert.equal(code, 'STAGE_DIRECTORY_UNSUITED');
  assert.match(message, /which image \$\{BASE\} is cannot be told/);
});

test('a path with a variable, a quote or an escape may be any, and a platform says nothing of it', () => {
  const text = (copy: string) =>
    `FROM --platform=$BUILDPLATFORM x AS a\nARG D=y\nCOPY ${copy}\nFROM scratch\nCOPY --from=a / /\n`;
  const sources = (copy: string) => stageInputs(parseDockerfile(text(copy), 'Dockerfile'), 'a').sources;
  assert.deepEqual(sources('$D z /'), ['.']);
  assert.deepEqual(sources('z\\ y /'), ['.']);
  assert.deepEqual(sources('["z y", "/d"]'), ['z y']);
  assert.deepEqual(sources('z https://x/y git@x:y --chmod=1 /'), ['--chmod=1', 'z']);
});

test('a line that is not understood is refused', () => {
  const unknown = parseDockerfile(
    'FROM x AS a\nCOPY --new a /\nFROM scratch\nCOPY --from=a / /\n',
    'Dockerfile',
  );
  const [code, message] = refusal(() => stageInputs(unknown, 'a'));
  assert.equal(code, 'STAGE_DIRECTORY_UNSUITED');
  assert.match(message, /line 2 is not understood: unknown flag --new/);
});

test('only a stage whose files are all that is wanted of it can be a directory', () => {
  checkStageDirectory(dockerfile, 'wheels', final);
  assert.match(
    refusal(() => checkStageDirectory(dockerfile, 'final', final))[1],
    /it is the stage that is built/,
  );
  assert.match(
    refusal(() => checkStageDirectory(dockerfile, 'base', final))[1],
    /the stage in line 6 starts from it/,
  );
  assert.equal(refusal(() => checkStageDirectory(dockerfile, 'wheel', final))[0], 'STAGE_UNKNOWN');
});
