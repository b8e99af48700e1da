import assert from 'node:assert/strict';
import { chmod, mkdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { readContext } from '../../src/context/read.ts';
import { run } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../../src/host/files.ts';
import { testHost } from '../support/host.ts';
import { type Spec, writeTree } from './trees.ts';

async function contextOf(tree: Readonly<Record<string, Spec>>, dockerfile?: string) {
  const directory = await temporaryDirectory('lw-context-');
  await writeTree(directory.path, tree);
  const read = () => readContext(testHost({ cwd: directory.path }), '.', { dockerfile });
  return { ...directory, read };
}

test('a context has types, modes, sizes and links, and directories in order', async () => {
  await using context = await contextOf({
    'b.txt': { text: 'bb', mode: 0o4750 },
    'a/inner': { directory: 0o1777 },
    'a/link': { link: '../b.txt' },
    'a/same': { same: 'b.txt' },
  });
  const { entries, children, directory, problem } = await context.read();
  assert.equal(problem, undefined);
  assert.deepEqual([...entries.keys()].sort(), ['a', 'a/inner', 'a/link', 'a/same', 'b.txt']);
  assert.deepEqual(children.get(''), ['a', 'b.txt']);
  assert.deepEqual(children.get('a'), ['inner', 'link', 'same']);
  const file = entries.get('b.txt');
  assert.equal(file?.mode, 0o4750);
  assert.equal(file?.size, 2);
  assert.equal(file?.mtimeMs, (await stat(join(directory, 'b.txt'))).mtimeMs);
  assert.ok(file?.hardLinks);
  assert.equal(entries.get('a/same')?.hardLinks, file?.hardLinks);
  assert.deepEqual(
    [entries.get('a/link')?.type, entries.get('a/link')?.link, entries.get('a/link')?.hardLinks],
    ['symlink', '../b.txt', undefined],
  );
  assert.equal(entries.get('a/inner')?.mode, 0o1777);
});

test('a directory that is left out comes back with what is let in below it, and only then', async () => {
  await using context = await contextOf({
    '.dockerignore': '*\n!keep/this/file\n!gone/nothing\n',
    'keep/this/file': 'x',
    'keep/other': 'x',
    'gone/x': 'x',
  });
  assert.deepEqual([...(await context.read()).entries.keys()].sort(), [
    'keep',
    'keep/this',
    'keep/this/file',
  ]);
});

test("the Dockerfile's own ignore file comes first, even an empty one", async () => {
  await using context = await contextOf(
    { '.dockerignore': 'a\n', 'build/app.Dockerfile.dockerignore': 'b\nbuild\n', a: '', b: '' },
    'build/app.Dockerfile',
  );
  const own = await context.read();
  assert.deepEqual([...own.entries.keys()].sort(), ['.dockerignore', 'a']);
  assert.equal(own.ignoreFile, join('build', 'app.Dockerfile.dockerignore'));
  await writeFile(join(context.path, 'build', 'app.Dockerfile.dockerignore'), '');
  assert.ok((await context.read()).entries.has('b'));
  await rm(join(context.path, 'build', 'app.Dockerfile.dockerignore'));
  const common = await context.read();
  assert.equal(common.ignoreFile, '.dockerignore');
  assert.equal(common.entries.has('a'), false);
});

test('an ignore file that is not surely understood, or is a link, is a problem of every COPY', async () => {
  await using context = await contextOf({ '.dockerignore': 'ok\n[!x]y\n', ok: '' });
  assert.match((await context.read()).problem ?? '', /^\.dockerignore has the pattern "\[!x\]y"/);
  await rm(join(context.path, '.dockerignore'));
  await symlink('ok', join(context.path, '.dockerignore'));
  assert.match((await context.read()).problem ?? '', /^\.dockerignore cannot be read for sure$/);
});

test('sockets, pipes and names that are no UTF-8 are problems of who copies them', async () => {
  await using context = await contextOf({ plain: '' });
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(context.path, 'socket'), resolve));
  assert.equal((await run(['mkfifo', join(context.path, 'pipe')])).exitCode, 0);
  await writeFile(Buffer.concat([Buffer.from(`${context.path}/caf`), Buffer.from([0xe9])]), '');
  await mkdir(Buffer.concat([Buffer.from(`${context.path}/d`), Buffer.from([0xff])]));
  const { entries } = await context.read();
  await new Promise((resolve) => server.close(resolve));
  assert.equal(entries.get('d\uFFFD')?.problem, 'has a name that is no UTF-8');
  assert.equal(entries.get('plain')?.problem, undefined);
  assert.equal(entries.get('socket')?.problem, 'is no file, directory or link');
  assert.equal(entries.get('pipe')?.problem, 'is no file, directory or link');
  assert.equal(entries.get('caf\uFFFD')?.problem, 'has a name that is no UTF-8');
});

test('a directory without permission is a problem of who copies it, unless it is left out', {
  skip: process.getuid?.() === 0 ? 'root may read everything' : false,
}, async () => {
  await using context = await contextOf({ 'closed/file': '', open: '' });
  await chmod(join(context.path, 'closed'), 0o000);
  try {
    assert.equal((await context.read()).entries.get('closed')?.problem, 'may not be read');
    await writeFile(join(context.path, '.dockerignore'), 'closed\n');
    assert.equal((await context.read()).entries.has('closed'), false);
  } finally {
    await chmod(join(context.path, 'closed'), 0o755);
  }
});

test('a context that is a link is read where it leads; one that is not there is an error that names it', async () => {
  await using context = await contextOf({ 'real/file': '' });
  await symlink('real', join(context.path, 'link'));
  const host = testHost({ cwd: context.path });
  assert.ok((await readContext(host, 'link', { dockerfile: undefined })).entries.has('file'));
  await assert.rejects(readContext(host, 'nowhere', { dockerfile: undefined }), { code: 'FILE_UNUSABLE' });
  await mkdir(join(context.path, 'empty'));
  assert.equal((await readContext(host, 'empty', { dockerfile: undefined })).entries.size, 0);
});

test('an interrupted reading ends', async () => {
  await using context = await contextOf({ 'a/b': '' });
  const host = testHost({ cwd: context.path });
  host.abort();
  await assert.rejects(readContext(host, '.', { dockerfile: undefined }), { code: 'INTERRUPTED' });
});
