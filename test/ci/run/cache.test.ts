import assert from 'node:assert/strict';
import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BuildspecCache } from '../../../src/ci/buildspec/buildspec.ts';
import { type CacheOutcome, type DirectoryStore, planCache } from '../../../src/ci/run/cache.ts';
import { cacheRun } from '../../../src/ci/run/cache-run.ts';
import { temporaryDirectory } from '../../../src/host/files.ts';
import { projectOf } from '../../commands/launch.ts';

const places = { source: '/src', home: '/home/kim', project: 'web' };
const expand = async (text: string) => text.replace('$(hash)', 'abc').replace('$WHERE', '/opt');

const CACHE: BuildspecCache = { key: 'k', fallbackKeys: [], action: 'both', paths: [] };

/** Directory and pattern of each path. */
async function planned(...paths: string[]) {
  const plan = await planCache({ ...CACHE, paths }, places, expand);
  return plan.paths.map(({ directory, pattern }) => [directory, pattern]);
}

// Build specification reference, cache/paths: files, directories and all below a directory.
test('a path with all that is below it is that directory', async () => {
  assert.deepEqual(
    await planned(
      ...['/root/.cache/pip/**/*', 'node_modules/**/*', 'node_modules/*', 'a/b/**', 'a/', '**/*'],
      ...['~/.m2/**/*', '$WHERE/x/**/*', '/**/*'],
    ),
    [
      ['/root/.cache/pip', undefined],
      ['/src/node_modules', undefined],
      ['/src/node_modules', undefined],
      ['/src/a/b', undefined],
      ['/src/a', undefined],
      ['/src', undefined],
      ['/home/kim/.m2', undefined],
      ['/opt/x', undefined],
      ['/', undefined],
    ],
  );
});

test('other paths are files within a directory', async () => {
  assert.deepEqual(await planned('my.jar', '/a/b.jar', 'wheels/*.whl', 'wheel*', 'a/*/b/**/*'), [
    ['/src', 'my.jar'],
    ['/a', 'b.jar'],
    ['/src/wheels', '*.whl'],
    ['/src', 'wheel*'],
    ['/src/a', '*/b/**/*'],
  ]);
});

// AWS CodeBuild User Guide, "Amazon S3 caching", cache version: other paths make another cache.
test('keys are expanded; the same path with other company has another version', async () => {
  const cache = { ...CACHE, key: 'pip-$(hash)', fallbackKeys: ['pip-', 'x$(hash)'], paths: ['a/**/*'] };
  const plan = await planCache(cache, places, expand);
  assert.deepEqual([plan.key, plan.fallbackKeys, plan.keyed], ['pip-abc', ['pip-', 'xabc'], true]);
  const other = await planCache({ ...cache, paths: ['a/**/*', 'b/**/*'] }, places, expand);
  assert.notEqual(other.paths[0]?.version, plan.paths[0]?.version);
  const turned = await planCache({ ...cache, paths: ['b/**/*', 'a/**/*'] }, places, expand);
  assert.equal(turned.paths[1]?.version, other.paths[0]?.version);
});

// Build specification reference, cache/fallback-keys: ignored if key is not provided.
test('without a key the cache is the project’s, and fallback keys have no meaning', async () => {
  const plan = await planCache(
    { ...CACHE, key: undefined, fallbackKeys: ['a'], paths: ['b'] },
    places,
    expand,
  );
  assert.deepEqual([plan.key, plan.fallbackKeys, plan.keyed], ['project-web', [], false]);
});

/** A store in a directory, as simple as can be; `calls` are the keys that it was asked for. */
function storeIn(directory: string): DirectoryStore & { readonly calls: string[]; down: boolean } {
  const saved: string[] = [];
  const at = (key: string) => join(directory, encodeURIComponent(key));
  const transfer = (outcome: CacheOutcome, matchedKey?: string) => ({
    ...{ outcome, matchedKey, bytes: 1, problem: undefined },
  });
  const store = {
    calls: [] as string[],
    down: false,
    async save(key: string, from: string) {
      store.calls.push(`save ${key.split('/').slice(2).join('/')}`);
      if (store.down) throw new Error('the store is down');
      await rm(at(key), { recursive: true, force: true });
      await cp(from, at(key), { recursive: true });
      saved.push(key);
      return transfer('saved', key);
    },
    async restore(key: string, fallbackKeys: readonly string[], to: string) {
      store.calls.push(`restore ${key.split('/').slice(2).join('/')}`);
      if (store.down) throw new Error('the store is down');
      const found =
        saved.find((one) => one === key) ??
        fallbackKeys.flatMap((prefix) => saved.findLast((one) => one.startsWith(prefix)) ?? [])[0];
      if (found === undefined) return transfer('miss');
      await cp(at(found), to, { recursive: true });
      return transfer('hit', found);
    },
  };
  return store;
}

/** A build's cache in a fresh checkout: restores, changes files, saves. */
async function build(
  store: DirectoryStore,
  cache: Partial<BuildspecCache>,
  files: Readonly<Record<string, string>>,
  succeeded = true,
) {
  const project = await projectOf({ keep: '' });
  const temporary = await temporaryDirectory();
  try {
    const plan = await planCache({ ...CACHE, ...cache }, { ...places, source: project.path }, expand);
    const lines: string[] = [];
    const log = { line: (text: string) => void lines.push(text), output() {}, takeOutput: () => '' };
    const run = cacheRun(plan, store, log, temporary.path);
    await run.restore();
    const read = (file: string) => readFile(join(project.path, file), 'utf8').catch(() => undefined);
    const before = Object.fromEntries(
      await Promise.all(Object.keys(files).map(async (file) => [file, await read(file)] as const)),
    );
    await project.write(files);
    await run.save(succeeded);
    return { before, record: run.record(), lines };
  } finally {
    await project[Symbol.asyncDispose]();
    await temporary[Symbol.asyncDispose]();
  }
}

test('what a build saves, the next one has: directories, patterns, files', async () => {
  await using directory = await temporaryDirectory();
  const store = storeIn(directory.path);
  const paths = ['deps/**/*', 'wheels/*.whl', 'my.jar', 'plain'];
  const files = { 'deps/a/b': '1', 'wheels/x.whl': '2', 'my.jar': '3', 'plain/c': '4' };
  const first = await build(store, { paths }, { ...files, 'wheels/x.txt': '5' });
  assert.deepEqual([first.record.restored, first.record.saved], ['miss', 'saved']);
  const second = await build(store, { paths }, { ...files, 'wheels/x.txt': '5' });
  assert.deepEqual(second.before, { ...files, 'wheels/x.txt': undefined });
  assert.equal(second.record.restored, 'hit');
  assert.equal(second.record.paths[0]?.restoredKey, 'k');
});

// "Amazon S3 caching": a copy under a key is not changed once it is created.
test('a copy under a key is made once; without a key it follows the project', async () => {
  await using directory = await temporaryDirectory();
  const store = storeIn(directory.path);
  await build(store, { paths: ['a/*'] }, { 'a/b': '1' });
  const again = await build(store, { paths: ['a/*'] }, { 'a/b': '2' });
  assert.equal(again.record.saved, 'skipped');
  assert.match(again.lines.join('\n'), /not saved, k is there already/);
  await build(store, { paths: ['a/*'], key: undefined }, { 'a/b': '1' });
  await build(store, { paths: ['a/*'], key: undefined }, { 'a/b': '2' });
  const last = await build(store, { paths: ['a/*'], key: undefined }, { 'a/b': '3' });
  assert.deepEqual(last.before, { 'a/b': '2' });
});

// Build specification reference, cache/fallback-keys: matched by prefix.
test('a fallback key finds a key that begins with it, which is then saved under the new key', async () => {
  await using directory = await temporaryDirectory();
  const store = storeIn(directory.path);
  await build(store, { key: 'pip-1', paths: ['a/*'] }, { 'a/b': '1' });
  const next = await build(store, { key: 'pip-2', fallbackKeys: ['pip-'], paths: ['a/*'] }, { 'a/b': '2' });
  assert.deepEqual(next.before, { 'a/b': '1' });
  const [path] = next.record.paths;
  assert.deepEqual([path?.restored, path?.restoredKey, path?.saved], ['hit', 'pip-1', 'saved']);
});

// Build specification reference, cache/action.
test('an action does only its half', async () => {
  await using directory = await temporaryDirectory();
  const store = storeIn(directory.path);
  const saved = await build(store, { action: 'save', paths: ['a/*'] }, { 'a/b': '1' });
  const restored = await build(store, { action: 'restore', paths: ['a/*'] }, { 'a/b': '2' });
  assert.deepEqual([saved.record.restored, saved.record.saved], [null, 'saved']);
  assert.deepEqual([restored.record.restored, restored.record.saved], ['hit', null]);
  assert.equal(store.calls.length, 2);
});

test('a build that failed saves nothing, and a store that is down fails no build', async () => {
  await using directory = await temporaryDirectory();
  const store = storeIn(directory.path);
  const failed = await build(store, { paths: ['a/*'] }, { 'a/b': '1' }, false);
  assert.equal(failed.record.saved, 'skipped');
  assert.match(failed.lines.join('\n'), /not saved, the build failed/);
  store.down = true;
  const { record } = await build(store, { paths: ['a/*'] }, { 'a/b': '1' });
  assert.deepEqual(
    [record.restored, record.saved, record.paths[0]?.problem],
    ['failed', 'failed', 'the store is down'],
  );
});

test('files that no pattern finds are nothing to save', async () => {
  await using directory = await temporaryDirectory();
  await mkdir(join(directory.path, 'x'));
  const { record } = await build(storeIn(directory.path), { paths: ['none/*.whl'] }, {});
  assert.equal(record.saved, 'nothing');
});
