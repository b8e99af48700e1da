import assert from 'node:assert/strict';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { directoriesMatching, filesMatching, patternToRegExp } from '../../../src/ci/run/glob.ts';
import { hashFiles } from '../../../src/ci/run/hash-files.ts';
import { projectOf } from '../../commands/launch.ts';

// Build specification reference, artifacts/files and artifacts/exclude-paths: what * and ** match.
test('a star stays within a name, two stars cross directories', () => {
  const cases: readonly [pattern: string, matches: readonly string[], others: readonly string[]][] = [
    ['**/*', ['a', 'a/b', '.a/.b'], []],
    ['*', ['a', '.a'], ['a/b']],
    ['sub/*', ['sub/a'], ['sub/a/b', 'a']],
    ['sub/**/*', ['sub/a', 'sub/a/b'], ['a', 'subs/a']],
    ['**/*.py', ['a.py', 'a/b.py'], ['a.pyc', 'a.py/c']],
    ['**/.*', ['.a', 'a/.b'], ['a', '.a/b']],
    ['**/.*/**/*', ['.a/b', 'x/.a/b/c'], ['.a', 'a/b']],
    ['a?c', ['abc'], ['ac', 'a/c', 'abbc']],
    ['[ab].txt', ['a.txt'], ['c.txt']],
    ['[!ab].txt', ['c.txt'], ['a.txt']],
    ['*.{js,css}', ['a.js', 'a.css'], ['a.html', 'a.js,css']],
    ['./a+b(1).txt', ['a+b(1).txt'], ['aab1.txt']],
  ];
  for (const [pattern, matches, others] of cases) {
    for (const path of matches) assert.ok(patternToRegExp(pattern).test(path), `${pattern} ${path}`);
    for (const path of others) assert.ok(!patternToRegExp(pattern).test(path), `${pattern} not ${path}`);
  }
});

test('files are found once and sorted; links to files count, links to directories are not entered', async () => {
  await using project = await projectOf({ 'b.txt': '', 'a/b.txt': '', 'a/c/d.txt': '', '.dot': '' });
  await symlink('b.txt', join(project.path, 'link.txt'));
  await symlink('nothing', join(project.path, 'broken.txt'));
  await symlink('a', join(project.path, 'way'));
  const find = (...patterns: string[]) => filesMatching(project.path, patterns);
  assert.deepEqual(await find('**/*.txt', 'b.txt'), ['a/b.txt', 'a/c/d.txt', 'b.txt', 'link.txt']);
  assert.deepEqual(await find('**/*'), ['.dot', 'a/b.txt', 'a/c/d.txt', 'b.txt', 'link.txt']);
  assert.deepEqual(await find('way/*'), ['way/b.txt']);
  assert.deepEqual(await find('nothing', 'a', 'nowhere/**/*'), []);
  assert.deepEqual(await filesMatching(project.path, ['**/*'], [join(project.path, 'a')]), [
    '.dot',
    'b.txt',
    'link.txt',
  ]);
});

test('directories are found by name or pattern', async () => {
  await using project = await projectOf({
    'my-build1/a': '',
    'my-build2/b': '',
    'other/c': '',
    'my-file': '',
  });
  await mkdir(join(project.path, 'other', 'my-build3'));
  assert.deepEqual(await directoriesMatching(project.path, 'my-*'), ['my-build1', 'my-build2']);
  assert.deepEqual(await directoriesMatching(project.path, 'other'), ['other']);
  assert.deepEqual(await directoriesMatching(project.path, 'my-file'), []);
  assert.deepEqual(await directoriesMatching(project.path, 'other/*'), ['other/my-build3']);
});

// AWS CodeBuild User Guide, "Amazon S3 caching", codebuild-hash-files.
test('one hash stands for the content of all files', async () => {
  await using project = await projectOf({ 'a.txt': '1', 'b/c.txt': '2' });
  const hash = (...patterns: string[]) => hashFiles(project.path, patterns);
  const before = await hash('**/*.txt');
  assert.match(before ?? '', /^[0-9a-f]{64}$/);
  assert.equal(await hash('b/c.txt', 'a.txt'), before);
  assert.notEqual(await hash('a.txt'), before);
  await project.write({ 'b/c.txt': '3' });
  assert.notEqual(await hash('**/*.txt'), before);
  assert.equal(await hash('nothing'), undefined);
});
