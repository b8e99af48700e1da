import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasWildcard, pathMatcher } from '../../src/context/glob.ts';
import { belowRoot, cleanPath } from '../../src/context/go-path.ts';
import { parseIgnoreFile } from '../../src/context/ignore-file.ts';
import { compilePatterns, matchPath, mayReenter } from '../../src/context/patterns.ts';

/** Whether a list leaves out a path, walked down from the top as a context is read. */
function leavesOut(patterns: readonly string[], path: string): boolean {
  const list = compilePatterns(patterns);
  assert.ok('patterns' in list, JSON.stringify(list));
  const parts = path.split('/');
  let parent: readonly boolean[] | undefined;
  let matched = false;
  for (let count = 1; count <= parts.length; count++) {
    const result = matchPath(list, parts.slice(0, count).join('/'), parent);
    parent = result.matches;
    matched = result.matched;
  }
  return matched;
}

test('an ignore file: comments, byte order mark, line ends, white space, slashes', () => {
  const text = '\uFEFF# no\r\n  /a/./b/ \r\n\r\n! /c\n #no comment\n\t\n!\n./x/../y\n';
  assert.deepEqual(parseIgnoreFile(text), ['a/b', '!c', '#no comment', '!', 'y']);
  assert.deepEqual(parseIgnoreFile('a'), ['a']);
  assert.deepEqual(parseIgnoreFile(''), []);
  assert.equal(parseIgnoreFile(`${'x'.repeat(70_000)}\n`), undefined);
});

test('what a pattern leaves out', () => {
  const rows: readonly [readonly string[], string, boolean][] = [
    [['a'], 'a', true],
    [['a'], 'b/a', false],
    [['a'], 'a/b/c', true],
    [['**/a'], 'x/y/a', true],
    [['**/a'], 'a', true],
    [['a/**'], 'a', false],
    [['a/**'], 'a/b/c', true],
    [['*.log'], 'x.log', true],
    [['*.log'], 'd/x.log', false],
    [['**/*.log'], 'd/e/x.log', true],
    [['a?'], 'ab', true],
    [['a?'], 'a/', false],
    [['?'], '😀', true],
    [['[a-c]x'], 'bx', true],
    [['[^a]x'], 'ax', false],
    [['a.b'], 'axb', false],
    [['a+b*'], 'a+bc', true],
    [['*', '!keep'], 'keep', false],
    [['*', '!keep/deep'], 'keep/other', true],
    [['*', '!keep/deep'], 'keep/deep/x', false],
    [['!a', 'a'], 'a', true],
    [['a', '!a', 'a/b'], 'a/b', true],
    [['\\*'], '*', true],
    [['\\*'], 'x', false],
  ];
  for (const [patterns, path, expected] of rows)
    assert.equal(leavesOut(patterns, path), expected, `${patterns.join(' ')} on ${path}`);
});

test('patterns that are not surely understood are named', () => {
  for (const pattern of ['[a', '[!a]', 'a\\', 'a\\b', '!', '[b-a]', '[]', '[[:alpha:]]'])
    assert.deepEqual(compilePatterns(['fine', pattern]), { unsure: pattern });
});

test('a directory that is left out is read only if something in it may be let in again', () => {
  const list = compilePatterns(['*', '!a/b', '!c/*']);
  assert.ok('patterns' in list);
  assert.equal(mayReenter(list, 'a'), true);
  assert.equal(mayReenter(list, 'c'), true);
  assert.equal(mayReenter(list, 'node_modules'), false);
  const wild = compilePatterns(['*', '!**/x']);
  assert.ok('patterns' in wild);
  assert.equal(mayReenter(wild, 'node_modules'), true);
});

test('wildcards of a source do not cross a slash', () => {
  const matches = (pattern: string, path: string) => pathMatcher(pattern)?.(path);
  assert.equal(matches('*.py', 'a.py'), true);
  assert.equal(matches('*.py', 'd/a.py'), false);
  assert.equal(matches('**/a.py', 'd/a.py'), true);
  assert.equal(matches('**/a.py', 'd/e/a.py'), false);
  assert.equal(matches('a(b)?', 'a(b)c'), true);
  assert.equal(matches('[a', 'a'), undefined);
  assert.deepEqual(['a*', 'a?', '[a]', 'a\\*', 'a'].map(hasWildcard), [true, true, true, false, false]);
});

test('paths are cleaned as Go cleans them, and never lead above the root', () => {
  const rows = {
    '': '.',
    '/': '/',
    'a//b/': 'a/b',
    './a/../b': 'b',
    '../a': '../a',
    '/../a': '/a',
    'a/..': '.',
  };
  for (const [path, clean] of Object.entries(rows)) assert.equal(cleanPath(path), clean);
  assert.equal(belowRoot('../../etc/passwd'), 'etc/passwd');
  assert.equal(belowRoot('/.'), '');
});
