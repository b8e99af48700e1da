import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type FrozenInput, resolveFrozen } from '../../src/lock/frozen.ts';
import type { KnownFiles } from '../../src/lock/frozen-files.ts';
import { preferredWheel } from '../../src/lock/frozen-wheel.ts';
import type { InstalledDistribution } from '../../src/python/facts.ts';
import { DEFAULT_SELECTION } from '../../src/python/recognise/lock-selection.ts';
import { compatibleTags } from '../../src/python/wheel-tags.ts';
import { testHost } from '../support/host.ts';
import {
  fileName,
  type IndexWishes,
  type Projects,
  type Release,
  sha256,
  type TestIndex,
  testIndex,
} from './index-server.ts';
import { FACTS } from './support.ts';

const NATIVE = 'cp311-cp311-manylinux_2_17_x86_64';

const PROJECTS: Projects = {
  app: [
    { version: '1.0' },
    { version: '1.0', tags: NATIVE },
    { version: '1.0', tags: 'sdist' },
    { version: '2.0' },
  ],
  source: [{ version: '1.0', tags: 'sdist' }],
  yanked: [{ version: '1.0', tags: NATIVE, yanked: true }, { version: '1.0' }],
  gone: [{ version: '1.0', yanked: true }],
  newer: [{ version: '1.0', tags: NATIVE, python: '>=3.12' }, { version: '1.0' }],
};

async function indexOf(t: TestContext, wishes: IndexWishes = {}): Promise<TestIndex> {
  const index = await testIndex(PROJECTS, { metadata: true, ...wishes });
  t.after(() => index[Symbol.asyncDispose]());
  return index;
}

/** The hash of a file that the index has. */
function hashOf(index: TestIndex, name: string, release: Release): string {
  return `sha256:${sha256(index.files.get(fileName(name, release)) as Buffer)}`;
}

function input(more: Partial<FrozenInput>): FrozenInput {
  return {
    ...{
      tool: 'uv',
      selection: DEFAULT_SELECTION,
      own: 'editable',
      exact: false,
      freshness: 'frozen',
      facts: FACTS,
    },
    lock: { kind: 'uv', path: '/app/uv.lock', text: '' },
    project: { directory: '/app', text: '[project]\nname = "app"\nversion = "1"\n' },
    read: async () => undefined,
    indexes: { indexUrl: undefined, extraIndexUrls: [], trustedHosts: [] },
    ...more,
  };
}

function installed(
  list: Readonly<Record<string, string>>,
  more: Partial<InstalledDistribution> = {},
): readonly InstalledDistribution[] {
  return Object.entries(list).map(([name, version]) => ({
    ...{ name, version, metadata: `/site/${name}.dist-info`, removable: true, ...more },
  }));
}

function pipfileLock(
  url: string,
  packages: Readonly<Record<string, readonly string[]>>,
  version = '1.0',
): FrozenInput['lock'] {
  const entries = Object.entries(packages).map(([name, hashes]) => [
    name,
    { hashes, version: `==${version}` },
  ]);
  return {
    ...{ kind: 'pipenv', path: '/app/Pipfile.lock' },
    text: JSON.stringify({
      _meta: { 'pipfile-spec': 6, sources: [{ name: 'own', url }] },
      default: Object.fromEntries(entries),
    }),
  };
}

const WITH_PIPENV = { ...FACTS, installed: installed({ pipenv: '1' }) };

test('files that a lock names by hashes alone are found on its index', async (t) => {
  const index = await indexOf(t);
  const all = PROJECTS.app?.map((release) => hashOf(index, 'app', release)) ?? [];
  for (const [name, hashes, expected] of [
    ['app', all, `app-1.0-${NATIVE}.whl`],
    ['app', [all[0] as string], 'app-1.0-py3-none-any.whl'],
    ['app', [all[2] as string], 'app-1.0.tar.gz'],
    ['source', [hashOf(index, 'source', { version: '1.0', tags: 'sdist' })], 'source-1.0.tar.gz'],
    [
      'yanked',
      PROJECTS.yanked?.map((one) => hashOf(index, 'yanked', one)) ?? [],
      'yanked-1.0-py3-none-any.whl',
    ],
    ['gone', [hashOf(index, 'gone', { version: '1.0' })], 'gone-1.0-py3-none-any.whl'],
    ['newer', PROJECTS.newer?.map((one) => hashOf(index, 'newer', one)) ?? [], 'newer-1.0-py3-none-any.whl'],
  ] as const) {
    const lock = pipfileLock(index.url, { [name]: hashes });
    const result = await resolveFrozen(testHost(), input({ tool: 'pipenv', facts: WITH_PIPENV, lock }));
    assert.ok(!('reason' in result), 'reason' in result ? result.reason : '');
    const [one] = result.lock.distributions;
    const url = one?.wheel?.url ?? (one?.source?.kind === 'archive' ? one.source.url : '');
    assert.equal(url, `${index.url.replace('/simple', '/files')}/${expected}`, name);
    assert.equal(one?.requested, true);
  }
  const other = pipfileLock(index.url, { app: [`sha256:${'0'.repeat(64)}`] });
  const nothing = await resolveFrozen(testHost(), input({ tool: 'pipenv', facts: WITH_PIPENV, lock: other }));
  assert.match('reason' in nothing ? nothing.reason : '', /no file of app that the lock permits/);
});

test('an index is asked for what changed since the lock before, and for nothing else', async (t) => {
  const index = await indexOf(t);
  const all = PROJECTS.app?.map((release) => hashOf(index, 'app', release)) ?? [];
  const source = [hashOf(index, 'source', { version: '1.0', tags: 'sdist' })];
  const resolved = async (app: readonly string[], known?: KnownFiles) => {
    const lock = pipfileLock(index.url, { app, source });
    const result = await resolveFrozen(
      testHost(),
      input({ tool: 'pipenv', facts: WITH_PIPENV, lock }),
      known,
    );
    assert.ok(!('reason' in result), 'reason' in result ? result.reason : '');
    return result;
  };
  const first = await resolved(all);
  const known = new Map(
    first.lock.distributions.map((one) => [one.name, { ...one, asked: first.asked[one.name] ?? '' }]),
  );
  index.requests.length = 0;
  assert.deepEqual(await resolved(all.toReversed(), known), first);
  assert.deepEqual(index.requests, []);
  const changed = await resolved(all.slice(0, 1), known);
  assert.match(changed.lock.distributions[0]?.wheel?.filename ?? '', /none-any/);
  assert.equal(changed.asked.source, first.asked.source);
  assert.notEqual(changed.asked.app, first.asked.app);
  assert.equal(index.requests.length, 1);
  assert.match(index.requests[0] ?? '', /app/);
});

test('a login goes to the index that it is known for, and into nothing else', async (t) => {
  const index = await indexOf(t, { login: 'user:s3cret' });
  const lock = pipfileLock(index.url, { app: [hashOf(index, 'app', { version: '1.0' })] });
  const asked = { tool: 'pipenv', facts: WITH_PIPENV, lock } as const;
  await assert.rejects(resolveFrozen(testHost(), input(asked)), { code: 'INDEX_DENIED' });
  const indexes = {
    indexUrl: index.url.replace('://', '://user:s3cret@'),
    extraIndexUrls: [],
    trustedHosts: [],
  };
  const result = await resolveFrozen(testHost(), input({ ...asked, indexes }));
  assert.ok(!('reason' in result));
  assert.doesNotMatch(JSON.stringify(result), /s3cret/);
});

test('pip follows the needs of what a pylock.toml names: a lock that lacks one is left to it', async (t) => {
  const projects: Projects = { app: [{ version: '1.0', requires: ['lib>=1'] }], lib: [{ version: '1.0' }] };
  const index = await testIndex(projects, { metadata: true });
  t.after(() => index[Symbol.asyncDispose]());
  const entry = (name: string) => {
    const filename = fileName(name, { version: '1.0' });
    const hash = sha256(index.files.get(filename) as Buffer);
    const url = `${index.url.replace('/simple', '/files')}/${filename}`;
    return `[[packages]]\nname = "${name}"\nversion = "1.0"\nwheels = [{ url = "${url}", hashes = { sha256 = "${hash}" } }]\n`;
  };
  const resolve = (names: readonly string[], pip = '26.3', tool: FrozenInput['tool'] = 'pip') => {
    const text = `lock-version = "1.0"\ncreated-by = "x"\n${names.map(entry).join('')}`;
    const lock = { kind: 'pylock', path: '/app/pylock.toml', text } as const;
    return resolveFrozen(testHost(), input({ tool, lock, project: undefined, facts: { ...FACTS, pip } }));
  };
  assert.ok(!('reason' in (await resolve(['app', 'lib']))));
  const lacking = await resolve(['app']);
  assert.match('reason' in lacking ? lacking.reason : '', /lib is needed and not in the set/);
  assert.ok(!('reason' in (await resolve(['app'], '26.3', 'uv'))), 'uv installs what is there');
  const old = await resolve(['app', 'lib'], '26.0.1');
  assert.match('reason' in old ? old.reason : '', /pip 26\.0\.1 does not install/);
});

const UV_LOCK = `version = 1
requires-python = ">=3.11"
[[package]]
name = "app"
version = "1"
source = { virtual = "." }
dependencies = [{ name = "lib" }, { name = "git" }]
[[package]]
name = "lib"
version = "1.0"
source = { registry = "https://a.example/simple" }
sdist = { url = "https://a.example/lib-1.0.tar.gz", hash = "sha256:${'1'.repeat(64)}" }
[[package]]
name = "git"
version = "1.0"
source = { git = "https://a.example/git.git?tag=v1#${'a'.repeat(40)}" }
`;

async function changes(more: Partial<FrozenInput>, marks: Readonly<Record<string, string>> = {}) {
  const lock = { kind: 'uv', path: '/app/uv.lock', text: UV_LOCK } as const;
  const read = async (path: string) => marks[path];
  const result = await resolveFrozen(testHost(), input({ lock, read, ...more }));
  return 'reason' in result
    ? result.reason
    : Object.fromEntries(result.changes.map(({ name, action }) => [name, action]));
}

const GIT = `{"url":"https://a.example/git.git","vcs_info":{"vcs":"git","commit_id":"${'a'.repeat(40)}","requested_revision":"v1"}}`;

test('what is there stays if it is the same, from the same place', async () => {
  const was = (list: Readonly<Record<string, string>>) => ({
    facts: { ...FACTS, installed: installed(list) },
  });
  assert.deepEqual(await changes({}), { git: 'install', lib: 'install' });
  assert.deepEqual(await changes(was({ lib: '1.0.0' })), { git: 'install', lib: 'keep' });
  assert.deepEqual(await changes(was({ lib: '0.9' })), { git: 'install', lib: 'replace' });
  const address = {
    '/site/lib.dist-info/direct_url.json': '{"url":"https://b.example/lib.whl","archive_info":{}}',
  };
  assert.deepEqual(await changes(was({ lib: '1.0' }), address), { git: 'install', lib: 'replace' });
  const same = { '/site/git.dist-info/direct_url.json': GIT };
  assert.deepEqual(await changes(was({ git: '1.0' }), same), { git: 'keep', lib: 'install' });
  assert.match(String(await changes(was({ git: '1.0' }))), /comes from the same address is not certain/);
  const other = { '/site/git.dist-info/direct_url.json': GIT.replaceAll('aa', 'bb') };
  assert.match(String(await changes(was({ git: '1.0' }), other)), /is not certain/);
});

test('what the lock does not have goes, as far as the tool takes it away', async () => {
  const there = installed({ lib: '1.0', other: '2', pip: '24', setuptools: '65' });
  const exact = (more: Partial<FrozenInput['facts']>) => ({
    exact: true,
    facts: { ...FACTS, installed: there, ...more },
  });
  const kept = { git: 'install', lib: 'keep', other: 'remove' };
  const all = { ...kept, pip: 'remove', setuptools: 'remove' };
  assert.deepEqual(await changes(exact({})), kept);
  const venv = (settings: string) => changes(exact({ venv: '/v' }), { '/v/pyvenv.cfg': settings });
  assert.deepEqual(await venv('home = /usr\n'), kept);
  assert.deepEqual(await venv('home = /usr\nuv = 0.9.1\n'), all);
  assert.deepEqual(await venv('uv = 0.9.1\nseed = true\n'), kept);
  assert.match(
    String(await changes(exact({ venv: '/v' }))),
    /whether uv removes pip, setuptools is not certain/,
  );
  const newer = exact({ version: '3.12.1', cacheTag: 'cpython-312' });
  assert.deepEqual(await changes(newer), { ...kept, setuptools: 'remove' });
  const fixed = {
    exact: true,
    facts: { ...FACTS, installed: installed({ other: '2' }, { removable: false }) },
  };
  assert.match(String(await changes(fixed)), /whether other, which the lock does not have, is removed/);
});

test('an environment whose Python the project does not permit, and a project below a workspace, are left to uv', async () => {
  const manifest = (more: string) => `[project]\nname = "app"\nversion = "1"\n${more}`;
  const project = (more: string) => ({ project: { directory: '/app', text: manifest(more) } });
  assert.equal(typeof (await changes(project('requires-python = ">=3.11"\n'))), 'object');
  assert.match(
    String(await changes(project('requires-python = ">=3.12"\n'))),
    /the project wants Python >=3\.12, and the environment has 3\.11/,
  );
  const lock = { kind: 'uv', path: '/app/uv.lock', text: UV_LOCK.replace('>=3.11', '>=3.13') } as const;
  assert.match(String(await changes({ lock })), /wants Python >=3\.13/);
  const above = { '/pyproject.toml': '[tool.uv.workspace]\nmembers = ["app"]\n' };
  assert.match(String(await changes({}, above)), /a workspace that the project may be a member of/);
  assert.equal(typeof (await changes({}, { '/pyproject.toml': '[tool.uv]\n' })), 'object');
});

test('sources, and the marks that they leave', async () => {
  const lock = { kind: 'uv', path: '/app/uv.lock', text: UV_LOCK } as const;
  const result = await resolveFrozen(testHost(), input({ lock }));
  assert.ok(!('reason' in result));
  assert.deepEqual(result.lock.distributions, [
    {
      ...{ name: 'git', version: '1.0', wheel: undefined, requested: true, directUrl: GIT },
      source: {
        kind: 'git',
        url: 'https://a.example/git.git',
        revision: 'a'.repeat(40),
        subdirectory: undefined,
      },
    },
    {
      ...{ name: 'lib', version: '1.0', wheel: undefined, requested: true },
      source: {
        kind: 'archive',
        url: 'https://a.example/lib-1.0.tar.gz',
        sha256: '1'.repeat(64),
        subdirectory: undefined,
      },
    },
  ]);
});

test('what is not known of the image or the project is a reason', async () => {
  for (const [more, reason] of [
    [{ facts: { ...FACTS, externallyManaged: true } }, /externally managed/],
    [{ facts: { ...FACTS, architecture: 'riscv64' } }, /not a known platform/],
    [{ project: undefined }, /pyproject\.toml is not known/],
    [{ read: async (path: string) => (path === '/app/uv.toml' ? '' : undefined) }, /uv\.toml/],
    [
      { project: { directory: '/app', text: '[project]\nname = "app"\n[tool.uv]\nno-binary = true\n' } },
      /sets no-binary/,
    ],
    [
      { project: { directory: '/app', text: '[project]\nname = "other"\n' } },
      /does not have the project other/,
    ],
    [{ freshness: 'locked' }, /whether uv\.lock is up to date with app/],
  ] as const)
    assert.match(String(await changes(more as Partial<FrozenInput>)), reason);
});

test('poetry looks at the build of a wheel first, the others at its tags', () => {
  const tags = compatibleTags(FACTS) ?? [];
  const files = [
    'a-1-2-py3-none-any.whl',
    `a-1-1-${NATIVE}.whl`,
    `a-1-${NATIVE}.whl`,
    'a-1-3-py3-none-win32.whl',
  ].map((filename) => ({ filename }));
  assert.equal(
    (preferredWheel('poetry', files, tags) as { filename: string }).filename,
    'a-1-2-py3-none-any.whl',
  );
  assert.equal((preferredWheel('uv', files, tags) as { filename: string }).filename, `a-1-1-${NATIVE}.whl`);
  assert.equal(preferredWheel('poetry', [{ filename: 'a-1-py3-none-win32.whl' }], tags), undefined);
});
