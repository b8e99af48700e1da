import assert from 'node:assert/strict';
import { test } from 'node:test';
import { substituteContexts } from '../../src/bake/substitute.ts';
import { parseDockerfile } from '../../src/dockerfile/parse.ts';

const IMAGE = 'reg.example/base@sha256:1234';

function substituted(
  text: string,
  contexts: Readonly<Record<string, string | undefined>> = { base: IMAGE },
  target?: string,
) {
  const images = Object.entries(contexts).flatMap(([name, image]): [string, string][] =>
    image === undefined ? [] : [[name, image]],
  );
  return substituteContexts(parseDockerfile(text, 'Dockerfile'), new Map(images), {
    buildArguments: new Map(),
    target,
    contexts: new Set(Object.keys(contexts)),
  });
}

test('images take the place of their contexts in FROM and COPY, and nothing else changes', () => {
  const text = `# syntax=docker/dockerfile:1
ARG START=base
FROM  base AS tools # not a comment
RUN echo base
FROM\t\${START} as final
COPY --link --from=base /a /b
COPY --chown=1:1 --from=base \\
    /c /d
COPY --from=tools /base /base
`;
  // BuildKit reads no comments behind instructions: this line is no FROM.
  const valid = text.replace(' # not a comment', '');
  assert.deepEqual(substituted(valid), {
    text: valid
      .replace('FROM  base', `FROM  ${IMAGE}`)
      .replace(`FROM\t\${START}`, `FROM\t${IMAGE}`)
      .replaceAll('--from=base', `--from=${IMAGE}`),
  });
});

test('an image in its long form is known by its context too', () => {
  assert.deepEqual(substituted('FROM docker.io/library/python:latest\n', { python: IMAGE }), {
    text: `FROM ${IMAGE}\n`,
  });
});

test('a stage of the name of a context is not what FROM means by it', () => {
  const text = 'FROM python AS base\nRUN true\nFROM base\n';
  assert.deepEqual(substituted(text), { text: text.replace('FROM base', `FROM ${IMAGE}`) });
});

test('contexts that the target does not need are no hindrance', () => {
  const text = 'FROM base AS unused\nCOPY --from=dir / /\nFROM python:3.11-slim AS final\n';
  assert.deepEqual(substituted(text, { base: IMAGE, dir: undefined }, 'final'), { text });
});

const REFUSED: Readonly<Record<string, [text: string, reason: RegExp]>> = {
  'files of a directory': ['FROM base\nCOPY --from=dir / /lib\n', /line 2: files of the context "dir"/],
  'a directory to start from': ['FROM dir\n', /line 1: the context "dir"/],
  'a mount of an image': [
    'FROM python\nRUN --mount=from=base,target=/x true\n',
    /line 2: files of the context "base"/,
  ],
  'a stage that the context replaces': ['FROM python AS base\n', /a context stands for the stage "base"/],
  'a platform of its own': ['FROM --platform=linux/arm64 base\n', /line 1: the context "base"/],
  'a FROM that goes over lines': ['FROM \\\n  base\n', /line 1: the context "base"/],
  'an argument that nobody knows': ['ARG X=$TARGETARCH\nFROM base-$X\n', /line 2/],
};

for (const [what, [text, reason]] of Object.entries(REFUSED))
  test(`left to BuildKit: ${what}`, () => {
    const result = substituted(text, { base: IMAGE, dir: undefined });
    assert.ok('reason' in result, JSON.stringify(result));
    assert.match(result.reason, reason);
  });
