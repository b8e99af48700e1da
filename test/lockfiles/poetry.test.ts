import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseToml, type Table } from '../../src/lockfiles/documents.ts';
import {
  constraintAllows,
  constraintAllowsPython,
  parsePoetryConstraint,
} from '../../src/lockfiles/poetry-constraint.ts';
import { type PoetryLock, parsePoetryLock } from '../../src/lockfiles/poetry-lock.ts';
import { contentHashes } from '../../src/lockfiles/poetry-project.ts';
import { selectFromPoetryLock } from '../../src/lockfiles/poetry-select.ts';
import type { LockSelection } from '../../src/python/recognise/lock-selection.ts';
import { parseVersion, type Version } from '../../src/python/versions.ts';
import { environmentOf, pins, projectFile, selection } from './support.ts';

function selected(project: string, wishes: Partial<LockSelection>, python = '3.11.2'): string {
  const lock = parsePoetryLock(projectFile(`${project}/poetry.lock`)) as PoetryLock;
  const manifest = parseToml(projectFile(`${project}/pyproject.toml`)) as Table;
  return pins(
    selectFromPoetryLock({
      ...{ lock, manifest, root: '/app' },
      selection: selection(wishes),
      environment: environmentOf(python),
    }),
  );
}

test('both formats of lock lead to the same sets', () => {
  for (const wishes of [
    {},
    { extras: ['cache'] },
    { extras: 'all' as const, onlyGroups: ['main'] },
    { groups: 'all' as const, withoutGroups: ['dev'] },
    { onlyGroups: ['docs'] },
  ])
    for (const python of ['3.10.4', '3.11.2', '3.11.9', '3.12.1', '3.13.0'])
      assert.equal(
        selected('poetry-1', wishes, python),
        selected('poetry-2', wishes, python),
        JSON.stringify([wishes, python]),
      );
});

test('markers, groups and extras decide', () => {
  assert.match(selected('poetry-2', {}, '3.10.4'), /\bexceptiongroup==.*\bpytz==2023\.3 .*\btomli==/);
  assert.match(selected('poetry-2', { onlyGroups: ['main'] }, '3.12.1'), /\bpytz==(?!2023\.3)/);
  assert.doesNotMatch(selected('poetry-2', {}), /colorama|tomli|redis|psutil|markdown/);
  assert.match(selected('poetry-2', { extras: ['metrics'] }), /\bhiredis==.*\bpsutil==.*\bredis==/);
  assert.match(selected('poetry-2', { extras: ['metrics'] }), /\basync-timeout==/);
  assert.doesNotMatch(selected('poetry-2', { extras: ['metrics'] }, '3.11.9'), /async-timeout/);
  assert.equal(
    selected('poetry-2', { onlyGroups: ['docs'] }),
    'iniconfig==2.3.0 markdown-it-py==3.0.0 mdurl==0.1.2',
  );
  assert.match(selected('poetry-2', { withoutDirectories: true }), /^(?!.*helper)/);
});

test('what is asked for and not there, and another pyproject.toml, are reasons', () => {
  assert.match(selected('poetry-2', { extras: ['none'] }), /does not have the extra none/);
  assert.match(selected('poetry-1', { withoutGroups: ['none'] }), /does not have the group none/);
  assert.match(selected('poetry-2', {}, '3.9.1'), /is for Python/);
  const lock = parsePoetryLock(projectFile('poetry-2/poetry.lock')) as PoetryLock;
  const changed = projectFile('poetry-2/pyproject.toml').replace('click = "^8.1"', 'click = "^8.0"');
  const found = selectFromPoetryLock({
    ...{ lock, manifest: parseToml(changed) as Table, root: '/app' },
    ...{ selection: selection(), environment: environmentOf('3.11.2') },
  });
  assert.match(pins(found), /was not made for this pyproject\.toml/);
  const future = parsePoetryLock(
    projectFile('poetry-2/poetry.lock').replace('lock-version = "2.1"', 'lock-version = "2.2"'),
  );
  assert.match('reason' in future ? future.reason : '', /version 2\.2/);
});

test('the hash of the content is that of poetry, beyond ASCII and with groups of the standard', () => {
  const manifest = parseToml(`
[project]
name = "größe"
requires-python = ">=3.11"
dependencies = ["click (>=8.1)"]
[dependency-groups]
dev = ["pytest", "a ; extra == 'ü😀'"]
`) as Table;
  // From poetry 2.5, and from poetry 2.2, which leaves the groups out.
  assert.deepEqual(contentHashes(manifest), [
    '0f4c7c15a0ad33dedeb6d0db6f1c47c2fb8a0df1270bb7595b2374cac1dcec49',
    '56b23f76c173a9baf070f535e892fc2ae63b9c3e85d337e8895468a6fc366a11',
  ]);
});

test('constraints as poetry has them', () => {
  const allows = (constraint: string, version: string) =>
    constraintAllows(parsePoetryConstraint(constraint) ?? [], parseVersion(version) as Version);
  for (const [constraint, yes, no] of [
    ['^1.2.3', '1.9', '2.0'],
    ['^0.2.3', '0.2.9', '0.3.0'],
    ['^0.0.3', '0.0.3', '0.0.4'],
    ['^0', '0.9', '1.0'],
    ['~1.2.3', '1.2.9', '1.3'],
    ['~1.2', '1.2.9', '1.3'],
    ['~1', '1.9', '2.0'],
    ['~=1.4.2', '1.4.9', '1.5'],
    ['1.2.*', '1.2.7', '1.3'],
    ['1.2', '1.2', '1.2.1'],
    ['>=1,<2 || >=3', '3.5', '2.5'],
    ['>=1.0 <2', '1.5', '2.0'],
    ['!=1.5,>=1', '1.4', '1.5'],
    ['*', '0.1', ''],
  ] as const) {
    assert.equal(allows(constraint, yes), true, `${constraint} allows ${yes}`);
    if (no !== '') assert.equal(allows(constraint, no), false, `${constraint} does not allow ${no}`);
  }
  assert.equal(parsePoetryConstraint('latest'), undefined);
  const python = (constraint: string, version: string) =>
    constraintAllowsPython(parsePoetryConstraint(constraint) ?? [], version);
  assert.equal(python('<=3.10', '3.10.7'), true);
  assert.equal(python('<3.11', '3.11.2'), false);
  assert.equal(python('>=3.11.3', '3.11.2'), false);
  assert.equal(python('^3.10', '3.12.0'), true);
});
