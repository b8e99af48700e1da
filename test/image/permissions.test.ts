import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PathEntry } from '../../src/image/path-entry.ts';
import { emptyIndex } from '../../src/image/path-index.ts';
import { withLayer } from '../../src/image/path-index-layer.ts';
import { mayRemove, permission, runUser } from '../../src/image/permissions.ts';

const PASSWD =
  'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\nops:x:1001:50::/home/ops:/bin/sh\n';
const GROUP = 'root:x:0:\nstaff:x:50:app,other\nusers:x:100:\n';

function entry(
  path: string,
  mode: number,
  uid = 0,
  gid = 0,
  type: PathEntry['type'] = 'directory',
): PathEntry {
  return { path, type, mode, uid, gid, size: 0, link: '' };
}

const FILES = withLayer(emptyIndex(), [
  entry('home', 0o755),
  entry('home/app', 0o755, 1000, 1000),
  entry('home/app/mine', 0o644, 1000, 1000, 'file'),
  entry('home/app/roots', 0o755),
  entry('home/app/closed', 0o555, 1000, 1000),
  entry('root', 0o700),
  entry('root/open', 0o777),
  entry('tmp', 0o1777),
  entry('tmp/roots', 0o644, 0, 0, 'file'),
  entry('tmp/mine', 0o644, 1000, 1000, 'file'),
  entry('usr', 0o755),
  entry('usr/staff', 0o2775, 0, 50),
  entry('usr/secret', 0o600, 0, 0, 'file'),
]);

function userOf(spec: string) {
  const user = runUser(PASSWD, GROUP, spec);
  assert.ok(user, spec);
  return user;
}

test('a user writes where owner, group or all may, and where every directory above lets the user in', () => {
  const app = userOf('app');
  const writes = (path: string, user = app) => permission(FILES, user, path, 'write');
  assert.equal(writes('home/app'), 'yes');
  // What is not there would be made by the user.
  assert.equal(writes('home/app/.local/lib'), 'yes');
  assert.equal(writes('home/other/.local'), 'no');
  assert.equal(writes('home/app/roots'), 'no');
  assert.equal(writes('home/app/closed/x'), 'no');
  assert.equal(writes('root/open'), 'no');
  assert.equal(writes('tmp/new'), 'yes');
  assert.equal(writes(''), 'no');
  assert.equal(writes('root/open', userOf('')), 'yes');
  assert.equal(permission(FILES, app, 'usr/secret', 'read'), 'no');
  assert.equal(permission(FILES, app, 'tmp/roots', 'read'), 'yes');
});

test('a group that lists the user may or may not count: by number it does not', () => {
  assert.equal(permission(FILES, userOf('app'), 'usr/staff', 'write'), 'unclear');
  assert.equal(permission(FILES, userOf('ops'), 'usr/staff', 'write'), 'yes');
  assert.equal(permission(FILES, userOf('2000'), 'usr/staff', 'write'), 'no');
  assert.equal(permission(FILES, userOf('app:staff'), 'usr/staff', 'write'), 'yes');
});

test('in a sticky directory only what is the own is removed', () => {
  const app = userOf('app');
  assert.equal(mayRemove(FILES, app, 'tmp/mine'), 'yes');
  assert.equal(mayRemove(FILES, app, 'tmp/roots'), 'no');
  assert.equal(mayRemove(FILES, app, 'home/app/roots'), 'yes');
  assert.equal(mayRemove(FILES, app, 'usr/secret'), 'no');
});

test('who is named and not there is not known', () => {
  assert.equal(runUser(PASSWD, GROUP, 'nobody'), undefined);
  const { uid, gid } = userOf('10001');
  assert.deepEqual([uid, gid], [10001, 0]);
});
