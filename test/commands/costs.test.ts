import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toBuildRequest } from '../../src/commands/build-request.ts';
import { costliest } from '../../src/commands/plan/costs.ts';
import { isSurveyed, type Survey, survey } from '../../src/commands/plan/survey.ts';
import { testHost } from '../support/host.ts';
import { projectOf } from './launch.ts';

const DOCKERFILE = `FROM python:3.11-slim AS base
RUN apt-get update \\
    && apt-get install -y curl

FROM base AS dependencies
RUN pip install six==1.17.0
RUN make everything

FROM dependencies AS final
COPY . /app
RUN python -m compileall /app
ADD https://example.com/model.bin /model.bin
`;

async function surveyed(): Promise<Survey> {
  await using project = await projectOf({ Dockerfile: DOCKERFILE, 'app.py': '\n' });
  const request = toBuildRequest({}, project.path, { platform: ['linux/amd64'] });
  const [found] = await survey(testHost(), request, { offline: true });
  assert.ok(found && isSurveyed(found));
  return found;
}

/** The survey of a later build: these segments, by stage, are solved, each in so many seconds. */
function later(found: Survey, seconds: Readonly<Record<string, number>>): Survey {
  const segments = found.walked.segments.map((one) => ({ ...one, isThere: one.stage in seconds }));
  const last = {
    segments: segments.map(({ stage, request }) => ({ key: request?.key, seconds: seconds[stage] ?? null })),
  };
  return { ...found, walked: { ...found.walked, segments }, last: last as unknown as Survey['last'] };
}

const shown = (found: Survey) =>
  costliest(found).map(({ text, repeats, state, seconds }) => [text.slice(0, 12), repeats, state, seconds]);

test('what runs again most often comes first; an instruction has its text in one line', async () => {
  const found = await surveyed();
  assert.deepEqual(shown(found), [
    ['RUN python -', 'always', 'missing', null],
    ['ADD https://', 'always', 'missing', null],
    ['RUN make eve', 'dependencies', 'missing', null],
    ['RUN apt-get ', 'base', 'missing', null],
  ]);
  assert.equal(costliest(found).at(-1)?.text, 'RUN apt-get update && apt-get install -y curl');
});

test('what a build now has to run comes before all that was solved, which is ordered by its seconds', async () => {
  const found = await surveyed();
  const without = (stage: Survey) => shown(stage).map(([text, , state, seconds]) => [text, state, seconds]);
  assert.deepEqual(without(later(found, { final: 1, base: 20 })), [
    ['RUN make eve', 'missing', null],
    ['RUN python -', 'there', 1],
    ['ADD https://', 'there', 1],
    ['RUN apt-get ', 'there', 20],
  ]);
});

test('copied files are named', async () => {
  await using project = await projectOf({
    Dockerfile: 'FROM python:3.11-slim\nCOPY a.txt /a\nCOPY . /app\nRUN make\n',
    'a.txt': '\n',
  });
  const [found] = await survey(testHost(), toBuildRequest({}, project.path, {}), { offline: true });
  assert.ok(found && isSurveyed(found));
  const [one] = costliest(found);
  assert.deepEqual([one?.repeats, one?.copies], ['application', ['COPY a.txt /a', 'COPY . /app']]);
});

test('a wheel that BuildKit has to build first is what a build now has to run', async () => {
  const found = await surveyed();
  const line = 6;
  const unknown = [
    { kind: 'install', line, reason: 'building its wheel has to be run', mustRun: true },
  ] as const;
  const [first, ...rest] = costliest({
    ...found,
    walked: { ...found.walked, segments: [], unknown },
  });
  assert.deepEqual(rest, []);
  assert.deepEqual(first, {
    ...{ place: `${found.request.dockerfile.path}:6`, stage: 'dependencies' },
    ...{ text: 'RUN pip install six==1.17.0', reason: 'building its wheel has to be run', hint: null },
    ...{ state: 'missing', repeats: 'dependencies', copies: [], seconds: null },
  });
});

test('why its segment is not split is told of an instruction that may install something, and of no other', async () => {
  const found = await surveyed();
  const notSplit = { reason: '/opt/null is a device or a pipe', hint: undefined };
  const segments = found.walked.segments.map((one) => ({ ...one, notSplit }));
  const told = (dockerfile: Survey) => costliest(dockerfile).flatMap((one) => (one.notSplit ? [one] : []));
  assert.deepEqual(told({ ...found, walked: { ...found.walked, segments } }), []);
  await using project = await projectOf({
    Dockerfile: 'FROM python:3.11-slim\nRUN apt-get update && pip install six==1.17.0\n',
  });
  const request = toBuildRequest({}, project.path, { platform: ['linux/amd64'] });
  const [other] = await survey(testHost(), request, { offline: true });
  assert.ok(other && isSurveyed(other));
  assert.deepEqual(
    other.walked.segments.map(({ kind }) => kind),
    ['split'],
  );
  const again = other.walked.segments.map((one) => ({ ...one, notSplit }));
  assert.deepEqual(
    told({ ...other, walked: { ...other.walked, segments: again } }).map((one) => one.notSplit),
    [{ reason: notSplit.reason, hint: null }],
  );
});
