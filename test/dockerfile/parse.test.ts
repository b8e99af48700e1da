import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ancestry,
  isStandardSyntax,
  parseDockerfile,
  syntaxOf,
  targetStage,
} from '../../src/dockerfile/parse.ts';
import { LayerwrightError } from '../../src/errors.ts';

const RECIPE = `# syntax=docker/dockerfile:1.4
ARG VERSION=3.11
FROM --platform=$BUILDPLATFORM python:\${VERSION}-slim AS Base
RUN <<EOF
echo one
FROM nothing
EOF
FROM base AS dependencies
RUN --mount=type=cache,target=/root/.cache pip install \\
    # a comment inside
    -r requirement.txt
FROM base as final
COPY . .
CMD ["python", "chat.py"]
`;

test('stages, names, lines and heredocs', () => {
  const file = parseDockerfile(RECIPE, 'Dockerfile');
  assert.equal(file.syntax, 'docker/dockerfile:1.4');
  assert.deepEqual(
    file.globalArguments.map((one) => one.argument),
    ['VERSION=3.11'],
  );
  assert.deepEqual(
    file.stages.map(({ name, base, platform, line }) => ({ name, base, platform, line })),
    [
      { name: 'base', base: 'python:${VERSION}-slim', platform: '$BUILDPLATFORM', line: 3 },
      { name: 'dependencies', base: 'base', platform: undefined, line: 8 },
      { name: 'final', base: 'base', platform: undefined, line: 12 },
    ],
  );
  const [heredoc] = file.stages[0]?.instructions ?? [];
  assert.deepEqual([heredoc?.line, heredoc?.endLine], [4, 7]);
  assert.match(heredoc?.argument ?? '', /^<<EOF\necho one\nFROM nothing\nEOF$/);
  assert.deepEqual(
    file.stages[1]?.instructions.map(({ line, endLine }) => [line, endLine]),
    [[9, 11]],
  );
});

test('the file may begin with a byte order mark and end its lines with CR LF', () => {
  const file = parseDockerfile(`\uFEFF${RECIPE.replaceAll('\n', '\r\n')}`, 'Dockerfile');
  assert.deepEqual(
    file.stages.map((stage) => stage.name),
    ['base', 'dependencies', 'final'],
  );
  assert.equal(file.syntax, 'docker/dockerfile:1.4');
  assert.equal(file.stages[2]?.instructions[0]?.argument, '. .');
});

test('the target is the last stage, or the one named by name or number', () => {
  const file = parseDockerfile(RECIPE, 'Dockerfile');
  assert.equal(targetStage(file, undefined).name, 'final');
  assert.equal(targetStage(file, 'DEPENDENCIES').name, 'dependencies');
  assert.equal(targetStage(file, '0').name, 'base');
  assert.deepEqual(
    ancestry(file, targetStage(file, 'final')).map((stage) => stage.name),
    ['base', 'final'],
  );
  assert.throws(
    () => targetStage(file, 'dependancies'),
    (error) =>
      error instanceof LayerwrightError &&
      error.exit === 1 &&
      error.code === 'STAGE_UNKNOWN' &&
      /Did you mean dependencies/.test(error.hint ?? ''),
  );
  assert.throws(() => targetStage(file, '7'), /no stage is called "7"/);
});

const BAD: readonly [text: string, message: RegExp][] = [
  ['', /^d\/Dockerfile:1: no FROM instruction; expected/],
  ['# nothing\n\n', /^d\/Dockerfile:1: no FROM/],
  ['RUN make\nFROM x\n', /^d\/Dockerfile:1: RUN before the first FROM; expected FROM or ARG/],
  [
    'FROM x\n\nRUNN make\n',
    /^d\/Dockerfile:3: unknown instruction RUNN \(did you mean RUN\?\); expected one of ADD/,
  ],
  ['FROM x\nRUN\n', /^d\/Dockerfile:2: RUN needs at least one argument/],
  [
    'FROM x as\n',
    /^d\/Dockerfile:1: FROM has words .* expected FROM \[--platform=PLATFORM\] IMAGE \[AS NAME\]/,
  ],
  ['FROM x like y\n', /^d\/Dockerfile:1: FROM has words that are not understood: "like y"/],
  ['FROM x AS 1st\n', /^d\/Dockerfile:1: "1st" is no stage name/],
];

test('what does not parse is refused with file, line and what was expected', () => {
  for (const [text, message] of BAD)
    assert.throws(
      () => parseDockerfile(text, 'd/Dockerfile'),
      (error) => error instanceof LayerwrightError && error.exit === 1 && message.test(error.message),
      text,
    );
});

test('a frontend of somebody else is noticed', () => {
  assert.ok(isStandardSyntax(undefined));
  for (const ours of [
    'docker/dockerfile:1',
    'docker/dockerfile',
    'docker.io/docker/dockerfile:1.4-labs',
    'docker/dockerfile-upstream:master',
    'docker/dockerfile@sha256:00',
  ])
    assert.ok(isStandardSyntax(ours), ours);
  for (const other of ['ghcr.io/x/y', 'docker/dockerfiles:1', 'example.com/docker/dockerfile:1'])
    assert.ok(!isStandardSyntax(other), other);
  assert.equal(syntaxOf('# syntax=ghcr.io/a/b:1\nanything: [yaml]\n'), 'ghcr.io/a/b:1');
  assert.equal(syntaxOf('FROM x\n# syntax=ghcr.io/a/b:1\n'), undefined);
});
