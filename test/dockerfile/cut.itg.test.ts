import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readBuildArguments } from '../../src/dockerfile/arguments.ts';
import { type Cut, continueFrom, nameStages, replaceRun, truncateAfter } from '../../src/dockerfile/cut.ts';
import { parseDockerfile, type Stage } from '../../src/dockerfile/parse.ts';
import { stageScope } from '../../src/dockerfile/scope.ts';
import { run } from '../../src/host/exec.ts';
import { projectOf, testbedVariable } from '../commands/launch.ts';

const registry = testbedVariable('LW_REGISTRY');
const repository = `${registry}/cut-${randomUUID().slice(0, 8)}`;
const GIVEN = ['GIVEN=from outside', 'SHADOWED=given'];

/** Every RUN notes the variables that it sees, so that a lost one is a difference. */
const TEXT = `# escape=\\
ARG VERSION=3.11
ARG GLOBAL="g $VERSION"

FROM scratch
COPY <<EOF /note
a note for $VERSION
EOF

FROM python:\${VERSION}-slim AS base
ARG GLOBAL
ARG PARENT='it''s "p" $x \\\\ \${GLOBAL}'
ENV KEPT=env TURNED=env
ARG TURNED=arg
ARG UNSET
WORKDIR /out
RUN env | sort > base

FROM base AS work
ARG GIVEN=default SHADOWED=default
ENV SHADOWED="by env"
SHELL ["/bin/bash", "-c"]
USER nobody
ARG LAST="\${PARENT}|$GIVEN"
COPY --chown=nobody <<EOF /out/
EOF
USER root
RUN env | sort > first \\
  # a comment
  && echo "$LAST"
COPY --from=0 /note /out/note
ARG LAST
ARG GLOBAL=again
RUN <<EOF
env | sort > second
echo $0 >> second
EOF
`.replace('COPY --chown=nobody <<EOF /out/\nEOF\n', '');

const dockerfile = parseDockerfile(TEXT, 'Dockerfile');
const stage = dockerfile.stages[2] as Stage;

async function pushed({ text, reason }: Cut, tag: string, options: readonly string[] = []): Promise<void> {
  assert.ok(text !== undefined, reason);
  await using project = await projectOf({ Dockerfile: text });
  const result = await run([
    ...['buildx', 'build', '--provenance=false', `--output=type=image,name=${repository}:${tag},push=true`],
    ...[...GIVEN.map((one) => `--build-arg=${one}`), ...options, project.path],
  ]);
  assert.equal(result.exitCode, 0, result.stderr);
}

/** What the RUNs noted. */
async function notes(tag: string): Promise<Readonly<Record<string, string>>> {
  await using project = await projectOf({
    Dockerfile: `FROM scratch\nCOPY --from=${repository}:${tag} /out/ /\n`,
  });
  const out = join(project.path, 'out');
  const result = await run(['buildx', 'build', `--output=type=local,dest=${out}`, project.path]);
  assert.equal(result.exitCode, 0, result.stderr);
  const read = async (name: string) =>
    [name, (await readFile(join(out, name), 'utf8')).replace(/^TRACEPARENT=.*$/m, '')] as const;
  // BuildKit numbers its solves.
  return Object.fromEntries(await Promise.all(['base', 'first', 'second', 'note'].map(read)));
}

test('a stage that is solved in two parts ends as one that is solved at once', async () => {
  await pushed({ text: TEXT }, 'whole');
  const whole = await notes('whole');
  assert.match(whole.second ?? '', /^GIVEN=from outside$/m);
  assert.match(whole.second ?? '', /^SHADOWED=by env$/m);
  assert.match(whole.second ?? '', /^PARENT=its "p" \$x \\\\ \$\{GLOBAL\}$/m);
  assert.match(whole.second ?? '', /^LAST=its .*\|from outside$/m);
  assert.match(whole.second ?? '', /^TURNED=env$/m);

  const scopes = stageScope(dockerfile, stage, readBuildArguments(GIVEN), undefined);
  for (const cut of [3, 6, 7, 9]) {
    const tag = `part-${cut}`;
    await pushed(truncateAfter(dockerfile, stage, cut - 1), tag);
    const scope = scopes[cut];
    assert.ok(scope);
    const part = { from: cut, to: stage.instructions.length, base: 'composed', scope };
    await pushed(continueFrom(dockerfile, stage, part), `rest-${cut}`, [
      `--build-context=composed=docker-image://${repository}:${tag}`,
    ]);
    assert.deepEqual(await notes(`rest-${cut}`), whole, `cut before instruction ${cut}`);
  }
});

test('another command in place of a RUN, and names for stages, leave the rest as it is', async () => {
  const index = stage.instructions.findIndex(({ keyword }) => keyword === 'RUN');
  const replaced = replaceRun(dockerfile, stage, index, 'echo mine > first');
  const named = nameStages(parseDockerfile(replaced.text ?? '', 'Dockerfile'));
  assert.deepEqual(named.names, ['lw-stage-0', 'base', 'work']);
  await using other = await projectOf({ note: 'replaced\n' });
  await pushed(named, 'replaced', [`--build-context=lw-stage-0=${other.path}`]);
  const found = await notes('replaced');
  assert.equal(found.first, 'mine\n');
  assert.equal(found.note, 'replaced\n');
  assert.match(found.second ?? '', /^LAST=its /m);
});
