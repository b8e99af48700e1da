import assert from 'node:assert/strict';
import { appendFile, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { readContextFile } from '../../src/context/content.ts';
import type { Context, ContextEntry } from '../../src/context/context.ts';
import { copyKey, writeCopyLayer } from '../../src/context/copy-layer.ts';
import { type CopyEntry, type CopyPlan, type CopyRequest, planCopy } from '../../src/context/plan-copy.ts';
import { readContext } from '../../src/context/read.ts';
import type { PathLookup } from '../../src/context/tree.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import type { PathEntry } from '../../src/image/path-entry.ts';
import { testHost } from '../support/host.ts';
import { lines, type Spec, seenInTar, writeTree } from './trees.ts';

const REQUEST: CopyRequest = {
  ...{
    keyword: 'COPY',
    place: 'Dockerfile:3',
    sources: ['.'],
    heredocs: [],
    destination: './',
    workdir: '/app',
  },
  ...{ chown: undefined, chmod: undefined, link: false, parents: false, excludes: [] },
};
const NOTHING: PathLookup = { get: () => undefined };

async function contextOf(tree: Readonly<Record<string, Spec>>) {
  const scratch = await temporaryDirectory('lw-plan-');
  await writeTree(join(scratch.path, 'context'), tree);
  await writeTree(join(scratch.path, 'layers'), { '.': { directory: 0o755 } });
  const read = () => readContext(testHost({ cwd: scratch.path }), 'context', { dockerfile: undefined });
  const file = (path: string) => join(scratch.path, 'context', path);
  return { ...scratch, read, file, layers: join(scratch.path, 'layers') };
}

function imageOf(...entries: readonly Partial<PathEntry>[]): PathLookup {
  const all = new Map(
    entries.map((one) => [
      one.path,
      { type: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0, link: '', path: '', ...one } as PathEntry,
    ]),
  );
  return { get: (path) => all.get(path) };
}

const short = (plan: CopyPlan) =>
  plan.entries.map(({ entry }) => `${entry.path} ${entry.mode.toString(8)} ${entry.uid}:${entry.gid}`);

test('every directory above is in the layer: those of the image as they are, new ones 0755', async () => {
  await using scratch = await contextOf({ 'a.txt': 'a' });
  const lower = imageOf({ path: 'srv', mode: 0o711, uid: 5, gid: 6 });
  const request = { ...REQUEST, sources: ['a.txt'], destination: '/srv/new/x' };
  const context = await scratch.read();
  assert.deepEqual(short(await planCopy(request, context, lower)), [
    'srv 711 5:6',
    'srv/new 755 0:0',
    'srv/new/x 644 0:0',
  ]);
  const linked = await planCopy({ ...request, link: true }, context, lower);
  assert.equal(short(linked)[0], 'srv 755 0:0');
});

test('a source that is missing is an error that says where, and whether an ignore file is the cause', async () => {
  await using scratch = await contextOf({
    '.dockerignore': 'secret\n',
    secret: '',
    out: { link: '/etc/passwd' },
  });
  const context = await scratch.read();
  const plan = (...sources: string[]) => planCopy({ ...REQUEST, sources }, context, NOTHING);
  await assert.rejects(plan('nothing'), {
    code: 'CONTEXT_FILE_MISSING',
    exit: 1,
    message: 'Dockerfile:3: COPY: "nothing" not found in the build context',
    hint: `Sources are paths below ${context.directory}.`,
  });
  await assert.rejects(plan('./secret'), {
    code: 'CONTEXT_FILE_MISSING',
    hint: 'It is there, but context/.dockerignore leaves it out: add "!secret" at its end.',
  });
  // The machine's own file is there, but a link never leaves the context.
  await assert.rejects(plan('out'), { code: 'CONTEXT_FILE_MISSING' });
  await assert.rejects(plan('nothing/*.py'), { code: 'CONTEXT_FILE_MISSING' });
  assert.deepEqual((await plan('nothing*')).entries, []);
});

test('what is not surely known is left to BuildKit, with the reason', async () => {
  await using scratch = await contextOf({
    a: '',
    'dir/x': '',
    'app.tgz': gzipSync('x').toString('latin1'),
    ' space': '',
    '!a': '',
    gone: { link: 'nothing' },
  });
  const context = await scratch.read();
  const reason = async (request: Partial<CopyRequest>, lower = NOTHING) =>
    (await planCopy({ ...REQUEST, ...request }, context, lower)).reason ?? 'composed';
  assert.match(
    await reason({ keyword: 'ADD', sources: ['https://example.com/x'] }),
    /may not be of the build context/,
  );
  assert.match(
    await reason({ keyword: 'ADD', sources: ['git@example.com:x.git'] }),
    /may not be of the build context/,
  );
  for (const source of ['!a', ' space', 'a\\*', '[!a]', '^*'])
    assert.match(await reason({ sources: [source] }), /not surely understood/, source);
  assert.match(await reason({ sources: ['g*'] }), /leads nowhere/);
  assert.match(await reason({ excludes: ['[!a]'] }), /--exclude=\[!a\] is not surely understood/);
  assert.match(await reason({ chmod: 'u+s' }), /--chmod=u\+s is not surely understood/);
  assert.match(await reason({ parents: true, sources: ['dir/./'] }), /not surely understood/);
  assert.match(await reason({ sources: [], heredocs: [{ path: 'a/b', content: '' }] }), /no plain name/);
  assert.match(
    await reason({ sources: ['a'], destination: '/x' }, imageOf({ path: 'x' }, { path: 'x/a' })),
    /a file would be copied over the directory \/x\/a/,
  );
  assert.equal(await reason({ sources: ['a'] }), 'composed');
});

test('ADD leaves archives to BuildKit, COPY does not, nor ADD of a directory with one', async () => {
  await using scratch = await contextOf({ 'dir/x': '' });
  await writeFile(scratch.file('dir/app.tgz'), gzipSync('x'));
  const context = await scratch.read();
  const reason = async (keyword: 'COPY' | 'ADD', source: string) =>
    (await planCopy({ ...REQUEST, keyword, sources: [source] }, context, NOTHING)).reason;
  assert.equal(await reason('ADD', 'dir/app.tgz'), 'ADD may unpack the archive dir/app.tgz');
  assert.equal(await reason('ADD', 'dir/*'), 'ADD may unpack the archive dir/app.tgz');
  assert.equal(await reason('COPY', 'dir/app.tgz'), undefined);
  assert.equal(await reason('ADD', 'dir'), undefined);
});

test('a problem of the context, or of a path that is copied, is the reason; of another path it is not', async () => {
  await using scratch = await contextOf({ a: '', b: '' });
  const context = await scratch.read();
  const withProblem = (path: string): Context => ({
    ...context,
    entries: new Map(
      [...context.entries].map(([at, one]) => [at, at === path ? { ...one, problem: 'is odd' } : one]),
    ),
  });
  const plan = (one: Context) => planCopy({ ...REQUEST, sources: ['a'] }, one, NOTHING);
  assert.equal((await plan(withProblem('a'))).reason, 'a is odd');
  assert.equal((await plan(withProblem('b'))).reason, undefined);
  assert.equal((await plan({ ...context, problem: 'no' })).reason, 'no');
});

function fileEntry(path: string, sha256: string): CopyEntry {
  const entry: PathEntry = { path, type: 'file', mode: 0o644, uid: 0, gid: 0, size: 1, link: '' };
  return { entry, content: undefined, sha256 };
}

test('the key of a layer is the same for ever', () => {
  const directory: PathEntry = {
    path: 'app',
    type: 'directory',
    mode: 0o755,
    uid: 1,
    gid: 2,
    size: 0,
    link: '',
  };
  const link: PathEntry = { path: 'app/ü', type: 'symlink', mode: 0o777, uid: 0, gid: 0, size: 0, link: 'x' };
  const entries: CopyEntry[] = [
    { entry: directory, content: undefined, sha256: undefined },
    fileEntry('app/a', 'a'.repeat(64)),
    { entry: link, content: undefined, sha256: undefined },
  ];
  assert.equal(copyKey({ entries }), '65dae540e9b169a13bb8f5c5662112adec5f1afcd4a03b8213de645d63ff4ebf');
});

test('the key covers everything of an entry', () => {
  const one = fileEntry('app/a', 'a'.repeat(64));
  const changes: Partial<PathEntry>[] = [
    { path: 'app/b' },
    { type: 'hardlink' },
    { mode: 0o600 },
    { uid: 1 },
    { gid: 1 },
    { size: 2 },
    { link: 'x' },
  ];
  const keys = changes.map((change) =>
    copyKey({ entries: [{ ...one, entry: { ...one.entry, ...change } }] }),
  );
  const others = [copyKey({ entries: [one] }), copyKey({ entries: [] }), copyKey({ entries: [one, one] })];
  others.push(copyKey({ entries: [fileEntry('app/a', 'b'.repeat(64))] }));
  assert.equal(new Set([...keys, ...others]).size, changes.length + 4);
});

test('times and the order on disk do not change key and layer; content, modes and the image below do', async () => {
  const key = async (tree: Readonly<Record<string, Spec>>, lower = NOTHING) => {
    await using scratch = await contextOf(tree);
    await utimes(scratch.file('a'), 1, Math.floor(Math.random() * 1e9));
    const plan = await planCopy(REQUEST, await scratch.read(), lower);
    const options = { directory: scratch.layers, compression: 'gzip', mtime: 1_600_000_000 } as const;
    return `${copyKey(plan)} ${(await writeCopyLayer(plan, options)).diffId}`;
  };
  const first = await key({ a: '1', 'b/c': '2' });
  assert.equal(await key({ 'b/c': '2', a: '1' }), first);
  const others = [
    await key({ a: '2', 'b/c': '2' }),
    await key({ a: { text: '1', mode: 0o755 }, 'b/c': '2' }),
    await key({ a: '1', 'b/c': '2', b: { directory: 0o700 } }),
    await key({ a: '1', 'b/c': '2' }, imageOf({ path: 'app', uid: 7 })),
  ];
  assert.equal(new Set([first, ...others]).size, 5);
});

test('a layer has the contents of files, heredocs among them', async () => {
  const long = 'long line\n'.repeat(100_000);
  await using scratch = await contextOf({ empty: '', long: long, 'dir/link': { link: '../long' } });
  const heredocs = [{ path: 'here', content: 'text\n' }];
  const plan = await planCopy(
    { ...REQUEST, heredocs, chown: { uid: 3, gid: 4 } },
    await scratch.read(),
    NOTHING,
  );
  const options = { directory: scratch.layers, compression: 'gzip', mtime: 1_600_000_000 } as const;
  const layer = await writeCopyLayer(plan, options);
  const seen = lines(seenInTar(gunzipSync(await readFile(layer.file))));
  assert.deepEqual(
    seen.map((line) => line.replace(/ [0-9a-f]{12}$/, '')),
    [
      'app directory 755 3:4  ',
      'app/dir directory 755 3:4  ',
      'app/dir/link symlink 777 3:4 ../long ',
      'app/empty file 644 3:4 ',
      'app/here file 644 3:4 ',
      'app/long file 644 3:4 ',
    ],
  );
  assert.equal(plan.entries.at(-1)?.entry.size, long.length);
});

test('a file that changes after it was hashed ends the layer, and leaves none behind', async () => {
  const changes: Record<string, (file: string) => Promise<unknown>> = {
    'other content of the same size': (file) => writeFile(file, '2'),
    'more content': (file) => appendFile(file, '2'),
    'less content': (file) => writeFile(file, ''),
    gone: (file) => rm(file),
    'a link in its place': async (file) => {
      await rm(file);
      await symlink('b', file);
    },
  };
  for (const [name, change] of Object.entries(changes)) {
    await using scratch = await contextOf({ a: '1', b: '1' });
    const plan = await planCopy(REQUEST, await scratch.read(), NOTHING);
    await change(scratch.file('a'));
    const options = { directory: scratch.layers, compression: 'zstd', mtime: 1_600_000_000 } as const;
    const written = writeCopyLayer(plan, options);
    await assert.rejects(written, { code: 'CONTEXT_CHANGED', exit: 75, message: /^a changed/ }, name);
    assert.deepEqual(await readdir(scratch.layers), [], name);
  }
});

test('a file that changes between the reading of the context and its hash is noticed by its size', async () => {
  await using scratch = await contextOf({ a: '1' });
  const context = await scratch.read();
  await appendFile(scratch.file('a'), '2');
  await assert.rejects(planCopy(REQUEST, context, NOTHING), { code: 'CONTEXT_CHANGED' });
});

test('a file that is read whole is the one that is copied', async () => {
  await using scratch = await contextOf({
    'requirements.txt': 'idna\n',
    'same.txt': { same: 'requirements.txt' },
  });
  const context = await scratch.read();
  const entry = context.entries.get('requirements.txt') as ContextEntry;
  assert.equal(Buffer.from(await readContextFile(context, entry)).toString(), 'idna\n');
  const { entries } = await planCopy(REQUEST, context, NOTHING);
  assert.deepEqual(
    entries.map(({ entry, content }) => [entry.type, content?.kind]),
    [
      ['directory', undefined],
      ['file', 'context'],
      ['hardlink', 'context'],
    ],
  );
  await writeFile(scratch.file('requirements.txt'), 'evil\n');
  await assert.rejects(readContextFile(context, entry), { code: 'CONTEXT_CHANGED' });
});

test('an interrupted plan ends', async () => {
  await using scratch = await contextOf({ a: '1' });
  const context = await scratch.read();
  const host = testHost();
  host.abort();
  await assert.rejects(planCopy(REQUEST, { ...context, host }, NOTHING), { code: 'INTERRUPTED' });
});
