import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileCommands } from '../../src/dockerfile/file-commands.ts';

const PLACE = { env: { APP: '/srv/shop', WORDS: 'a b', UID: '7' }, workdir: '/work' };

function read(text: string) {
  return fileCommands(text, PLACE);
}

function plain(...paths: readonly string[]) {
  return paths.map((path) => ({ path, pattern: false }));
}

test('mkdir, with and without those above', () => {
  assert.deepEqual(read('mkdir -p /data/in "$APP/out" logs'), [
    { kind: 'mkdir', parents: true, paths: plain('/data/in', '/srv/shop/out', '/work/logs') },
  ]);
  assert.deepEqual(read('mkdir /data'), [{ kind: 'mkdir', parents: false, paths: plain('/data') }]);
  assert.deepEqual(
    read('mkdir -pv a')?.map(({ kind }) => kind),
    ['mkdir'],
  );
});

test('chmod sets bits or adds some; what the umask has stays out where nobody is named', () => {
  const changeOf = (mode: string) => {
    const [command] = read(`chmod ${mode} x`) ?? [];
    return command?.kind === 'chmod' ? command.change : undefined;
  };
  assert.deepEqual(changeOf('755'), { set: 0o755 });
  assert.deepEqual(changeOf('0640'), { set: 0o640 });
  assert.deepEqual(changeOf('+x'), { add: 0o111 });
  assert.deepEqual(changeOf('+w'), { add: 0o200 });
  assert.deepEqual(changeOf('a+rx'), { add: 0o555 });
  assert.deepEqual(changeOf('ug+w'), { add: 0o220 });
  for (const mode of ['4755', '1777', 'u+s', '-w', 'g=r', 'a+X', 'u+x,g+x', '75'])
    assert.equal(changeOf(mode), undefined, mode);
});

test('chown by names and numbers, of everything below', () => {
  assert.deepEqual(read('chown -R shop:staff /srv && chown 10 a && chown :20 b'), [
    { kind: 'chown', recursive: true, user: 'shop', group: 'staff', paths: plain('/srv') },
    { kind: 'chown', recursive: false, user: '10', group: undefined, paths: plain('/work/a') },
    { kind: 'chown', recursive: false, user: undefined, group: '20', paths: plain('/work/b') },
  ]);
  for (const owner of ['shop:', 'shop.staff', ':', '+5', '""'])
    assert.equal(read(`chown ${owner} a`), undefined, owner);
});

test('a pattern in the last part is kept as one', () => {
  assert.deepEqual(read('chmod +x bin/*.sh'), [
    {
      kind: 'chmod',
      recursive: false,
      change: { add: 0o111 },
      paths: [{ path: '/work/bin/*.sh', pattern: true }],
    },
  ]);
  for (const text of ['chmod +x */run', 'chmod +x r?n', 'chmod +x [ab]', "chmod +x '*'*", 'mkdir -p a*'])
    assert.equal(read(text), undefined, text);
});

test('anything else is not read, whatever stands beside it', () => {
  for (const text of [
    'mkdir -p /data && useradd shop',
    'mkdir -p /data || true',
    'mkdir -m 700 /data',
    'mkdir',
    'mkdir -p $WORDS',
    'mkdir -p /run/$UID',
    'mkdir -p $NOWHERE',
    'mkdir -p a/../b',
    'mkdir -p {a,b}',
    'X=1 mkdir a',
    'mkdir a -p',
    'chown -h 1 a',
    'chown -RL 1 a',
    'chmod --reference=a b',
    'chmod +x a > log',
    '/bin/mkdir a',
    'touch a',
    '',
  ])
    assert.equal(read(text), undefined, text);
});
