import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunStep } from '../../../src/python/recognise/recognise.ts';
import type { RunMount } from '../../../src/python/recognise/recognise-around.ts';
import { described, recognised } from '../recognise-describe.ts';

const mount = (type: string, target: string, more: Partial<RunMount> = {}): RunMount => ({
  ...{ type, target, source: '', from: undefined },
  ...more,
});
const withMounts = (...mounts: RunMount[]): Partial<RunStep> => ({ mounts });

test('secrets are told by what they are to the step', () => {
  const { secrets } = recognised(
    'uv sync --frozen',
    withMounts(
      mount('secret', '/root/.netrc', { id: 'netrc' }),
      mount('secret', '', { id: 'token', env: 'UV_INDEX_INTERNAL_PASSWORD', required: true }),
      mount('secret', '/etc/pip.conf', { id: '', source: 'pipconf' }),
      mount('secret', '', { id: 'plain' }),
    ),
  );
  assert.deepEqual(secrets, [
    { id: 'netrc', target: '/root/.netrc', env: undefined, required: false },
    { id: 'token', target: undefined, env: 'UV_INDEX_INTERNAL_PASSWORD', required: true },
    { id: 'pipconf', target: '/etc/pip.conf', env: undefined, required: false },
    { id: 'plain', target: '/run/secrets/plain', env: undefined, required: false },
  ]);
  assert.match(described('pip install a', withMounts(mount('secret', '/root/.netrc'))), /^! a secret mount/);
});

test('what would be written into a mount is left to BuildKit', () => {
  const context = withMounts(mount('bind', '/app'), mount('cache', '/root/.cache/uv'));
  for (const command of ['uv sync --frozen', 'uv venv', 'pip install --target /app/lib a', 'pip wheel a'])
    assert.match(described(command, context), /lies in a mount/, command);
  const files = withMounts(
    mount('bind', 'uv.lock', { source: 'uv.lock' }),
    mount('bind', 'pyproject.toml', { source: 'pyproject.toml' }),
  );
  assert.match(described('uv sync --frozen --no-install-project', files), /^uv sync/);
  assert.match(described('pip install -r r.txt', context), /^pip by pip/);
  assert.match(described('pip wheel -w /wheels a', withMounts(mount('cache', '/root/.cache'))), /^wheels/);
  assert.match(described('. .venv/bin/activate && pip install a', context), /lies in a mount/);
});

test('a mount that leaves files behind, or brings a key, is a reason', () => {
  assert.match(described('uv sync', withMounts(mount('cache', '/app/.venv'))), /^! /);
  assert.match(described('pip install a', withMounts(mount('ssh', ''))), /ssh/);
  assert.match(described('pip install a', withMounts(mount('tmpfs', '/usr'))), /tmpfs/);
  assert.match(described('pip install a', withMounts(mount('tmpfs', '/tmp'))), /^pip/);
});

test('variables that hold caches make mounts and removals harmless', () => {
  const env = { POETRY_CACHE_DIR: '/tmp/poetry_cache', POETRY_VIRTUALENVS_CREATE: 'false' };
  const cached = { env, ...withMounts(mount('cache', '/tmp/poetry_cache')) };
  assert.match(described('poetry install --no-root', cached), /^poetry install/);
  assert.match(described('poetry install --no-root && rm -rf $POETRY_CACHE_DIR', { env }), /^poetry install/);
  assert.match(described('pip install a && rm -rf /tmp/poetry_cache/x', { env }), /^! it runs rm/);
  assert.match(described('pip install a && rm -rf /root/.cache/pypoetry /root/.cache/uv'), /^pip/);
});

test('a tool that is mounted from an image, as the documentation of uv has it', () => {
  const uv = mount('bind', '/bin/uv', { source: '/uv', from: 'ghcr.io/astral-sh/uv:0.9' });
  const { binds, steps } = recognised('uv sync --frozen', withMounts(uv));
  assert.deepEqual(binds, [{ target: '/bin/uv', source: '/uv', from: 'ghcr.io/astral-sh/uv:0.9' }]);
  assert.equal(steps.length, 1);
});

test('variables that move what is installed are refused, before the command too', () => {
  for (const name of ['DEB_PYTHON_INSTALL_LAYOUT', '_PIP_USE_IMPORTLIB_METADATA', 'PYC_INVALIDATION_MODE']) {
    assert.match(described('pip install a', { env: { [name]: '1' } }), new RegExp(`^! ${name}`));
    assert.match(described(`${name}=1 pip install a`), new RegExp(`^! the variable ${name}`));
    assert.match(described(`export ${name}=1; pip install a`), new RegExp(`^! the variable ${name}`));
  }
  assert.match(described('XDG_CONFIG_HOME=/x pip install a'), /^! XDG_CONFIG_HOME/);
  assert.match(described(['cd', '/x']), /^! /);
});
