import assert from 'node:assert/strict';
import { test } from 'node:test';
import { launcherNames, launchersOf, parseEntryPoints, pythonLines } from '../../src/python/entry-points.ts';
import { hasPlaceholder, shebangOf, withInterpreter } from '../../src/python/launcher.ts';
import type { WheelFacts } from '../../src/python/lock.ts';
import { installedRows, parseRecord, recordText } from '../../src/python/record.ts';
import { refusalOf } from '../../src/python/wheel-error.ts';
import { parseHeaders } from '../../src/python/wheel-metadata.ts';
import { placedPaths, pythonOfScheme } from '../../src/python/wheel-placement.ts';

const refuse = refusalOf('demo 1.0');
const SCHEME = {
  ...{ purelib: '/usr/lib/python3.11/site-packages', platlib: '/usr/lib64/python3.11/site-packages' },
  ...{ headers: '/usr/include/python3.11', scripts: '/usr/bin', data: '/usr' },
};

test('headers are read as mails are: folded, repeated, until the first empty line', () => {
  const fields = parseHeaders('Name: a\r\nX-Y:  b\r\n  c\nx-y: d\nEmpty:\n\nName: text\n');
  assert.deepEqual(Object.fromEntries(fields), { name: ['a'], 'x-y': ['b\n  c', 'd'], empty: [''] });
});

test('lines end where Python ends them', () => {
  assert.deepEqual(pythonLines('a\r\nb\rc\u2028d\x0ce\n'), ['a', 'b', 'c', 'd', 'e']);
  assert.deepEqual(pythonLines('a\n\nb'), ['a', '', 'b']);
  assert.deepEqual(pythonLines(''), []);
});

test('entry points that pip refuses, or reads in ways of its own, are refused', () => {
  const launchers = (text: string) =>
    launchersOf(parseEntryPoints(`[console_scripts]\n${text}`, refuse), '3.11', refuse);
  assert.deepEqual(launchers('a.b-c+d = m.n:C.run [x]'), [
    { name: 'a.b-c+d', module: 'm.n', object: 'C.run' },
  ]);
  for (const wrong of [
    'a',
    'a = m',
    'a = m:',
    'a = m:f:g',
    'a = m : f',
    'a b = m:f',
    '../a = m:f',
    'a/b = m:f',
    'a = m:f x',
    'a = m:f []',
    ' = m:f',
    '.. = m:f',
    'a = m:f;import os',
    'a = m-n:f',
  ])
    assert.throws(() => launchers(wrong), { code: 'WHEEL_INVALID' }, wrong);
  assert.deepEqual(launchers('# a comment\n\n[other]\nnot read here = x\n'), []);
});

test('only pip and easy_install have names by version', () => {
  const names = (list: readonly string[]) => launcherNames(list, '3.12', refuse);
  assert.deepEqual(names(['pipx', 'pip3', 'run']), ['pipx', 'pip3', 'run']);
  assert.deepEqual(names(['pip', 'pip3', 'pip3.9', 'pip-x']), ['pip', 'pip3', 'pip3.12', 'pip-x']);
  assert.deepEqual(names(['easy_install', 'easy_install-3.9', 'x']), [
    'easy_install',
    'easy_install-3.12',
    'x',
  ]);
  assert.throws(() => launcherNames(['pip'], undefined, refuse), { code: 'WHEEL_INVALID' });
  assert.deepEqual(launcherNames(['run'], undefined, refuse), ['run']);
});

test('the minor version is read from the directories', () => {
  assert.equal(pythonOfScheme(SCHEME), '3.11');
  assert.equal(pythonOfScheme({ ...SCHEME, purelib: '/usr/lib/python3/dist-packages' }), '3.11');
  assert.equal(pythonOfScheme({ ...SCHEME, purelib: '/opt/lib', platlib: '/opt/lib' }), undefined);
});

test('a shebang is plain up to 127 bytes without a space, else the shell starts the interpreter', () => {
  assert.equal(shebangOf('/usr/bin/python3'), '#!/usr/bin/python3\n');
  const longest = `/${'x'.repeat(123)}`;
  assert.equal(shebangOf(longest), `#!${longest}\n`);
  assert.match(shebangOf(`${longest}x`), /^#!\/bin\/sh\n'''exec' \/x+ "\$0" "\$@"\n' '''\n$/);
  assert.match(shebangOf(`/${'ä'.repeat(62)}`), /^#!\/bin\/sh\n/, 'bytes count');
  assert.match(shebangOf('/a b/python'), /^#!\/bin\/sh\n'''exec' "\/a b\/python" "\$0"/);
});

test('the placeholder of scripts is any first line that begins with #!python', () => {
  const changed = (text: string) => withInterpreter(Buffer.from(text), '/p').toString();
  assert.ok(hasPlaceholder(Buffer.from('#!python3 -E\n')) && hasPlaceholder(Buffer.from('#!pythonw')));
  assert.ok(!hasPlaceholder(Buffer.from('#!/usr/bin/python')) && !hasPlaceholder(Buffer.from('#!pyth')));
  assert.equal(changed('#!pythonw -E\r\nx\r\n'), '#!/p\nx\r\n');
  assert.equal(changed('#!python'), '#!/p\n');
});

test('RECORD: quoted fields, short and long lines, and back as Python writes them', () => {
  const rows = parseRecord('a,sha256=x,1\r\n"b, ""c""",,\n\nd\ne,h,2,more\n', refuse);
  assert.deepEqual(rows, [
    ['a', 'sha256=x', '1'],
    ['b, "c"', '', ''],
    ['d', '', ''],
    ['e', 'h', '2'],
  ]);
  assert.equal(
    recordText([...rows, ['\u{1f40d}', '', ''], ['\uffee', '', ''], ['a', '', '']]),
    'a,,\r\na,sha256=x,1\r\n"b, ""c""",,\r\nd,,\r\ne,h,2\r\n\uffee,,\r\n\u{1f40d},,\r\n',
  );
  assert.throws(() => parseRecord('"open,,\n', refuse), { code: 'WHEEL_INVALID' });
});

test('RECORD after installing: places are new, what changed has new hashes, what is not listed has none', () => {
  const file = { hash: 'sha256=new', size: 9 };
  const rows = installedRows(
    [
      ['x.data/scripts/s', 'sha256=old', '5'],
      ['m.py', 'sha256=m', '1'],
      ['gone', 'sha256=g', '2'],
    ],
    {
      moved: new Map([
        ['x.data/scripts/s', '../bin/s'],
        ['m.py', 'm.py'],
        ['unlisted', 'unlisted'],
      ]),
      changed: new Map([['../bin/s', file]]),
      compiled: ['__pycache__/m.pyc'],
      generated: [{ path: '../bin/run', file }],
    },
  );
  assert.deepEqual(rows, [
    ['../bin/s', 'sha256=new', '9'],
    ['m.py', 'sha256=m', '1'],
    ['gone', 'sha256=g', '2'],
    ['../bin/run', 'sha256=new', '9'],
    ['unlisted', '', ''],
    ['__pycache__/m.pyc', '', ''],
  ]);
});

test('the paths of a wheel in a scheme', () => {
  const facts: WheelFacts = {
    ...{ sha256: '', name: 'some-demo', version: '1.0', bytes: 0, purelib: false },
    paths: [
      'some_demo-1.0.data/headers/d.h',
      'some_demo-1.0.data/purelib/p.py',
      'some_demo-1.0.data/data/lib64/python3.11/site-packages/m.py',
      'some_demo-1.0.data/scripts/run',
      'some_demo-1.0.data/scripts/tool',
      'some_demo-1.0.dist-info/METADATA',
      'm.py',
    ],
    scripts: ['run'],
    ...{ requiresDist: [], requiresPython: undefined, extras: [] },
  };
  assert.deepEqual(placedPaths(facts, SCHEME), [
    'usr/bin/run',
    'usr/bin/tool',
    'usr/include/python3.11/some-demo/d.h',
    'usr/lib/python3.11/site-packages/p.py',
    'usr/lib64/python3.11/site-packages/m.py',
    'usr/lib64/python3.11/site-packages/some_demo-1.0.dist-info/INSTALLER',
    'usr/lib64/python3.11/site-packages/some_demo-1.0.dist-info/METADATA',
    'usr/lib64/python3.11/site-packages/some_demo-1.0.dist-info/RECORD',
    'usr/lib64/python3.11/site-packages/some_demo-1.0.dist-info/REQUESTED',
  ]);
});
