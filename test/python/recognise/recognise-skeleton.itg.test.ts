import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from '../../../src/host/exec.ts';
import { poetryProject, skeletonCommand, skeletonProject } from '../../../src/python/recognise/skeleton.ts';
import { projectOf } from '../../commands/launch.ts';
import { BASE, recognised } from '../recognise-describe.ts';

interface Case {
  readonly name: string;
  readonly command: string;
  /** pyproject.toml and what is beside it, by path. */
  readonly files: Readonly<Record<string, string>>;
  readonly environment: string;
  readonly pinned?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const named = (more: string) => `[project]\nname = "Demo_App"\nversion = "1"\n${more}`;

const CASES: readonly Case[] = [
  {
    ...{ name: 'a condition on Python', command: 'uv sync --frozen --no-install-project' },
    ...{ files: { 'pyproject.toml': named('requires-python = ">=3.9"\n') }, environment: '/app/.venv' },
  },
  {
    ...{ name: 'no condition on Python', command: 'uv sync --frozen --no-dev' },
    ...{ files: { 'pyproject.toml': named('') }, environment: '/app/.venv' },
  },
  {
    ...{ name: 'a Python that is named', command: 'uv sync --frozen --python 3.11' },
    ...{ files: { 'pyproject.toml': named('requires-python = ">=3.9"\n') }, environment: '/app/.venv' },
  },
  {
    ...{ name: 'a pinned Python', command: 'uv sync --frozen', pinned: '3.11\n' },
    ...{ files: { 'pyproject.toml': named('requires-python = ">=3.9"\n') }, environment: '/app/.venv' },
  },
  {
    ...{ name: 'an environment elsewhere', command: 'uv sync --frozen', environment: '/opt/venv' },
    files: { 'pyproject.toml': named('requires-python = "~=3.11"\n') },
    env: { UV_PROJECT_ENVIRONMENT: '/opt/venv' },
  },
  {
    ...{ name: 'a workspace without a name', command: 'uv sync --frozen', environment: '/app/.venv' },
    files: {
      'pyproject.toml': '[tool.uv.workspace]\nmembers = ["m"]\n',
      'm/pyproject.toml': '[project]\nname = "m"\nversion = "1"\nrequires-python = ">=3.9,<4"\n',
    },
  },
];

test('the command for an environment makes what uv sync makes when it finds none', async () => {
  await built(['RUN pip install --quiet uv', ...CASES.map(instructionOf)]);
});

test('poetry makes the environment of a project alone', async () => {
  const pyproject = `${named('requires-python = ">=3.9"\n')}[tool.poetry]\npackage-mode = false\n`;
  const mounts = [{ type: 'bind', target: 'pyproject.toml', source: 'pyproject.toml', from: undefined }];
  const env = { ...BASE.env, POETRY_VIRTUALENVS_IN_PROJECT: '1' };
  const [action] = recognised('poetry install --no-root', { env, mounts }).steps;
  const words = action && skeletonCommand(action);
  assert.deepEqual(words, ['poetry', 'run', 'true']);
  const project = poetryProject(pyproject);
  assert.ok(!('reason' in project));
  const unseen = action && skeletonCommand(action, project);
  await built([
    'RUN pip install --quiet poetry',
    'ENV POETRY_VIRTUALENVS_IN_PROJECT=1',
    runOf([
      ...written({ 'pyproject.toml': pyproject }),
      'poetry lock -q',
      ...compared('poetry install --no-root', words ?? [], '/app/.venv', ''),
      'mkdir /tmp/kept && cp pyproject.toml poetry.lock /tmp/kept && rm -r .venv',
      // Without the project's own files, which are there when it is compared.
      `rm pyproject.toml poetry.lock && ${(unseen ?? []).map(quoted).join(' ')} && [ ! -e pyproject.toml ]`,
      'mv .venv /tmp/unseen && cp /tmp/kept/* . && poetry install --no-root -q',
      'diff -r -x __pycache__ --no-dereference .venv /tmp/unseen',
    ]),
  ]);
});

test('poetry config writes what its variable says', async () => {
  await built([
    'RUN pip install --quiet poetry',
    runOf([
      'poetry config virtualenvs.create false',
      `[ "$(cat /root/.config/pypoetry/config.toml)" = "$(printf '[virtualenvs]\\ncreate = false')" ]`,
      `[ "$(POETRY_VIRTUALENVS_CREATE=false poetry config virtualenvs.create)" = false ]`,
    ]),
  ]);
});

function instructionOf({ name, command, files, environment, pinned, env = {} }: Case): string {
  const [root = '', ...members] = Object.values(files);
  const project = skeletonProject(root, '/app', pinned, members);
  assert.ok(!('reason' in project), name);
  const [action] = recognised(command, { env: { ...BASE.env, ...env } }).steps;
  const words = action && skeletonCommand(action, project);
  assert.ok(words !== undefined, name);
  const exports = Object.entries(env).map(([key, value]) => `export ${key}=${value}`);
  const all = pinned === undefined ? files : { ...files, '.python-version': pinned };
  // What uv itself locks everything with; only installing makes it.
  const lock = `install -m 666 /dev/null ${environment}/.lock`;
  return runOf([
    ...[...written(all), ...exports, 'uv lock -q'],
    `rm -rf .venv ${environment}`,
    ...compared(command, words, environment, lock),
  ]);
}

function written(files: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(files).flatMap(([path, text]) => [
    `mkdir -p "$(dirname ${path})"`,
    `printf %s ${quoted(text)} > ${path}`,
  ]);
}

/** Names, kinds, modes, links and contents of both environments are the same. */
function compared(
  command: string,
  words: readonly string[],
  environment: string,
  after: string,
): readonly string[] {
  const list = `(cd ${environment} && find . -not -path '*/__pycache__*' -printf '%p %y %m %l\\n' | sort && find . -type f -not -name '*.pyc' | sort | xargs sha256sum)`;
  return [
    `${command} -q`,
    `${list} > /tmp/own`,
    `rm -rf ${environment}`,
    words.map(quoted).join(' '),
    ...(after === '' ? [] : [after]),
    `${list} > /tmp/alone`,
    'diff /tmp/own /tmp/alone',
    'grep -q pyvenv.cfg /tmp/own',
  ];
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function runOf(lines: readonly string[]): string {
  return ["RUN <<'EOF'", 'set -eu', 'rm -rf /app/* /app/.venv /app/.python-version', ...lines, 'EOF'].join(
    '\n',
  );
}

async function built(instructions: readonly string[]): Promise<void> {
  await using project = await projectOf({
    Dockerfile: ['FROM python:3.11-slim', 'WORKDIR /app', ...instructions, ''].join('\n'),
  });
  const result = await run(['buildx', 'build', '--progress=plain', '--output=type=cacheonly', project.path]);
  assert.equal(result.exitCode, 0, result.stderr);
}
