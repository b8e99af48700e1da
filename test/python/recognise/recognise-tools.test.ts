import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type LockedInstall,
  type MakeVenv,
  type RunStep,
  recognise,
} from '../../../src/python/recognise/recognise.ts';
import { poetryProject, skeletonCommand, skeletonProject } from '../../../src/python/recognise/skeleton.ts';
import {
  refusedUvConfiguration,
  uvConfigurationFiles,
} from '../../../src/python/recognise/uv-configuration.ts';
import { BASE, described, recognised } from '../recognise-describe.ts';

function locked(command: string, changes: Partial<RunStep> = {}): LockedInstall {
  const [step] = recognised(command, changes).steps;
  assert.equal(step?.kind, 'locked-install');
  return step as LockedInstall;
}

function venv(command: string, changes: Partial<RunStep> = {}): MakeVenv {
  const [step] = recognised(command, changes).steps;
  assert.equal(step?.kind, 'venv');
  return step as MakeVenv;
}

test('indexes of uv are in the order in which it asks them, with logins in the place of names', () => {
  const { indexes } = locked(
    'uv sync --frozen --index corp=https://a.example/s --default-index https://d.example/s',
    {
      env: { UV_EXTRA_INDEX_URL: 'https://b.example/s https://c.example/s', UV_INDEX_CORP_PASSWORD: 'x' },
    },
  );
  assert.deepEqual(indexes, {
    indexUrl: 'https://d.example/s',
    extraIndexUrls: ['https://:x@a.example/s', 'https://b.example/s', 'https://c.example/s'],
    trustedHosts: [],
  });
});

test('the command line comes before the variables of uv, and flags take each other back', () => {
  const env = { UV_LINK_MODE: 'symlink', UV_PYTHON: 'pypy', UV_NO_GROUP: 'a b' };
  assert.equal(locked('uv sync --frozen --link-mode copy --python 3.11', { env }).python, '3.11');
  assert.deepEqual(locked('uv sync --frozen', { env: { UV_NO_GROUP: 'a b' } }).selection.withoutGroups, [
    'a',
    'b',
  ]);
  assert.deepEqual(locked('uv sync --frozen --no-dev --dev').selection.withoutGroups, []);
  assert.deepEqual(locked('uv sync --frozen --no-dev --dev').selection.groups, ['dev']);
  assert.equal(locked('uv sync --frozen --compile-bytecode --no-compile-bytecode').compile, false);
  assert.equal(locked('uv sync --frozen --no-config').configured, false);
  assert.equal(locked('uv sync --frozen').configured, true);
});

test('an environment is made by the words of its own command', () => {
  assert.deepEqual(venv('uv venv --python 3.11 /opt/venv').command, [
    'uv',
    'venv',
    '--python',
    '3.11',
    '/opt/venv',
  ]);
  assert.deepEqual(
    [
      venv('uv venv').readsProject,
      venv('uv venv -p 3.11').readsProject,
      venv('python -m venv x').readsProject,
    ],
    [true, false, false],
  );
  const elsewhere = venv('cd /srv && UV_PYTHON=3.11 uv venv');
  assert.deepEqual(elsewhere.command, ['env', 'UV_PYTHON=3.11', 'uv', 'venv', '--directory', '/srv']);
  assert.equal(elsewhere.directory, '/srv/.venv');
  assert.deepEqual(venv('cd /srv && python3 -m venv --prompt x env').command, [
    ...['python3', '-m', 'venv', '--prompt', 'x', '/srv/env'],
  ]);
  assert.match(described('uv venv', { env: { UV_PROJECT_ENVIRONMENT: '/v' } }), /names no directory/);
  assert.match(described('uv venv a b'), /not one directory/);
  assert.match(described('uv venv --relocatable'), /launchers/);
});

test('logins do not come into the words that make an environment', () => {
  const command =
    'export UV_INDEX_CORP_PASSWORD=x UV_DEFAULT_INDEX=https://u:p@h.example/s && uv venv -p 3.11';
  assert.deepEqual(venv(command).command, ['uv', 'venv', '-p', '3.11']);
});

test('uv sync’s environment is made by uv venv, told what the project says', () => {
  const project = skeletonProject(
    '[project]\nname = "Demo_App"\nrequires-python = ">=3.9"\n',
    '/app',
    undefined,
  );
  assert.ok(!('reason' in project));
  const action = locked('uv sync --frozen');
  assert.deepEqual(skeletonCommand(action, project), [
    ...[
      'uv',
      'venv',
      '--no-project',
      '--no-config',
      '--prompt',
      'demo-app',
      '--python',
      '>=3.9',
      '/app/.venv',
    ],
  ]);
  assert.equal(skeletonCommand(action), undefined);
  const told = skeletonCommand(locked('uv sync --frozen -p 3.11'), project);
  assert.deepEqual(told?.slice(-3), ['--python', '3.11', '/app/.venv']);
  const pinned = skeletonProject('[project]\nname = "a"\n', '/app', '# x\n3.11\n');
  assert.deepEqual(pinned, { prompt: 'a', requiresPython: undefined, pinned: '3.11' });
  assert.deepEqual(skeletonProject('[project]\nname = "a"\n', '/app', undefined), {
    ...{ prompt: 'a', requiresPython: undefined, pinned: undefined },
  });
  const system = locked('uv sync', { env: { UV_PROJECT_ENVIRONMENT: '/usr/local' } });
  assert.equal(skeletonCommand(system, project), undefined);
});

test('a workspace is named by its directory, and requires what a member requires', () => {
  const root = '[tool.uv.workspace]\nmembers = ["m"]\n';
  assert.deepEqual(
    skeletonProject(root, '/srv/ws', undefined, ['[project]\nname="m"\nrequires-python=">=3.9"']),
    {
      ...{ prompt: 'ws', requiresPython: '>=3.9', pinned: undefined },
    },
  );
  for (const [text, pinned] of [
    [root, undefined],
    ['[tool.x]\n', undefined],
    ['not toml', undefined],
    ['[project]\nname = "a"\n', 'pypy3.10\n'],
    ['[project]\nname = "a"\n', '3.11\n3.12\n'],
  ] as const)
    assert.ok('reason' in skeletonProject(text, '/srv/ws', pinned), text);
});

test('poetry’s settings count in its own order', () => {
  const config = '[virtualenvs]\ncreate = false\n';
  const step = (command: string, changes: Partial<RunStep>) => described(command, changes);
  assert.match(step('poetry install', { poetryConfigurations: [config] }), /of poetry/);
  assert.match(
    step('poetry install', {
      poetryConfigurations: [config, '[virtualenvs]\ncreate = true\nin-project = true'],
    }),
    /into \/app\/\.venv/,
  );
  assert.match(
    step('poetry install', { poetryConfigurations: [config], env: { POETRY_VIRTUALENVS_CREATE: 'true' } }),
    /^! poetry makes an environment/,
  );
  assert.match(
    step('poetry install', { poetryConfigurations: ['[installer]\nno-binary = ":all:"\n'] }),
    /^! installer.no-binary/,
  );
  assert.match(step('poetry install', { poetryConfigurations: ['= x'] }), /^! .*not understood/);
  const { poetryConfigurations: _, ...unknown } = BASE;
  const found = recognise({ ...unknown, command: 'poetry install', env: { VIRTUAL_ENV: '/v' } });
  assert.match('reason' in found ? found.reason : '', /not known/);
  assert.match(
    step('poetry config virtualenvs.create false && poetry install', {
      poetryConfigurations: ['[virtualenvs]\ncreate = true\n'],
    }),
    /^! .*several/,
  );
  assert.match(
    step('poetry config virtualenvs.create false && poetry install', {
      env: { POETRY_VIRTUALENVS_CREATE: 'true' },
    }),
    /^! POETRY_VIRTUALENVS_CREATE is set/,
  );
});

test('poetry makes its environment alone, by what decides how it looks where it does not see the project', () => {
  const env = { POETRY_VIRTUALENVS_IN_PROJECT: '1' };
  const mounts = [{ type: 'bind', target: 'pyproject.toml', source: 'pyproject.toml', from: undefined }];
  assert.deepEqual(skeletonCommand(locked('poetry install', { env, mounts })), ['poetry', 'run', 'true']);
  const project = poetryProject(
    '[project]\nname = "Demo_App"\nversion = "2"\nrequires-python = ">=3.9"\ndependencies = ["a"]\n' +
      '[tool.poetry]\npackage-mode = false\n[tool.poetry.group.dev.dependencies]\nb = "*"\n',
  );
  assert.ok(!('reason' in project));
  const [sh, c, script, ...words] = skeletonCommand(locked('poetry install', { env }), project) ?? [];
  assert.deepEqual([sh, c], ['sh', '-c']);
  assert.match(script ?? '', /^mkdir -p "\$1" .* "\$@" && rm "\$f"$/);
  assert.deepEqual(words, [
    ...['sh', '/app'],
    '[project]\\nname = "Demo_App"\\nrequires-python = ">=3.9"\\nversion = "0"\\n\\n[tool.poetry]\\npackage-mode = false\\n',
    ...['poetry', 'run', 'true'],
  ]);
  const older = poetryProject(
    '[tool.poetry]\nname = "a"\n[tool.poetry.dependencies]\npython = "^3.9"\nb = "*"\n',
  );
  assert.ok(!('reason' in older) && older.stub?.includes('[tool.poetry.dependencies]\npython = "^3.9"\n'));
  assert.ok('reason' in poetryProject('[tool.poetry.requires-plugins]\np = "*"\n'));
  assert.ok('reason' in poetryProject('= x'));
  assert.equal(skeletonCommand(locked('poetry install', { env: { VIRTUAL_ENV: '/v' }, mounts })), undefined);
});

test('uv’s configuration is looked for where uv looks, and refused where it decides', () => {
  assert.deepEqual(uvConfigurationFiles('/srv/app', {}, '/root'), [
    ...['/srv/app/uv.toml', '/srv/app/pyproject.toml', '/srv/uv.toml', '/srv/pyproject.toml'],
    ...['/uv.toml', '/pyproject.toml', '/root/.config/uv/uv.toml', '/etc/xdg/uv/uv.toml', '/etc/uv/uv.toml'],
  ]);
  const refused: readonly [string, string, 'sync' | 'pip', boolean][] = [
    ['/a/pyproject.toml', '[project]\nname = "a"\n', 'pip', false],
    ['/a/pyproject.toml', '[tool.uv]\npackage = true\n', 'pip', false],
    ['/a/pyproject.toml', '[[tool.uv.index]]\nurl = "https://x.example"\n', 'pip', true],
    ['/a/pyproject.toml', '[[tool.uv.index]]\nurl = "https://x.example"\n', 'sync', false],
    ['/a/pyproject.toml', '[tool.uv.pip]\nsystem = true\n', 'pip', true],
    ['/a/pyproject.toml', '[tool.uv]\ncompile-bytecode = true\n', 'sync', true],
    ['/a/uv.toml', 'link-mode = "symlink"\n', 'sync', true],
    ['/a/uv.toml', 'cache-dir = "/c"\n', 'sync', false],
    ['/a/uv.toml', '= x', 'sync', true],
  ];
  for (const [path, text, command, is] of refused)
    assert.equal(refusedUvConfiguration(text, path, command) !== undefined, is, text);
});
