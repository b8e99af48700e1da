import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, type TestContext, test } from 'node:test';
import { LayerwrightError } from '../../src/errors.ts';
import { run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import type { LockInput, NotLocked, ResolvedLock } from '../../src/lock/lock-input.ts';
import { resolveLock } from '../../src/lock/resolve.ts';
import { testHost } from '../support/host.ts';
import { closedAddress } from '../support/http-server.ts';
import { type IndexWishes, type Projects, testIndex } from './index-server.ts';
import { lockInput } from './support.ts';

/** The version of the machine's own Python and pip: what pip says is said by them. */
let python = '';
let pip = '';

before(async () => {
  const asked = await run([
    'python3',
    '-c',
    'import platform, pip; print(platform.python_version(), pip.__version__)',
  ]);
  [python = '', pip = ''] = asked.stdout.trim().split(' ');
});

const minor = () => python.split('.')[1] as string;

function projects(): Projects {
  const native = (libc: string) => `cp3${minor()}-cp3${minor()}-manylinux_${libc}_x86_64`;
  return {
    app: [
      {
        version: '1.0',
        requires: ['lib>=1,<3', 'tool>=1; extra == "dev"', 'win; sys_platform == "win32"'],
        extras: ['dev'],
      },
    ],
    lib: [{ version: '1.0' }, { version: '2.0' }, { version: '2.5b1' }, { version: '3.0' }],
    tool: [{ version: '1.0' }, { version: '1.1', yanked: true }],
    young: [{ version: '1.0' }, { version: '2.0', python: '>=4' }],
    native: [
      { version: '1.0' },
      { version: '1.0', tags: native('2_17') },
      { version: '1.0', tags: `cp38-abi3-manylinux_2_17_x86_64` },
      { version: '2.0', tags: native('2_99') },
    ],
    mixed: [{ version: '1.0' }, { version: '2.0', tags: 'sdist' }],
    held: [{ version: '1.0', requires: ['mixed<2'] }],
    source: [{ version: '1.0', tags: 'sdist' }],
    only: [{ version: '1.0a1' }, { version: '1.0a2' }],
    beta: [{ version: '1.0', requires: ['lib>=2.5b1,<3'] }],
    betas: [{ version: '1.0', requires: ['lib>=1.0b1,<3'] }],
    clash: [{ version: '1.0', requires: ['lib<2'] }],
  };
}

async function resolve(
  t: TestContext,
  requirements: string,
  more: Parameters<typeof lockInput>[1] & { readonly index?: IndexWishes; readonly login?: string } = {},
) {
  const index = await testIndex(projects(), { metadata: true, ...more.index });
  t.after(() => index[Symbol.asyncDispose]());
  const indexUrl = more.login ? index.url.replace('://', `://${more.login}@`) : index.url;
  const input = lockInput(requirements, {
    ...more,
    options: { indexUrl, ...more.options },
    facts: { version: python, pip, cacheTag: `cpython-3${minor()}`, ...more.facts },
  });
  const host = await cleanHost(t);
  return { index, input, host, result: await resolveLock(host, input) };
}

/** uv's cache is not shared with anything: indexes of other tests had the same port. */
async function cleanHost(t: TestContext) {
  const directory = await temporaryDirectory();
  t.after(() => directory[Symbol.asyncDispose]());
  return testHost({
    env: {
      ...process.env,
      XDG_CACHE_HOME: directory.path,
      PATH: `${await uvDirectory()}:${process.env.PATH}`,
    },
  });
}

async function uvDirectory(): Promise<string> {
  const { ensureUv } = await import('../../src/engine/install.ts');
  const { silentSteps } = await import('../../src/host/steps.ts');
  const { dirname } = await import('node:path');
  return dirname((await ensureUv(testHost(), silentSteps)).path);
}

function versions(result: ResolvedLock | NotLocked): Record<string, string> {
  assert.ok(!('reason' in result), 'reason' in result ? result.reason : '');
  return Object.fromEntries(result.lock.distributions.map(({ name, version }) => [name, version]));
}

/** What pip itself would install from that index. */
async function pipVersions(
  t: TestContext,
  input: LockInput,
  requirements: string,
): Promise<Record<string, string>> {
  const directory = await temporaryDirectory();
  t.after(() => directory[Symbol.asyncDispose]());
  const file = join(directory.path, 'requirements.txt');
  const report = join(directory.path, 'report.json');
  await writeFile(file, requirements);
  const { options } = input;
  const result = await run(
    [
      ...[
        'python3',
        '-m',
        'pip',
        'install',
        '--dry-run',
        '--ignore-installed',
        '--quiet',
        '--report',
        report,
      ],
      ...['--index-url', options.indexUrl as string, '--no-cache-dir', '-r', file],
      ...(options.pre ? ['--pre'] : []),
      ...(options.noDeps ? ['--no-deps'] : []),
      ...(options.onlyBinary.length > 0 ? ['--only-binary', options.onlyBinary.join(',')] : []),
    ],
    {
      env: {
        PATH: process.env.PATH,
        HOME: directory.path,
        PIP_CONFIG_FILE: '/dev/null',
        PYENV_ROOT: process.env.PYENV_ROOT,
      },
    },
  );
  assert.equal(result.exitCode, 0, result.stderr);
  const read = JSON.parse(await readFile(report, 'utf8')) as {
    install: { metadata: { name: string; version: string }; download_info: { url: string } }[];
  };
  return Object.fromEntries(read.install.map(({ metadata }) => [metadata.name, metadata.version]));
}

test('a lock holds what pip would install', async (t) => {
  for (const [requirements, options] of [
    ['app', {}],
    ['app[dev]\nlib<2', {}],
    ['app', { noDeps: true }],
    ['app\nlib', { pre: true }],
    ['lib>=2.5b1', {}],
    ['beta', {}],
    ['only', {}],
    ['young', {}],
    ['native', {}],
    ['tool', {}],
    ['tool==1.1', {}],
    ['mixed', { onlyBinary: [':all:'] }],
    ['held', {}],
    ['app ; python_version < "3"\nlib', {}],
  ] as const) {
    const { result, input } = await resolve(t, requirements, { options });
    assert.deepEqual(versions(result), await pipVersions(t, input, requirements), requirements);
  }
});

test('the best wheel for the image is chosen, and what the step names is marked', async (t) => {
  const { result, index } = await resolve(t, 'native\napp');
  assert.ok(!('reason' in result));
  const [app, lib, native] = result.lock.distributions;
  assert.match(native?.wheel?.filename ?? '', new RegExp(`cp3${minor()}-cp3${minor()}-manylinux_2_17`));
  assert.ok(native?.wheel?.url.startsWith(index.url.replace('/simple', '/files/')));
  assert.deepEqual([app?.requested, lib?.requested, native?.requested], [true, false, true]);
  const musl = await resolve(t, 'native', { facts: { libc: { kind: 'musl', version: '1.2' } } });
  assert.ok(!('reason' in musl.result));
  assert.equal(musl.result.lock.distributions[0]?.wheel?.filename, 'native-1.0-py3-none-any.whl');
});

test('what pip would build, or might see otherwise, is left to it', async (t) => {
  for (const [requirements, reason] of [
    ['source', /wheels/],
    ['mixed', /mixed 2\.0/],
    ['betas', /lib 2\.5b1/],
    [`app==1.0 --hash=sha256:${'0'.repeat(64)}`, /hash/],
  ] as const) {
    const { result } = await resolve(t, requirements);
    assert.ok('reason' in result, requirements);
    assert.match(result.reason, reason);
  }
  const { result } = await resolve(t, 'lib', { facts: { externallyManaged: true } });
  assert.match('reason' in result ? result.reason : '', /externally managed/);
});

test('what is installed and good enough stays, as pip has it', async (t) => {
  const kept = await resolve(t, 'app', { installed: { lib: '1.0', other: '9' } });
  assert.ok(!('reason' in kept.result));
  assert.deepEqual(
    kept.result.changes.map(({ name, action }) => [name, action]),
    [
      ['app', 'install'],
      ['lib', 'keep'],
    ],
  );
  const replaced = await resolve(t, 'app', { installed: { lib: '3.0' } });
  assert.deepEqual(versions(replaced.result), { app: '1.0', lib: '2.0' });
  assert.deepEqual(
    'changes' in replaced.result &&
      replaced.result.changes.map(({ action, installed }) => [action, installed?.version]),
    [
      ['install', undefined],
      ['replace', '3.0'],
    ],
  );
  const upgraded = await resolve(t, 'app\nlib', { installed: { lib: '1.0' }, options: { upgrade: true } });
  assert.deepEqual(versions(upgraded.result), { app: '1.0', lib: '2.0' });
  const needed = await resolve(t, 'app', { installed: { lib: '1.0' }, options: { upgrade: true } });
  assert.deepEqual(versions(needed.result), { app: '1.0', lib: '1.0' });
  const gone = await resolve(t, 'app', { installed: { lib: '1.5' } });
  assert.match('reason' in gone.result ? gone.result.reason : '', /whether pip keeps .* lib 1\.5/);
});

test("requirements that contradict each other are an error in the resolver's words", async (t) => {
  await assert.rejects(resolve(t, 'clash\nlib>=2'), (error) => {
    assert.ok(error instanceof LayerwrightError);
    assert.deepEqual([error.code, error.exit], ['LOCK_UNSATISFIABLE', 1]);
    assert.match(error.detail ?? '', /clash depend on lib<2/);
    return true;
  });
  await assert.rejects(resolve(t, 'not-there-at-all'), { code: 'LOCK_UNSATISFIABLE' });
});

test('an index that is away is temporary, one that wants a login is not', async (t) => {
  const down = { options: { indexUrl: `http://${await closedAddress()}/simple` } };
  await assert.rejects(resolve(t, 'lib', down), { code: 'INDEX_UNREACHABLE', exit: 75 });
  const index = { login: 'user:s3cret' };
  await assert.rejects(resolve(t, 'lib', { index }), { code: 'INDEX_DENIED', exit: 2 });
  await assert.rejects(resolve(t, 'lib', { index, login: 'user:wr0ng' }), (error) => {
    assert.ok(error instanceof LayerwrightError);
    assert.doesNotMatch(JSON.stringify({ ...error, message: error.message }), /wr0ng/);
    return error.code === 'INDEX_DENIED';
  });
  const { result } = await resolve(t, 'lib', { index, login: 'user:s3cret' });
  assert.deepEqual(versions(result), { lib: '3.0' });
  assert.doesNotMatch(JSON.stringify(result), /s3cret/);
});

test('no login of the machine goes to an index', async (t) => {
  const directory = await temporaryDirectory();
  t.after(() => directory[Symbol.asyncDispose]());
  const netrc = join(directory.path, '.netrc');
  await writeFile(netrc, 'machine 127.0.0.1 login user password s3cret\n', { mode: 0o600 });
  await using index = await testIndex(projects(), { login: 'user:s3cret' });
  const seen: (string | undefined)[] = [];
  index.intercept = (request) => {
    seen.push(request.headers.authorization);
    return false;
  };
  const host = await cleanHost(t);
  const env = { ...host.env, HOME: directory.path, NETRC: netrc };
  const input = lockInput('lib', { options: { indexUrl: index.url } });
  await assert.rejects(resolveLock({ ...host, env }, input), { code: 'INDEX_DENIED' });
  assert.ok(seen.length > 1 && seen.every((login) => login === undefined));
});

test("neither the user's nor the project's configuration of uv and pip matters", async (t) => {
  const directory = await temporaryDirectory();
  t.after(() => directory[Symbol.asyncDispose]());
  const wrong = `http://${await closedAddress()}/simple`;
  await mkdir(join(directory.path, '.config', 'uv'), { recursive: true });
  for (const path of ['uv.toml', '.config/uv/uv.toml'])
    await writeFile(join(directory.path, path), `[[index]]\nurl = "${wrong}"\ndefault = true\n`);
  await writeFile(
    join(directory.path, 'pyproject.toml'),
    '[tool.uv]\noverride-dependencies = ["lib==1.0"]\n',
  );
  const { host, input } = await resolve(t, 'lib');
  const env = {
    ...host.env,
    ...{
      HOME: directory.path,
      UV_DEFAULT_INDEX: wrong,
      UV_OFFLINE: '1',
      PIP_INDEX_URL: wrong,
      UV_CONSTRAINT: '/none',
    },
  };
  assert.deepEqual(versions(await resolveLock({ ...host, cwd: directory.path, env }, input)), { lib: '3.0' });
});
