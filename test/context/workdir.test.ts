import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planWorkdir } from '../../src/context/workdir.ts';
import type { PathEntry } from '../../src/image/path-entry.ts';

const image: Readonly<Record<string, Partial<PathEntry>>> = {
  app: { type: 'directory', mode: 0o700, uid: 1, gid: 2 },
  file: { type: 'file' },
  link: { type: 'symlink', link: 'app' },
  loop: { type: 'symlink', link: 'loop' },
  srv: { type: 'directory', mode: 0o2775, gid: 50 },
};
const lower = {
  get: (path: string) =>
    image[path] && ({ path, mode: 0o755, uid: 0, gid: 0, size: 0, link: '', ...image[path] } as PathEntry),
};
const made = (path: string, owner?: { uid: number; gid: number }) =>
  planWorkdir(path, lower, owner).entries.map(
    (entry) => `${entry.path} ${entry.mode.toString(8)} ${entry.uid}:${entry.gid}`,
  );

test('WORKDIR makes what is missing, with the directories above as they are', () => {
  assert.deepEqual(made('/app/x/y'), ['app 700 1:2', 'app/x 755 0:0', 'app/x/y 755 0:0']);
  assert.deepEqual(made('/link/x'), ['app 700 1:2', 'app/x 755 0:0']);
  assert.deepEqual(made('/srv/x'), ['srv 2775 0:50', 'srv/x 2755 0:50']);
});

test('what WORKDIR makes is of the user in force', () => {
  assert.deepEqual(made('/srv/x', { uid: 7, gid: 8 }), ['srv 2775 0:50', 'srv/x 2755 7:8']);
});

test('a directory that is there is left alone', () => {
  assert.deepEqual(planWorkdir('/app', lower, { uid: 7, gid: 8 }), { entries: [] });
  assert.deepEqual(planWorkdir('/link/', lower, undefined), { entries: [] });
  assert.deepEqual(planWorkdir('/', lower, undefined), { entries: [] });
});

test('what is no directory is left to BuildKit', () => {
  assert.equal(planWorkdir('/file/x', lower, undefined).reason, '/file is no directory in the image');
  assert.match(planWorkdir('/loop', lower, undefined).reason ?? '', /links on the way/);
});
