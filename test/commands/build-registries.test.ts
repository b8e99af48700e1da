import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registriesOf } from '../../src/commands/build-registries.ts';
import { toBuildRequest } from '../../src/commands/build-request.ts';
import { parseDockerfile } from '../../src/dockerfile/parse.ts';
import { parseReference } from '../../src/image/reference.ts';
import { planBuild } from '../../src/plan/build-plan.ts';

const ECR = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';

function registries(dockerfile: string, options: Readonly<Record<string, unknown>> = {}) {
  const request = toBuildRequest({}, '.', options);
  const parsed = parseDockerfile(dockerfile, 'Dockerfile');
  const tags = request.tags.map(parseReference);
  const plan = planBuild({ dockerfile: parsed, target: parsed.stages.at(-1), tags }, request.wishes);
  return [...registriesOf(request, plan, parsed)].sort();
}

test('the registries of images, stages and numbers aside', () => {
  assert.deepEqual(
    registries(`ARG HUB=mirror.test
FROM \${HUB}/python:3.13 AS base
FROM base
COPY --link --from=tools.test/uv:1 /uv /
COPY --from=0 /a /b
RUN --mount=type=bind,from=mount.test/x,target=/x y
FROM scratch
COPY --from=base / /
`),
    ['mirror.test', 'mount.test', 'tools.test'],
  );
});

test('the registries of tags, outputs, caches and contexts, Docker Hub by its one name', () => {
  assert.deepEqual(
    registries('FROM python', {
      tag: ['a.test/x:1', 'b.test:5000/x:1'],
      push: true,
      output: ['type=registry,name=c.test/x'],
      cacheFrom: ['type=registry,ref=d.test/x:cache'],
      cacheTo: ['type=registry,ref=e.test/x:cache'],
      buildContext: ['base=docker-image://f.test/x'],
    }),
    ['a.test', 'b.test:5000', 'c.test', 'd.test', 'docker.io', 'e.test', 'f.test'],
  );
});

test('an argument on the command line names the registry, and ECR is found wherever it stands', () => {
  const dockerfile = `ARG HUB=mirror.test\nFROM $HUB/python\nRUN echo ${ECR}/x\n`;
  assert.deepEqual(registries(dockerfile, { buildArg: ['HUB=other.test'] }), [ECR, 'other.test']);
  assert.deepEqual(registries('FROM $UNKNOWN/python\n'), []);
});

test('what cannot be put in, or is not understood, names no registry and stops nothing', () => {
  const text =
    'ARG X=a.test\nFROM --platform=$BUILDPLATFORM $X/a AS one\nCOPY --new --from=b.test/b / /\nFROM c.test/c\n';
  assert.deepEqual(registries(text), ['a.test', 'b.test', 'c.test']);
  assert.deepEqual(registries('ARG X=${Y:?no}\nFROM c.test/c\n'), []);
});
