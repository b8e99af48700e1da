import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_PIP_SETTINGS } from '../../../src/python/recognise/pip-arguments.ts';
import { collectRequirements } from '../../../src/python/requirements/requirement-collect.ts';
import { parseDirect } from '../../../src/python/requirements/requirement-direct.ts';

const SHA = 'ab'.repeat(32);

test('addresses and paths are told apart', () => {
  const sources: readonly [string, object][] = [
    [
      'a @ https://h.example/a-1.0-py3-none-any.whl',
      { kind: 'wheel', url: 'https://h.example/a-1.0-py3-none-any.whl', sha256: undefined },
    ],
    [
      `https://h.example/x/a_b-1.0-py3-none-any.whl#sha256=${SHA.toUpperCase()}`,
      { kind: 'wheel', url: 'https://h.example/x/a_b-1.0-py3-none-any.whl', sha256: SHA },
    ],
    [
      'https://h.example/a.tar.gz#egg=a&subdirectory=s/t',
      { kind: 'archive', url: 'https://h.example/a.tar.gz', sha256: undefined, subdirectory: 's/t' },
    ],
    [
      'git+https://h.example/a/b.git@v1.0',
      { kind: 'git', url: 'https://h.example/a/b.git', revision: 'v1.0', subdirectory: undefined },
    ],
    [
      'git+https://h.example/a/b',
      { kind: 'git', url: 'https://h.example/a/b', revision: undefined, subdirectory: undefined },
    ],
    [
      'a @ git+https://h.example/a/b@feature/x#subdirectory=s',
      { kind: 'git', url: 'https://h.example/a/b', revision: 'feature/x', subdirectory: 's' },
    ],
    ['.', { kind: 'directory', path: '/app', editable: false }],
    ['./lib/', { kind: 'directory', path: '/app/lib', editable: false }],
    ['../b[x]', { kind: 'directory', path: '/b', editable: false }],
    ['file:///src/a', { kind: 'directory', path: '/src/a', editable: false }],
    ['a @ file:///w/a-1-py3-none-any.whl', { kind: 'file', path: '/w/a-1-py3-none-any.whl', pattern: false }],
    ['a-1.0.tar.gz', { kind: 'file', path: '/app/a-1.0.tar.gz', pattern: false }],
  ];
  for (const [text, source] of sources) {
    const parsed = parseDirect(text, '/app');
    assert.ok(parsed !== undefined && !('reason' in parsed), text);
    assert.deepEqual(parsed.source, source, text);
  }
  for (const text of ['requests', 'requests>=2', 'uvicorn[standard]', 'a ; python_version < "3.9"'])
    assert.equal(parseDirect(text, '/app'), undefined, text);
});

test('names, extras and markers are taken from where they stand', () => {
  const parsed = parseDirect('A_b[X, y] @ https://h.example/a.zip ; python_version < "3.9"', '/app');
  assert.ok(parsed !== undefined && !('reason' in parsed));
  assert.deepEqual(
    [parsed.name, parsed.extras, parsed.markerText],
    ['a-b', ['x', 'y'], 'python_version < "3.9"'],
  );
  const egg = parseDirect('git+https://h.example/r#egg=A.b[z]', '/app');
  assert.ok(egg !== undefined && !('reason' in egg));
  assert.deepEqual([egg.name, egg.extras], ['a-b', ['z']]);
});

test('what needs a login or is not understood is refused, and no login is shown', () => {
  for (const text of [
    'git+https://token@h.example/a',
    'https://user:secret@h.example/a.whl',
    'git+ssh://git@h.example/a',
    'svn+https://h.example/a',
    'http://h.example/a.whl',
    'git+https://h.example/a@',
    'https://h.example/a.whl#md5=x',
    'https://h.example/a.zip#subdirectory=../x',
    'a[b] @ ./x[c]',
    './a b',
    'a @ https://h.example/a.zip ; nonsense',
  ]) {
    const parsed = parseDirect(text, '/app');
    assert.ok(parsed !== undefined && 'reason' in parsed, text);
    assert.doesNotMatch(parsed.reason, /secret|token/, text);
  }
});

const FILES: Readonly<Record<string, string>> = {
  'r.txt': '-e ./lib[x]\na==1\nb @ https://h.example/b.whl --hash=sha256:00\n./c.whl\n',
  '/app/pyproject.toml': `[project]
name = "app"
dependencies = ["d>=1"]
optional-dependencies.Web_x = ["e"]
[dependency-groups]
Dev = ["f", { include-group = "base" }]
base = ["g ; python_version > '3'"]
loop = [{ include-group = "loop" }]
odd = [{ other = "x" }]
`,
  '/dyn/pyproject.toml': '[project]\nname = "x"\ndynamic = ["dependencies"]\n',
  '/self/pyproject.toml': '[project]\nname = "x"\noptional-dependencies.all = ["x[a]"]\n',
  '/uv/pyproject.toml':
    '[project]\nname = "x"\ndependencies = ["y"]\n[tool.uv.sources]\ny = { path = "y" }\n',
};

const collect = (sources: Partial<Parameters<typeof collectRequirements>[0]>) =>
  collectRequirements({ inline: [], settings: DEFAULT_PIP_SETTINGS, env: {}, ...sources }, async (path) => {
    const text = FILES[path];
    return text === undefined ? undefined : Buffer.from(text);
  });

test('a requirements file may name addresses and paths where they are taken', async () => {
  const settings = { ...DEFAULT_PIP_SETTINGS, requirementFiles: ['r.txt'] };
  assert.match(String(((await collect({ settings })) as { reason?: string }).reason), /--editable|r\.txt:1/);
  const found = await collect({ settings, direct: { workdir: '/app' }, inline: ['git+https://h.example/z'] });
  assert.ok(!('reason' in found));
  assert.deepEqual(
    found.direct.map(({ source, from, extras }) => [source.kind, from, extras]),
    [
      ['git', 'inline', []],
      ['directory', 'r.txt:1', ['x']],
      ['wheel', 'r.txt:3', []],
      ['file', 'r.txt:4', []],
    ],
  );
  const [, editable, wheel] = found.direct;
  assert.deepEqual(editable?.source, { kind: 'directory', path: '/app/lib', editable: true });
  assert.deepEqual(wheel?.hashes, ['sha256:00']);
  assert.deepEqual(
    found.requirements.map(({ name }) => name),
    ['a'],
  );
});

test('groups and projects are put in where they are asked for', async () => {
  const path = '/app/pyproject.toml';
  const found = await collect({
    groups: [{ path, name: 'dev' }],
    dependenciesOf: [{ path, extras: ['web-x'] }],
  });
  assert.ok(!('reason' in found));
  assert.deepEqual(
    found.requirements.map(({ name }) => name),
    ['d', 'e', 'f', 'g'],
  );
  assert.deepEqual(found.files, [path]);
});

test('groups and projects that are not surely understood are refused', async () => {
  const group = (name: string) => ({ groups: [{ path: '/app/pyproject.toml', name }] });
  const of = (path: string, extras: readonly string[] | 'all' = []) => ({
    dependenciesOf: [{ path, extras }],
  });
  for (const [sources, expected] of [
    [group('loop'), /includes itself/],
    [group('odd'), /not understood/],
    [group('none'), /not one dependency group/],
    [of('/dyn/pyproject.toml'), /only when it is built/],
    [of('/app/pyproject.toml', ['no']), /no extra/],
    [of('/self/pyproject.toml', 'all'), /names itself/],
    [{ ...of('/uv/pyproject.toml'), tool: 'uv' as const }, /sources/],
  ] as const) {
    const found = await collect(sources);
    assert.ok('reason' in found);
    assert.match(found.reason, expected);
  }
  assert.ok(!('reason' in (await collect(of('/uv/pyproject.toml')))));
  await assert.rejects(collect(of('/none/pyproject.toml')), { code: 'REQUIREMENT_FILE_MISSING' });
});
