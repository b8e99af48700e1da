import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lookupOwner, lookupUser } from '../../src/image/users.ts';

const PASSWD = [
  'root:x:0:0:root:/root:/bin/bash',
  '',
  '  app:x:1000:1001:The App,,,:/home/app:/bin/sh',
  'app:x:1:1::/second:/bin/sh',
  'twin:x:1000:7::/twin:',
  'odd:x:abc',
].join('\n');
const GROUP = ['root:x:0:', '#staff:x:9:', 'staff:x:50:app', 'team:x:1001:'].join('\n');

test("a file's owner is read as BuildKit reads --chown", () => {
  const cases: Readonly<Record<string, string | undefined>> = {
    app: '1000:1001',
    'app:staff': '1000:50',
    'app:': '1000:1001',
    'app:12': '1000:12',
    '1000': '1000:1000',
    '1000:': '1000:1000',
    '33:app': undefined,
    '33:root': '33:0',
    root: '0:0',
    'root:staff': '0:50',
    odd: '0:0',
    nobody: undefined,
    'app:nobody': undefined,
    '-1': undefined,
    '4294967295': undefined,
  };
  for (const [spec, expected] of Object.entries(cases)) {
    const owner = lookupOwner(PASSWD, GROUP, spec);
    assert.equal(owner && `${owner.uid}:${owner.gid}`, expected, spec);
  }
  assert.deepEqual(lookupOwner('', '', 'root'), { uid: 0, gid: 0 }, 'root needs no passwd');
  assert.equal(lookupOwner('', '', 'app'), undefined);
});

test('who runs a RUN is read as BuildKit reads USER', () => {
  const cases: Readonly<Record<string, string | undefined>> = {
    '': '0:0 /root',
    root: '0:0 /root',
    app: '1000:1001 /home/app',
    'app:staff': '1000:50 /home/app',
    '1000': '1000:1001 /home/app',
    '1000:1000': '1000:1000 /home/app',
    '1000:root': '1000:0 /home/app',
    '77': '77:0 /',
    '77:staff': '77:50 /',
    '77:88': '77:88 /',
    nobody: undefined,
    'app:nobody': undefined,
  };
  for (const [spec, expected] of Object.entries(cases)) {
    const user = lookupUser(PASSWD, GROUP, spec);
    assert.equal(user && `${user.uid}:${user.gid} ${user.home}`, expected, spec);
  }
  assert.equal(lookupUser('', '', '')?.uid, 0);
});
