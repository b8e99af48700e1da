import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RestoreResult, SaveResult } from '../../src/cache/directory.ts';
import { renderRestore, renderSave } from '../../src/commands/cache.ts';
import { LayerwrightError, usageError } from '../../src/errors.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { layerwright } from './launch.ts';

const moved = {
  matchedKey: 'wheels-abc',
  ...{ bytesUploaded: 0, bytesDownloaded: 0, files: 1204, seconds: 1.94 },
  problem: undefined,
};
const save = (changes: Partial<SaveResult>, key = 'wheels-abc') =>
  renderSave({ key }, { ...moved, outcome: 'saved', skipped: 0, ...changes });
const restore = (changes: Partial<RestoreResult>, key = 'wheels-abc') =>
  renderRestore({ key }, { ...moved, outcome: 'hit', ...changes });

test('what a person reads of a restore', () => {
  assert.equal(
    restore({ bytesDownloaded: 182_000_000 }),
    'cache restore: hit wheels-abc (exact), 182.0 MB in 1.9 s, 1,204 files\n',
  );
  assert.equal(
    restore({ bytesDownloaded: 5_100, files: 1, seconds: 125 }, 'wheels-xyz'),
    'cache restore: hit wheels-abc (fallback for wheels-xyz), 5.1 kB in 2 min 05 s, 1 file\n',
  );
  assert.equal(restore({ outcome: 'miss', matchedKey: undefined }), 'cache restore: miss wheels-abc\n');
  const problem = usageError('STORE_UNAUTHORIZED', 's3://b: the store refuses (HTTP 403)', 'Log in.');
  assert.equal(
    restore({ outcome: 'unauthorized', matchedKey: undefined, problem }),
    'cache restore: not restored wheels-abc: s3://b: the store refuses (HTTP 403) [STORE_UNAUTHORIZED]\nhint: Log in.\n',
  );
  const corrupt = new LayerwrightError('the archive is damaged: x', { code: 'CACHE_CORRUPT', exit: 1 });
  assert.equal(
    restore({ outcome: 'corrupt', problem: corrupt }),
    'cache restore: corrupt wheels-abc, nothing restored: the archive is damaged: x [CACHE_CORRUPT]\n',
  );
});

test('what a person reads of a save', () => {
  assert.equal(
    save({ bytesUploaded: 182_000_000 }),
    'cache save: saved wheels-abc, 182.0 MB in 1.9 s, 1,204 files\n',
  );
  assert.equal(
    save({ outcome: 'unchanged', skipped: 2 }),
    'cache save: unchanged wheels-abc, nothing uploaded in 1.9 s, 1,204 files\n' +
      'cache save: left out what is no file, directory or link: 2\n',
  );
  const problem = new LayerwrightError('s3://b: connection refused', { code: 'STORE_UNREACHABLE', exit: 75 });
  assert.equal(
    save({ outcome: 'unreachable', problem, skipped: 2 }),
    'cache save: not saved wheels-abc: s3://b: connection refused [STORE_UNREACHABLE]\n',
  );
  assert.match(save({}, 'two\nlines'), /^cache save: saved "two\\nlines", /);
});

test('save and restore, with the exit codes that --strict asks for', async () => {
  await using directory = await temporaryDirectory();
  const at = (...names: string[]) => join(directory.path, ...names);
  await mkdir(at('tree'));
  await writeFile(at('tree', 'a'), 'content');
  await writeFile(at('file'), '');
  const cache = async (command: string, store: string, ...more: string[]) => {
    const { exitCode, stdout, stderr } = await layerwright(
      ['cache', command, '--store', store, '--key', 'k', ...more],
      { cwd: directory.path, env: { LAYERWRIGHT_CACHE_DIR: at('own') } },
    );
    return { exitCode, stdout, stderr };
  };
  const store = `file://${at('store')}`;
  const miss = await cache('restore', store, '--strict', '--fallback-key', 'x', 'out');
  assert.deepEqual(miss, { exitCode: 0, stdout: '', stderr: 'cache restore: miss k\n' });
  const saved = await cache('save', store, '--strict', 'tree');
  assert.deepEqual([saved.exitCode, saved.stdout], [0, '']);
  const hit = await cache('restore', store, '--strict', '--json', '--progress', 'quiet', 'out');
  assert.deepEqual([hit.exitCode, hit.stderr, JSON.parse(hit.stdout).outcome], [0, '', 'hit']);
  assert.equal(await readFile(at('out', 'a'), 'utf8'), 'content');

  await rm(at('store', 'v1', 'archives'), { recursive: true });
  assert.equal((await cache('restore', store, 'out')).exitCode, 0);
  const corrupt = await cache('restore', store, '--strict', '--json', '--progress', 'quiet', 'out');
  assert.equal(corrupt.exitCode, 1);
  assert.match(corrupt.stderr, /\[CACHE_CORRUPT\]/, 'what went wrong is told also if asked to be quiet');
  const record = JSON.parse(corrupt.stdout);
  assert.deepEqual(
    [record.schemaVersion, record.outcome, record.problem.code],
    [1, 'corrupt', 'CACHE_CORRUPT'],
  );
  for (const command of ['save', 'restore']) {
    const unusable = `file://${at('file')}`;
    assert.equal((await cache(command, unusable, 'tree')).exitCode, 0);
    assert.equal((await cache(command, unusable, '--strict', 'tree')).exitCode, 2);
  }
  assert.equal((await cache('save', store, 'missing')).exitCode, 0);
  assert.equal((await cache('save', store, '--strict', 'missing')).exitCode, 2);
});

test('a wrong call is an error with or without --strict', async () => {
  const refused = async (code: RegExp, ...args: string[]) => {
    const { exitCode, stderr } = await layerwright(['cache', ...args]);
    assert.equal(exitCode, 2, args.join(' '));
    assert.match(stderr, code);
  };
  await refused(
    /oci:\/\/\) are not in this version \[STORE_UNKNOWN\]\nhint: There are s3:\/\/BUCKET\/PREFIX and file/,
    'save',
    '--store',
    'oci://h/r',
    '--key',
    'k',
    '.',
  );
  await refused(/\[STORE_INVALID\]/, 'restore', '--store', 'bucket', '--key', 'k', '.');
  await refused(/\[KEY_INVALID\]/, 'restore', '--store', 'file:///x', '--key', '', '.');
  await refused(/\[FILE_UNUSABLE\]/, 'save', '--store', 'file:///x', '--key', 'k', process.execPath);
  await refused(/no store is named \[STORE_UNSET\]/, 'save', '--key', 'k', '.');
  await refused(/required option '--key <key>'/, 'save', '--store', 'file:///x', '.');
  await refused(/missing required argument 'directory'/, 'restore', '--store', 'file:///x', '--key', 'k');
});
