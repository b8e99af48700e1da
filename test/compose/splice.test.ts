import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entriesBelow, isBelow } from '../../src/compose/paths-below.ts';
import { spliceTrouble } from '../../src/compose/splice.ts';
import type { PathEntry } from '../../src/image/path-entry.ts';
import { emptyIndex } from '../../src/image/path-index.ts';
import { withLayer } from '../../src/image/path-index-layer.ts';

function entry(path: string, rest: Partial<PathEntry> = {}): PathEntry {
  return { path, type: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0, link: '', ...rest };
}

const indexOf = (...entries: readonly PathEntry[]) => withLayer(emptyIndex(), entries);

const SOURCE = indexOf(
  entry('opt'),
  entry('opt/venv'),
  entry('opt/venv/pyvenv.cfg', { type: 'file' }),
  entry('opt/file', { type: 'file' }),
  entry('opt/link', { type: 'symlink', link: 'venv' }),
  entry('odd', { mode: 0o700 }),
  entry('odd/inner'),
  entry('srv', { uid: 7 }),
  entry('srv/app'),
);
const copy = (path: string, link = false) => [{ path, link }];

test('a directory that the target does not have, or has the same way', () => {
  const targets = [indexOf(), indexOf(entry('opt')), indexOf(entry('opt'), entry('opt/venv'))];
  for (const target of targets)
    for (const link of [false, true])
      assert.equal(spliceTrouble(SOURCE, target, copy('/opt/venv', link)), undefined);
});

test('what is no directory of the stage is not spliced', () => {
  assert.match(spliceTrouble(SOURCE, indexOf(), copy('/opt/none')) ?? '', /\/opt\/none is not in the stage/);
  assert.match(spliceTrouble(SOURCE, indexOf(), copy('/opt/file')) ?? '', /is a file, not a directory/);
  assert.match(spliceTrouble(SOURCE, indexOf(), copy('/opt/link')) ?? '', /is a symlink, not a directory/);
});

test('something else at the path, or above it, in the target', () => {
  const cases: readonly (readonly [PathEntry, RegExp])[] = [
    [entry('opt', { type: 'symlink', link: 'data/opt' }), /\/opt is a symlink in this stage/],
    [entry('opt', { type: 'file' }), /\/opt is a file in this stage/],
    [entry('opt/venv', { type: 'file' }), /\/opt\/venv is a file in this stage/],
    [entry('opt/venv', { type: 'symlink', link: '/x' }), /\/opt\/venv is a symlink in this stage/],
  ];
  for (const [there, reason] of cases)
    assert.match(spliceTrouble(SOURCE, indexOf(there), copy('/opt/venv')) ?? '', reason);
});

test('directories above keep the mode and owner of the target, which must be those of the layers', () => {
  const others = [entry('opt', { mode: 0o775 }), entry('opt', { uid: 1 }), entry('opt', { gid: 1 })];
  for (const other of others)
    for (const link of [false, true])
      assert.match(
        spliceTrouble(SOURCE, indexOf(other), copy('/opt/venv', link)) ?? '',
        /\/opt has another mode/,
      );
  const root = [entry('opt'), entry('opt/venv', { mode: 0o700 })];
  assert.match(
    spliceTrouble(SOURCE, indexOf(...root), copy('/opt/venv')) ?? '',
    /\/opt\/venv has another mode/,
  );
});

test("a directory above that COPY makes is 0755 and root's, not as in the stage", () => {
  assert.match(spliceTrouble(SOURCE, indexOf(), copy('/odd/inner')) ?? '', /\/odd has another mode/);
  assert.match(spliceTrouble(SOURCE, indexOf(), copy('/srv/app')) ?? '', /\/srv has another mode or owner/);
  const same = indexOf(entry('odd', { mode: 0o700 }));
  assert.equal(spliceTrouble(SOURCE, same, copy('/odd/inner')), undefined);
  assert.match(
    spliceTrouble(SOURCE, same, copy('/odd/inner', true)) ?? '',
    /\/odd has/,
    '--link makes them anew',
  );
});

test('one copy that does not fit is enough', () => {
  assert.equal(spliceTrouble(SOURCE, indexOf(), [...copy('/opt/venv'), ...copy('/odd')]), undefined);
  assert.match(spliceTrouble(SOURCE, indexOf(), [...copy('/opt/venv'), ...copy('/none')]) ?? '', /\/none/);
});

test('what is below a path', () => {
  assert.deepEqual([...entriesBelow(SOURCE, '/opt')].map(({ path }) => path).sort(), [
    'opt',
    'opt/file',
    'opt/link',
    'opt/venv',
    'opt/venv/pyvenv.cfg',
  ]);
  assert.deepEqual([...entriesBelow(SOURCE, '/none')], []);
  assert.ok(isBelow('opt/venv/x', ['/srv', '/opt/venv']) && isBelow('opt/venv', ['/opt/venv']));
  assert.ok(!isBelow('opt/venv2', ['/opt/venv']));
});
