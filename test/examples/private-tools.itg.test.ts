import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from '../../src/host/exec.ts';
import { built, layerwright, projectOf, testbedVariable } from '../commands/launch.ts';
import { netrcOf, type PrivateIndex, privateIndex } from './private-index.ts';
import { answerOf } from './run-image.ts';

const own = `${testbedVariable('LW_REGISTRY')}/private-tools-${randomUUID().slice(0, 8)}`;

const APP = `import json
import company_greetings
print(json.dumps({"text": company_greetings.greet("you")}))
`;

const pyproject = ({ url }: PrivateIndex) => `[project]
name = "greeter"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["company-greetings==2.1.0"]

[tool.uv.sources]
company-greetings = { index = "our-own" }

[[tool.uv.index]]
name = "our-own"
url = "${url}"
explicit = true
`;

const dockerfile = (mounts: string) => `FROM python:3.11-slim
COPY --from=ghcr.io/astral-sh/uv:0.9 /uv /bin/uv
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN ${mounts} uv sync --locked --no-dev
COPY app.py ./
ENTRYPOINT ["/app/.venv/bin/python", "app.py"]
`;

const FORMS = {
  'variables by the name of the index': {
    mounts:
      '--mount=type=secret,id=user,env=UV_INDEX_OUR_OWN_USERNAME --mount=type=secret,id=token,env=UV_INDEX_OUR_OWN_PASSWORD',
    words: ['--secret', 'id=user,env=INDEX_USER', '--secret', 'id=token,env=INDEX_TOKEN'],
  },
  'a netrc secret': {
    mounts: '--mount=type=secret,id=netrc,target=/root/.netrc',
    words: ['--secret', 'id=netrc,src=netrc'],
  },
};

for (const [name, { mounts, words }] of Object.entries(FORMS))
  test(`private index of a project of uv, by ${name}: composed, the same as a plain build, and a new token changes nothing`, async () => {
    await using index = await privateIndex('aws');
    await using project = await projectOf({
      Dockerfile: dockerfile(mounts),
      '.dockerignore': 'netrc\n',
      'pyproject.toml': pyproject(index),
      'app.py': APP,
    });
    const here = async () => {
      await writeFile(join(project.path, 'netrc'), netrcOf(index));
      const { user, password } = index.login;
      return { cwd: project.path, env: { INDEX_USER: user, INDEX_TOKEN: password } };
    };
    await locked(project.path, index);
    const reference = `${own}/${Object.keys(FORMS).indexOf(name)}`;
    const build = async (tag: string) =>
      await built(['--push', '-t', `${reference}:${tag}`, ...words, '.'], await here());

    const first = await build('1');
    assert.ok(
      first.segments.some(({ kind }) => kind === 'composed') &&
        first.segments.every(({ kind }) => kind !== 'split'),
      JSON.stringify(first.segments),
    );
    assert.deepEqual(await answerOf(`${reference}:1`, { kind: 'command', words: [] }), { text: 'Hello you' });
    const verified = await layerwright(['verify', `${reference}:1`, ...words, '.'], await here());
    assert.equal(verified.exitCode, 0, `${verified.stdout}\n${verified.stderr}`);

    index.login.password = `canary${randomUUID()}`;
    index.requests.length = 0;
    await appendFile(join(project.path, 'app.py'), '# Changed.\n');
    const second = await build('2');
    assert.equal(second.builder, null, 'a new token needs no builder');
    assert.deepEqual(index.requests, []);
  });

/** uv itself writes the lock. */
async function locked(directory: string, { login }: PrivateIndex): Promise<void> {
  const env = { UV_INDEX_OUR_OWN_USERNAME: login.user, UV_INDEX_OUR_OWN_PASSWORD: login.password };
  const result = await run(['uv', 'lock', '--quiet'], { cwd: directory, env: { ...process.env, ...env } });
  assert.equal(result.exitCode, 0, result.stderr);
}
