import assert from 'node:assert/strict';
import { test } from 'node:test';
import { argumentLines, continueFrom } from '../../src/dockerfile/cut.ts';
import { parseDockerfile, type Stage } from '../../src/dockerfile/parse.ts';
import { stageScope } from '../../src/dockerfile/scope.ts';

const TEXT = `# syntax=docker/dockerfile:1
# escape=\`
# a comment
ARG G=1

FROM a
RUN one

FROM b AS named
ARG A="x y" B=$G
ARG G C
RUN --mount=type=cache,target=/c `
  .concat('`\n    two && `\n  # inside\n    three\n')
  .concat('COPY <<E /x\n$A\nE\n\n# last\nFROM named\nCOPY --from=0 / /\n');

const dockerfile = parseDockerfile(TEXT, 'Dockerfile');
const named = dockerfile.stages[1] as Stage;
const scopes = (buildArguments: ReadonlyMap<string, string>, environment: readonly string[] = []) =>
  stageScope(dockerfile, named, { buildArguments }, environment);

test('a part on another base, with the arguments that are in scope', () => {
  const scope = scopes(new Map([['C', 'given']]))[2];
  assert.ok(scope);
  const cut = continueFrom(dockerfile, named, {
    from: 2,
    to: 4,
    base: 'composed',
    platform: 'linux/amd64',
    scope,
  });
  const kept = TEXT.slice(0, TEXT.indexOf('FROM b'));
  const body = TEXT.slice(TEXT.indexOf('RUN --mount'), TEXT.indexOf('\n# last'));
  const lines = 'FROM --platform=linux/amd64 composed AS named\nARG A="x y"\nARG B=""\nARG G="1"\nARG C\n';
  assert.equal(cut.text, kept + lines + body);
});

test('the last RUN may have another command, and keeps its flags', () => {
  const scope = scopes(new Map())[2];
  assert.ok(scope);
  const part = { from: 2, to: 3, base: 'composed', scope };
  const { text } = continueFrom(dockerfile, named, { ...part, command: 'apt-get update' });
  assert.ok(text?.endsWith('\nRUN --mount=type=cache,target=/c     apt-get update\n'), text);
  for (const command of ['a `', '["a"]', '--x', 'a\nRUN b', 'cat <<E', ' a', ''])
    assert.ok(continueFrom(dockerfile, named, { ...part, command }).reason, JSON.stringify(command));
  assert.match(
    continueFrom(dockerfile, named, { ...part, to: 4, command: 'a' }).reason ?? '',
    /only the command of a RUN/,
  );
});

test('a value is declared so that it means the same', () => {
  const values = { A: `"$x" \`y\` \\`, B: 'given', C: '' };
  const text = `FROM x\nARG A B C D\nENV B=env\n`;
  const one = parseDockerfile(text, 'Dockerfile');
  const scope = stageScope(
    one,
    one.stages[0] as Stage,
    { buildArguments: new Map(Object.entries(values)) },
    [],
  ).at(-1);
  assert.ok(scope);
  assert.deepEqual(argumentLines(scope), ['ARG A', 'ARG C', 'ARG D'], 'B is in the environment of the image');
  const later = parseDockerfile('FROM x\nENV V=\'"$x" \\y\'\nARG A=$V B=\n', 'Dockerfile');
  const written = stageScope(later, later.stages[0] as Stage, { buildArguments: new Map() }, []).at(-1);
  assert.ok(written);
  assert.deepEqual(argumentLines(written), ['ARG A="\\"\\$x\\" \\\\y"', 'ARG B=""']);
});

test('what cannot be handed over is a reason', () => {
  const one = parseDockerfile('FROM x\nARG A=$V\nRUN y\n', 'Dockerfile');
  const part = (scope: ReturnType<typeof scopes>[number] | undefined) => {
    assert.ok(scope);
    return continueFrom(one, one.stages[0] as Stage, { from: 1, to: 2, base: 'b', scope });
  };
  const options = { buildArguments: new Map() };
  assert.match(
    part(stageScope(one, one.stages[0] as Stage, options, ['V=a\nb'])[1]).reason ?? '',
    /more than one line/,
  );
  assert.match(
    part(stageScope(one, one.stages[0] as Stage, options, undefined)[1]).reason ?? '',
    /A is not known/,
  );
});
