import assert from 'node:assert/strict';
import {
  chmod,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { STAGING_PREFIX } from '../../src/cache/archive-write.ts';
import { restoreDirectory, saveDirectory } from '../../src/cache/directory.ts';
import { readManifest, writeManifest } from '../../src/cache/directory-manifest.ts';
import { keepOthers } from '../../src/cache/directory-merge.ts';
import { stage } from '../../src/cache/directory-place.ts';
import { archiveName, referenceName } from '../../src/cache/store/keys.ts';
import { openStore } from '../../src/cache/store/open.ts';
import { run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import type { Host } from '../../src/host/host.ts';
import { testHost } from '../support/host.ts';
import { listing, nastyTree } from './tree.ts';

/** A machine with a store and an own cache directory. */
async function machine(t: TestContext) {
  const directory = await temporaryDirectory('lw-cache-');
  t.after(async () => {
    await run(['chmod', '-R', 'u+rwx', directory.path]);
    await directory[Symbol.asyncDispose]();
  });
  const at = (...names: string[]) => join(directory.path, ...names);
  const host = testHost({ env: { LAYERWRIGHT_CACHE_DIR: at('own') }, cwd: directory.path });
  const store = `file://${at('store')}`;
  return {
    ...{ at, host, store },
    save: (key: string, name: string, on: Host = host) => saveDirectory(on, { store, key, directory: name }),
    restore: (key: string, name: string, fallbackKeys: readonly string[] = [], on: Host = host) =>
      restoreDirectory(on, { store, key, fallbackKeys, directory: name }),
    /** Makes files in a directory; a name that ends with `/` is an empty directory. */
    async write(name: string, files: Readonly<Record<string, string>>) {
      await mkdir(at(name), { recursive: true });
      for (const [path, content] of Object.entries(files)) {
        await mkdir(join(at(name, path), path.endsWith('/') ? '.' : '..'), { recursive: true });
        if (!path.endsWith('/')) await writeFile(at(name, path), content);
      }
    },
    archives: async () =>
      (await readdir(at('store', 'v1', 'archives'), { recursive: true })).filter((name) =>
        name.endsWith('.zst'),
      ),
    /** The archive that a key leads to. */
    async archive(key: string) {
      const manifest = await readManifest(await openStore(host, store), key, () => {});
      assert.ok(manifest);
      return at('store', archiveName(manifest.sha256));
    },
  };
}

/** Nothing of a restore is left beside a directory, nor in it. */
async function assertNothingLeft(directory: string): Promise<void> {
  const names = await readdir(directory, { recursive: true });
  assert.deepEqual(
    names.filter((name) => name.includes(STAGING_PREFIX)),
    [],
  );
}

test('saved and restored, a tree is what it was', async (t) => {
  const { at, save, restore } = await machine(t);
  await mkdir(at('tree'));
  await nastyTree(at('tree'));
  await chmod(at('tree'), 0o750);
  const saved = await save('k', 'tree');
  assert.deepEqual([saved.outcome, saved.matchedKey, saved.problem], ['saved', 'k', undefined]);
  assert.ok(saved.bytesUploaded > 1000 && saved.files > 20);
  const restored = await restore('k', 'new/one');
  assert.deepEqual([restored.outcome, restored.matchedKey, restored.files], ['hit', 'k', saved.files]);
  assert.equal(restored.bytesDownloaded, saved.bytesUploaded);
  assert.deepEqual(await listing(at('new/one')), await listing(at('tree')));
  assert.equal((await stat(at('new/one'))).mode & 0o777, 0o750);
  await assertNothingLeft(at());
  const again = await save('k', 'new/one');
  assert.deepEqual(
    [again.outcome, again.bytesUploaded],
    ['unchanged', 0],
    'what was restored is not saved again',
  );
});

test('the same content under another key sends no archive; other content under the same key replaces it', async (t) => {
  const { save, restore, write, archives, at } = await machine(t);
  await write('tree', { a: 'one', 'b/c': 'two' });
  const first = await save('one', 'tree');
  const second = await save('two', 'tree');
  assert.equal(second.outcome, 'saved');
  assert.ok(second.bytesUploaded < first.bytesUploaded && second.bytesUploaded < 400);
  assert.equal((await archives()).length, 1);
  await write('tree', { a: 'other' });
  assert.equal((await save('one', 'tree')).outcome, 'saved');
  assert.equal((await archives()).length, 2);
  await restore('one', 'r1');
  await restore('two', 'r2');
  assert.equal(await readFile(at('r1/a'), 'utf8'), 'other');
  assert.equal(await readFile(at('r2/a'), 'utf8'), 'one');
});

test('fallback keys: the key itself, then the newest that starts with the first, then with the second', async (t) => {
  const { at, save, restore, write, store } = await machine(t);
  await write('old', { name: 'old' });
  await write('new', { name: 'new' });
  await write('other', { name: 'other' });
  const on = (time: string) =>
    testHost({ env: { LAYERWRIGHT_CACHE_DIR: at('own') }, cwd: at(), now: new Date(time) });
  await save('wheels-main-2', 'new', on('2026-01-02T00:00:00Z'));
  await save('wheels-main-1', 'old', on('2026-01-01T00:00:00Z'));
  await save('wheels/other', 'other', on('2026-01-03T00:00:00Z'));
  const found = async (key: string, ...fallbackKeys: string[]) => {
    const { outcome, matchedKey } = await restore(key, 'r', fallbackKeys);
    return outcome === 'hit' ? `${matchedKey} ${await readFile(at('r/name'), 'utf8')}` : outcome;
  };
  assert.equal(await found('wheels-main-1', 'wheels'), 'wheels-main-1 old');
  // Written within one second: the manifests know which is newer.
  assert.equal(await found('wheels-main-3', 'wheels-main-', 'wheels'), 'wheels-main-2 new');
  assert.equal(await found('x', 'y', 'wheels/', 'wheels-'), 'wheels/other other');
  assert.equal(await found('x', 'wheels'), 'wheels/other other');
  assert.equal(await found('x', 'y', 'main'), 'miss');
  assert.equal(await found('x'), 'miss');
  // Written at another time: the store knows.
  const opened = await openStore(testHost(), store);
  const manifest = await readManifest(opened, 'wheels-main-1', () => {});
  assert.ok(manifest);
  await utimes(at('store', referenceName('wheels/other')), 1e9, 1e9);
  assert.equal(await found('x', 'wheels'), 'wheels-main-2 new');
  // Names of long keys are cut: they lead to the same place, and only the manifest knows the key.
  const long = 'ä'.repeat(90);
  await writeManifest(opened, { ...manifest, key: `${long}1` }, () => {});
  assert.equal(await found('x', `${long}1`), `${long}1 old`);
  assert.equal(await found('x', `${long}2`), 'miss');
});

test('what is in the directory stays, what is in the archive wins', async (t) => {
  const { at, host, save, restore, write } = await machine(t);
  await write('tree', {
    'both/new': 'new',
    'both/same': 'new',
    file: 'new',
    'was a file/x': 'new',
    'was a link/x': 'new',
  });
  await writeFile(at('tree/was a directory'), 'new');
  await chmod(at('tree/both'), 0o700);
  await save('k', 'tree');
  await write('outside', { x: 'untouched' });
  for (const way of ['exchanged', 'merged']) {
    await write(way, {
      'both/old': 'old',
      'both/same': 'old',
      'own/deep/x': 'old',
      'was a directory/x': 'old',
    });
    await writeFile(at(way, 'was a file'), 'old');
    await symlink(at('outside'), at(way, 'was a link'));
    await symlink('nowhere', at(way, 'own/link'));
    await utimes(at(way, 'own/deep'), 1e9, 1e9);
    await chmod(at(way), 0o711);
    const inode = (await stat(at(way))).ino;
    // A directory that somebody is in cannot be exchanged for another.
    const on = way === 'merged' ? { ...host, cwd: at(way) } : host;
    const result = await restore('k', at(way), [], on);
    assert.equal(result.outcome, 'hit', result.problem?.message);
    const now = await stat(at(way));
    assert.equal(now.ino === inode, way === 'merged');
    assert.equal(now.mode & 0o777, 0o711, 'its own mode stays');
    const lines = (await listing(at(way))).map((line) => line.replace(/^(\S) (\S+) \d+ /, '$1 $2 '));
    assert.deepEqual(
      lines.map((line) => line.replace(/ [0-9a-f]{12}$/, '')),
      [
        'd 700 /both ',
        'f 644 /both/new 3',
        'f 644 /both/old 3',
        'f 644 /both/same 3',
        'f 644 /file 3',
        'd 755 /own ',
        'd 755 /own/deep ',
        'f 644 /own/deep/x 3',
        'l 777 /own/link nowhere',
        'f 644 /was a directory 3',
        'd 755 /was a file ',
        'f 644 /was a file/x 3',
        'd 755 /was a link ',
        'f 644 /was a link/x 3',
      ],
    );
    assert.equal(await readFile(at(way, 'both/same'), 'utf8'), 'new');
    assert.equal(await readFile(at(way, 'both/old'), 'utf8'), 'old');
    assert.equal((await stat(at(way, 'own/deep'))).mtimeMs, 1e12);
    const milliseconds = async (path: string) => Math.floor((await stat(path)).mtimeMs);
    assert.equal(await milliseconds(at(way, 'both')), await milliseconds(at('tree/both')));
  }
  assert.equal(await readFile(at('outside/x'), 'utf8'), 'untouched');
  await assertNothingLeft(at());
});

/** Damages of an archive in a store, each told as `corrupt`. */
const DAMAGES: Readonly<Record<string, (archive: string) => Promise<void>>> = {
  'a byte was flipped': async (archive) => {
    const content = await readFile(archive);
    content[content.length >> 1] = (content[content.length >> 1] as number) ^ 0x10;
    await writeFile(archive, content);
  },
  'it was cut off': async (archive) => writeFile(archive, (await readFile(archive)).subarray(0, -20)),
  'it is empty': async (archive) => writeFile(archive, ''),
  'it is gone': (archive) => rm(archive),
};

for (const [damage, doIt] of Object.entries(DAMAGES))
  test(`corrupt: ${damage}; nothing is changed, and the next save mends it`, async (t) => {
    const { at, save, restore, write, archive } = await machine(t);
    await write('tree', { a: 'content '.repeat(5000), b: 'b' });
    await save('k', 'tree');
    await doIt(await archive('k'));
    await write('there', { a: 'old', own: 'own' });
    const before = await listing(at('there'));
    const result = await restore('k', 'there');
    assert.deepEqual([result.outcome, result.files, result.problem?.exit], ['corrupt', 0, 1]);
    assert.deepEqual(await listing(at('there')), before);
    assert.equal((await restore('k', 'deep/not/there')).outcome, 'corrupt');
    await assert.rejects(stat(at('deep')), { code: 'ENOENT' }, 'not even an empty directory is left');
    await assertNothingLeft(at());
    const saved = await save('k', 'tree');
    assert.equal(saved.outcome, 'saved');
    assert.equal((await restore('k', 'there')).outcome, 'hit');
    assert.equal((await save('k', 'tree')).outcome, 'unchanged');
  });

test('corrupt: an archive of other content, and manifests that are none', async (t) => {
  const { at, host, save, restore, write, archive, store } = await machine(t);
  await write('tree', { a: 'a' });
  await save('a', 'tree');
  await write('tree', { a: 'b' });
  await save('b', 'tree');
  await writeFile(await archive('a'), await readFile(await archive('b')));
  assert.equal((await restore('a', 'r')).outcome, 'corrupt');
  const opened = await openStore(host, store);
  const good = await readManifest(opened, 'b', () => {});
  assert.ok(good);
  const place = at('store', referenceName('b'));
  for (const bad of [
    '',
    '[]',
    'null',
    '{"schemaVersion": 2}',
    JSON.stringify({ ...good, key: 'other' }),
    JSON.stringify({ ...good, sha256: '../../etc/passwd' }),
    JSON.stringify({ ...good, size: good.size - 512 }),
    JSON.stringify({ ...good, size: good.size + 512 }),
    JSON.stringify({ ...good, size: -1 }),
    ' '.repeat(100_000),
  ]) {
    await writeFile(place, bad);
    const { outcome } = await restore('b', 'r');
    assert.equal(outcome, 'corrupt', bad.slice(0, 100));
  }
  await writeFile(place, 'not JSON');
  assert.equal((await save('b', 'tree')).outcome, 'saved', 'the next save writes it anew');
});

test('nothing to save, and what is no directory', async (t) => {
  const { at, save, restore, write } = await machine(t);
  const nothing = await save('k', 'not there');
  assert.deepEqual([nothing.outcome, nothing.problem?.code], ['nothing', 'DIRECTORY_MISSING']);
  await write('.', { file: '' });
  await assert.rejects(save('k', 'file'), { code: 'FILE_UNUSABLE', exit: 2 });
  await assert.rejects(restore('k', 'file'), { code: 'FILE_UNUSABLE', exit: 2 });
  await symlink('nowhere', at('dangling'));
  await mkdir(at('empty'));
  await save('k', 'empty');
  await assert.rejects(restore('k', 'dangling'), { code: 'FILE_UNUSABLE', message: /leads nowhere/ });
  await assert.rejects(save('', 'file'), { code: 'KEY_INVALID' });
  await assert.rejects(restore('k', 'r', ['']), { code: 'KEY_INVALID' });
  assert.equal((await save('empty', 'empty')).outcome, 'saved');
  const { outcome, files } = await restore('empty', 'made');
  assert.deepEqual([outcome, files, await readdir(at('made'))], ['hit', 0, []]);
});

test('a store that cannot be used is told and no error', async (t) => {
  const { at, host, write } = await machine(t);
  await write('tree', { a: 'a' });
  await writeFile(at('file'), '');
  const request = { store: `file://${at('file')}`, key: 'k', directory: 'tree', fallbackKeys: [] };
  const saved = await saveDirectory(host, request);
  assert.deepEqual([saved.outcome, saved.problem?.code], ['unreachable', 'STORE_REFUSED']);
  const restored = await restoreDirectory(host, request);
  assert.deepEqual([restored.outcome, restored.problem?.code], ['unreachable', 'STORE_REFUSED']);
});

test('an interrupted restore changes nothing', async (t) => {
  const { at, save, restore, write, host } = await machine(t);
  await write('tree', { a: 'a' });
  await save('k', 'tree');
  await write('there', { a: 'old' });
  const before = await listing(at('there'));
  const aborted = testHost({ env: host.env, cwd: host.cwd });
  aborted.abort();
  await assert.rejects(restore('k', 'there', [], aborted), { code: 'INTERRUPTED', exit: 130 });
  await assert.rejects(save('k', 'tree', aborted), { code: 'INTERRUPTED' });
  assert.deepEqual(await listing(at('there')), before);
  await assertNothingLeft(at());
});

test('a restore that was killed between its two renames is mended by the next one', async (t) => {
  const { at, host, save, restore, write } = await machine(t);
  await write('tree', { a: 'new' });
  await save('k', 'tree');
  await write('there', { own: 'old' });
  const staging = await stage(host, at('there'));
  await rename(at('there'), join(staging.root, 'old'));
  assert.equal((await restore('k', 'there')).outcome, 'hit');
  assert.deepEqual((await readdir(at('there'))).sort(), ['a', 'own']);
  // What it left is deleted a day later; until then it might be a restore that is still at work.
  assert.equal((await readdir(at())).filter((name) => name.startsWith(STAGING_PREFIX)).length, 1);
  const later = testHost({ env: host.env, cwd: host.cwd, now: new Date(Date.now() + 25 * 3_600_000) });
  await restore('k', 'there', [], later);
  await assertNothingLeft(at());
});

test('restores of one directory at the same time do not spoil it', async (t) => {
  const { at, save, restore, write } = await machine(t);
  await write('tree', Object.fromEntries(Array.from({ length: 50 }, (_, number) => [`d/${number}`, 'new'])));
  await save('k', 'tree');
  await write('there', { own: 'own' });
  const results = await Promise.all(Array.from({ length: 4 }, () => restore('k', 'there')));
  assert.deepEqual(
    new Set(results.map(({ outcome, problem }) => problem?.message ?? outcome)),
    new Set(['hit']),
  );
  assert.equal((await readdir(at('there/d'))).length, 50);
  assert.equal(await readFile(at('there/own'), 'utf8'), 'own');
  await assertNothingLeft(at());
});

test('a tree that another restore takes away meanwhile is no error: it is tried again', async (t) => {
  const { at, write } = await machine(t);
  await write('new', { a: 'a' });
  assert.equal(await keepOthers(at('gone'), at('new')), 'again');
});

test('saves of one key at the same time: one of them wins whole', async (t) => {
  const { at, save, restore, write } = await machine(t);
  for (const name of ['one', 'two']) await write(name, { name, other: name.repeat(1000) });
  for (let round = 0; round < 5; round++) {
    const results = await Promise.all([save('k', 'one'), save('k', 'two')]);
    assert.deepEqual(
      results.filter(({ problem }) => problem !== undefined),
      [],
    );
    await rm(at('r'), { recursive: true, force: true });
    assert.equal((await restore('k', 'r')).outcome, 'hit');
    const winner = await readFile(at('r/name'), 'utf8');
    assert.equal(await readFile(at('r/other'), 'utf8'), winner.repeat(1000));
    await write('one', { round: String(round) });
  }
});
