import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readBuildArguments } from '../../src/dockerfile/arguments.ts';
import { type Cut, continueFrom } from '../../src/dockerfile/cut.ts';
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
    await pushed({ text: TEXT.slice(0, stage.instructions[cut - 1]?.scanned.end) }, tag);
    const scope = scopes[cut];
    assert.ok(scope);
    const part = { from: cut, to: stage.instructions.length, base: 'composed', scope };
    await pushed(continueFrom(dockerfile, stage, part), `rest-${cut}`, [
      `--build-context=composed=docker-image://${repository}:${tag}`,
    ]);
    assert.deepEqual(await notes(`rest-${cut}`), whole, `cut before instruction ${cut}`);
  }
});
