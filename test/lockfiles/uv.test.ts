import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseToml, type Table, type Unclear } from '../../src/lockfiles/documents.ts';
import { sameMarker, samePythons } from '../../src/lockfiles/marker-equal.ts';
import { uvFreshnessProblem } from '../../src/lockfiles/uv-freshness.ts';
import { parseUvLock, type UvLock } from '../../src/lockfiles/uv-lock.ts';
import { selectFromUvLock, type UvRequest } from '../../src/lockfiles/uv-select.ts';
import type { LockSelection } from '../../src/python/recognise/lock-selection.ts';
import { environmentOf, pins, projectFile, selection } from './support.ts';

const DIRECTORIES: Readonly<Record<string, readonly string[]>> = {
  'uv-workspace': ['', '/packages/core', '/packages/tools', '/vendor/helper'],
  'uv-forks': [''],
};

function manifestsOf(project: string): Map<string, Table> {
  return new Map(
    (DIRECTORIES[project] ?? []).map((at) => [
      `/app${at}`,
      parseToml(projectFile(`${project}${at}/pyproject.toml`)) as Table,
    ]),
  );
}

function lockOf(text: string): UvLock {
  const lock = parseUvLock(text);
  assert.ok(!('reason' in lock), JSON.stringify(lock));
  return lock;
}

type Wishes = Partial<LockSelection> & Partial<Pick<UvRequest, 'own' | 'project'>>;

function selected(project: string, wishes: Wishes = {}, python = '3.11.2', architecture = 'amd64'): string {
  const { own = 'editable', project: directory = '/app', ...rest } = wishes;
  return pins(
    selectFromUvLock({
      ...{ lock: lockOf(projectFile(`${project}/uv.lock`)), root: '/app', project: directory, own },
      ...{ manifests: manifestsOf(project), selection: selection(rest) },
      environment: environmentOf(python, architecture),
    }),
  );
}

test('the walk goes from the project along fulfilled markers, extras and groups', () => {
  assert.match(
    selected('uv-workspace'),
    /\bcore==1\.0 helper==1\.0 .*pytest==.*pytz==2023\.3 .*shop-app==0\.3\.0 /,
  );
  assert.doesNotMatch(selected('uv-workspace'), /colorama|tomli|redis|psutil|markdown|rich|tools/);
  assert.match(selected('uv-workspace', {}, '3.12.4'), /\bpytz==(?!2023\.3)/);
  assert.match(selected('uv-workspace', {}, '3.10.4'), /\bexceptiongroup==.*\btomli==/);
  const metrics = selected('uv-workspace', { extras: ['metrics'] }, '3.11.1');
  assert.match(metrics, /\basync-timeout==.*\bhiredis==.*\bpsutil==.*\bredis==/);
  assert.equal(
    selected('uv-workspace', { extras: 'all', withoutExtras: ['metrics'] }).includes('psutil'),
    false,
  );
  assert.equal(selected('uv-workspace', { onlyGroups: ['lint'] }), 'six==1.17.0');
  assert.equal(selected('uv-forks', { defaultGroups: false }), 'six==1.17.0 typing-extensions==4.16.0');
  assert.equal(selected('uv-forks', { defaultGroups: false }, '3.11.2', 'arm64'), 'six==1.17.0');
});

test('members of a workspace', () => {
  const tools = selected('uv-workspace', { packages: ['tools'] });
  assert.match(tools, /^core==1\.0 .*\brich==.*\btools==1\.0\b/);
  assert.equal(selected('uv-workspace', { project: '/app/packages/tools' }), tools);
  assert.match(selected('uv-workspace', { packages: 'all' }), /\brich==.*\bshop-app==.*\btools==/);
  const without = { own: 'none', withoutMembers: true, withoutDirectories: false } as const;
  assert.match(
    selected('uv-workspace', without),
    /^(?!.*\b(?:core|shop-app)==).*\bhelper==.*\btyping-extensions==/,
  );
  const local = selected('uv-workspace', { own: 'none', withoutDirectories: true, withoutMembers: false });
  assert.doesNotMatch(local, /core|helper|shop-app/);
  assert.match(
    selected('uv-workspace', { own: 'none' }),
    /whether core, which is a directory too, is installed/,
  );
  assert.match(selected('uv-workspace', { packages: ['pytest'] }), /as a member of the workspace/);
});

test('conflicting extras choose among several versions', () => {
  assert.match(selected('uv-forks', { extras: ['old'] }), /\bmarkupsafe==2\.1\.5\b/);
  assert.match(selected('uv-forks', { extras: ['new'] }), /\bmarkupsafe==3\.0\.2 .*\btoolz==/);
  assert.match(selected('uv-forks', { extras: 'all' }), /in conflict/);
});

const CONFLICTS = `
version = 1
revision = 3
requires-python = ">=3.11"
conflicts = [[{ package = "app", extra = "cpu" }, { package = "app", extra = "gpu" }]]
[[package]]
name = "app"
version = "1"
source = { virtual = "." }
dependencies = [{ name = "between" }]
[package.optional-dependencies]
cpu = [{ name = "backend", version = "1.0", source = { registry = "https://pypi.org/simple" } }]
gpu = [{ name = "backend", version = "2.0", source = { registry = "https://pypi.org/simple" } }]
[[package]]
name = "between"
version = "1"
source = { registry = "https://pypi.org/simple" }
sdist = { url = "https://a.example/b.tar.gz", hash = "sha256:${'1'.repeat(64)}" }
dependencies = [
  { name = "backend", version = "1.0", source = { registry = "https://pypi.org/simple" }, marker = "extra == 'extra-3-app-cpu'" },
  { name = "backend", version = "2.0", source = { registry = "https://pypi.org/simple" }, marker = "extra == 'extra-3-app-gpu' or extra != 'extra-3-app-cpu'" },
]
${['1.0', '2.0']
  .map(
    (version) => `[[package]]
name = "backend"
version = "${version}"
source = { registry = "https://pypi.org/simple" }
sdist = { url = "https://a.example/c-${version}.tar.gz", hash = "sha256:${'2'.repeat(64)}" }`,
  )
  .join('\n')}
`;

test("uv's own names of conflicting items decide about needs further on", () => {
  const choose = (extras: readonly string[]) =>
    pins(
      selectFromUvLock({
        ...{ lock: lockOf(CONFLICTS), root: '/app', project: '/app', own: 'editable' },
        manifests: new Map([['/app', { project: { name: 'app', version: '1' } }]]),
        ...{ selection: selection({ extras }), environment: environmentOf('3.11.2') },
      }),
    );
  assert.equal(choose(['cpu']), 'backend==1.0 between==1');
  assert.equal(choose(['gpu']), 'backend==2.0 between==1');
  assert.equal(choose([]), 'backend==2.0 between==1');
});

test('what is not sure is a reason', () => {
  const with_ = (change: (text: string) => string): string => {
    const lock = parseUvLock(change(projectFile('uv-forks/uv.lock')));
    if ('reason' in lock) return lock.reason;
    return pins(
      selectFromUvLock({
        ...{ lock, root: '/app', project: '/app', own: 'editable', manifests: manifestsOf('uv-forks') },
        ...{ selection: selection(), environment: environmentOf('3.11.2') },
      }),
    );
  };
  for (const [change, reason] of [
    [(text: string) => text.replace('version = 1', 'version = 2'), /version 2, not 1/],
    [(text: string) => text.replace(/revision = \d+/, 'revision = 99'), /revision 99/],
    [
      (text: string) => text.replace('requires-python = ">=3.10, <3.14"', 'requires-python = ">=3.12"'),
      /for Python >=3\.12/,
    ],
    [
      (text: string) => text.replaceAll("sys_platform == 'linux'", "sys_platform == 'win32'"),
      /other environments/,
    ],
    [(text: string) => text.replaceAll('sha256:', 'sha512:'), /no SHA-256/],
    [
      (text: string) =>
        text.replace(
          "marker = \"python_full_version < '3.12' and platform_machine == 'x86_64'\"",
          `marker = "platform_release >= '6'"`,
        ),
      /is not known/,
    ],
    [(text: string) => `[${text}`, /no TOML/],
  ] as const)
    assert.match(with_(change), reason);
  assert.match(selected('uv-forks', { extras: ['none'] }), /does not have the extra none/);
  assert.match(selected('uv-forks', { groups: ['none'] }), /does not have the dependency group none/);
  assert.match(selected('uv-forks', { withoutGroups: ['dev'] }), /pluggy/);
  assert.match(selected('uv-forks', {}, '3.9.2'), /for Python/);
});

function freshness(
  project: string,
  change: (text: string) => string,
  at = '',
  indexes = ['https://pypi.org/simple'],
): Unclear | undefined {
  const manifests = manifestsOf(project);
  const text = projectFile(`${project}${at}/pyproject.toml`);
  const changed = change(text);
  manifests.set(`/app${at}`, parseToml(changed) as Table);
  return uvFreshnessProblem({
    lock: lockOf(projectFile(`${project}/uv.lock`)),
    root: '/app',
    manifests,
    indexes,
  });
}

test('a lock is up to date with its own project, however that is written', () => {
  for (const [project, change] of [
    ['uv-workspace', (text: string) => text],
    ['uv-forks', (text: string) => text],
    ['uv-workspace', (text: string) => text.replace('"click>=8.1"', '"Click >= 8.1"')],
    ['uv-workspace', (text: string) => text.replace("python_version < '3.11'", "python_full_version<'3.11'")],
    ['uv-workspace', (text: string) => text.replace("sys_platform == 'win32'", "'win32' == sys_platform")],
    ['uv-forks', (text: string) => text.replace('>=3.10, <3.14', '<3.14,>=3.10')],
    ['uv-forks', (text: string) => text.replace('["pluggy<1.6"]', '["pluggy <1.6"]')],
  ] as const)
    assert.deepEqual(freshness(project, change), undefined);
});

test('every change that uv would lock again for is seen', () => {
  for (const [project, from, to] of [
    ['uv-workspace', '"click>=8.1"', '"click>=8.2"'],
    ['uv-workspace', '"click>=8.1",', ''],
    ['uv-workspace', '"click>=8.1",', '"click>=8.1", "rich",'],
    ['uv-workspace', 'requests[socks]', 'requests'],
    ['uv-workspace', "python_version < '3.11'", "python_version < '3.12'"],
    ['uv-workspace', 'version = "0.3.0"', 'version = "0.3.1"'],
    ['uv-workspace', '"psutil", ', ''],
    ['uv-workspace', 'lint = ["six"]', 'lint = ["six", "rich"]'],
    ['uv-workspace', '{ include-group = "lint" }', '"rich"'],
    ['uv-workspace', 'requires-python = ">=3.10"', 'requires-python = ">=3.11"'],
    ['uv-workspace', '{ path = "vendor/helper" }', '{ path = "vendor/helper", editable = true }'],
    ['uv-workspace', '[build-system]', '[other]'],
    ['uv-workspace', 'metrics = [', 'more = []\nmetrics = ['],
    ['uv-forks', 'pluggy<1.6', 'pluggy<1.7'],
    ['uv-forks', `, "sys_platform == 'darwin'"`, ''],
    ['uv-forks', '{ extra = "old" }', '{ extra = "plain" }'],
    ['uv-forks', 'default-groups = ["test"]', 'default-groups = ["dev"]'],
    ['uv-forks', '[tool.uv]', '[tool.uv]\nresolution = "lowest"'],
    ['uv-forks', '[tool.uv]', '[tool.uv]\noverride-dependencies = ["six"]'],
    ['uv-forks', '[tool.uv]', '[tool.uv]\nindex = [{ url = "https://a.example/simple", default = true }]'],
    ['uv-forks', '[project]', '[project]\ndynamic = ["dependencies"]'],
    ['uv-forks', '[tool.uv]', '[tool.uv.sources]\nsix = { index = "other" }\n[tool.uv]'],
  ] as const) {
    const found = freshness(project, (text) => {
      assert.ok(text.includes(from), `${project} has ${from}`);
      return text.replace(from, to);
    });
    assert.match(found?.reason ?? 'nothing', /is not certain/, `${from} -> ${to}`);
  }
  assert.ok(freshness('uv-workspace', (text) => text.replace('"rich>=13"', '"rich>=14"'), '/packages/tools'));
  assert.ok(freshness('uv-forks', (text) => text, '', ['https://a.example/simple']));
});

test('markers are the same if they are the same everywhere', () => {
  for (const [a, b, python, same] of [
    ["python_version < '3.11'", "python_full_version < '3.11'", undefined, true],
    ["python_version >= '3.9' and os_name == 'nt'", "os_name == 'nt'", '>=3.10', true],
    ["python_version >= '3.9' and os_name == 'nt'", "os_name == 'nt'", '>=3.8', false],
    ["python_version == '3.11'", "python_full_version == '3.11.*'", undefined, true],
    ["python_version > '3.11'", "python_full_version >= '3.12'", undefined, true],
    ["sys_platform != 'win32'", "sys_platform == 'linux'", undefined, false],
    [
      "(extra == 'a') and sys_platform == 'linux'",
      "sys_platform == 'linux' and extra == 'a'",
      undefined,
      true,
    ],
    ["extra == 'a'", "extra == 'b'", undefined, false],
    ['', "python_version >= '3'", '>=3.8', true],
    ["python_full_version < '3.11.3'", "python_version < '3.12'", undefined, false],
    ["sys_platform in 'linux darwin'", "sys_platform == 'linux'", undefined, false],
    ["platform_release > '6'", "platform_release >= '6'", undefined, false],
    ['nonsense', 'else', undefined, false],
  ] as const)
    assert.equal(sameMarker(a, b, python), same, `${a} | ${b} | ${python}`);
  assert.equal(samePythons('>=3.11', '>=3.11,>=3.10'), true);
  assert.equal(samePythons('>=3.11', '>=3.11.1'), false);
  assert.equal(samePythons('~=3.11', '>=3.11,<4'), true);
});
