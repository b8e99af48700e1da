import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  isRootUser,
  pipDestination,
  refuseForbidden,
  refuseUnreadable,
  stepUser,
} from '../../../src/compose/install/step-user.ts';
import { uvLockFile } from '../../../src/compose/install/uv-lock-file.ts';
import { type ImageState, NotComposable } from '../../../src/compose/state.ts';
import type { PathEntry } from '../../../src/image/path-entry.ts';
import { emptyIndex } from '../../../src/image/path-index.ts';
import { withLayer } from '../../../src/image/path-index-layer.ts';
import type { Destination } from '../../../src/python/recognise/recognise.ts';
import { FACTS } from '../../lock/support.ts';

const PASSWD = 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n';
const library = FACTS.scheme.purelib.slice(1);

function entry(path: string, mode: number, id = 0, type: PathEntry['type'] = 'directory'): PathEntry {
  return { path, type, mode, uid: id, gid: id, size: 0, link: '' };
}

const parts = library.split('/');
const ENTRIES = [
  ...parts.map((_, at) => entry(parts.slice(0, at + 1).join('/'), 0o755)),
  entry('etc/passwd', 0o644, 0, 'file'),
  entry('home', 0o755),
  entry('home/app', 0o755, 1000),
  entry('secret.txt', 0o600, 0, 'file'),
];

function stateOf(
  user: string,
  env: readonly string[] = [],
  entries: readonly PathEntry[] = [],
  passwd = PASSWD,
) {
  const files = {
    index: withLayer(emptyIndex(), [...ENTRIES, ...entries]),
    contents: new Map(passwd === '' ? [] : [['etc/passwd', passwd]]),
  };
  return { files, stage: { image: { config: { User: user, Env: env } } } } as unknown as ImageState;
}

const refuse = (reason: string, hint?: string) => new NotComposable(1, reason, hint);

function destination(
  state: ImageState,
  more: { pip?: string | undefined; venv?: string; env?: object } = {},
) {
  const { env = {}, ...facts } = more;
  const python = { ...FACTS, pip: '23.0.1', ...facts };
  const asked: Destination = { kind: 'environment' };
  return pipDestination(state, python, { destination: asked, tool: 'pip', env: { ...env } }, refuse);
}

test('pip takes the home directory where its user may not write into the environment', () => {
  assert.deepEqual(destination(stateOf('')), { kind: 'environment' });
  assert.deepEqual(destination(stateOf('app')), { kind: 'user', directory: '/home/app/.local' });
  assert.deepEqual(destination(stateOf('1000')), { kind: 'user', directory: '/home/app/.local' });
  const named = stateOf('app', ['PYTHONUSERBASE=/home/app/own']);
  assert.deepEqual(destination(named, { env: { PYTHONUSERBASE: '/home/app/own' } }), {
    ...{ kind: 'user', directory: '/home/app/own' },
  });
  const own = stateOf('app', [], [entry(library, 0o755, 1000)]);
  assert.deepEqual(destination(own), { kind: 'environment' });
});

test('where pip would fail, or is not known to, it is not composed', () => {
  const fails = (pattern: RegExp, ...args: Parameters<typeof destination>) =>
    assert.throws(
      () => destination(...args),
      (error) => error instanceof NotComposable && pattern.test(error.reason),
    );
  fails(/may not write/, stateOf('app'), { venv: '/opt/venv' });
  fails(/may not write/, stateOf('app'), { pip: '19.3.1' });
  fails(/may not write/, stateOf('app'), { pip: undefined });
  fails(/may not write/, stateOf('app', ['PYTHONNOUSERSITE=1']));
  fails(/another one for this command/, stateOf('app'), { env: { HOME: '/x' } });
  fails(/another one for this command/, stateOf('app'), { env: { PYTHONUSERBASE: '/x' } });
  fails(/who nobody is/, stateOf('nobody'));
  fails(/passwd was not read/, stateOf('1000', [], [], ''));
});

test('what a user writes and removes has to be allowed', () => {
  const state = stateOf('app');
  const user = stepUser(state, refuse);
  const file = (path: string) => entry(path, 0o644, 1000, 'file');
  const check = (written: readonly PathEntry[], removed: readonly PathEntry[] = []) =>
    refuseForbidden(state, state.files.index, user, { written, removed }, refuse);
  check([entry('home/app/.local', 0o755, 1000), file('home/app/.local/lib/a.py')]);
  assert.throws(() => check([file(`${library}/a.py`)]), /may not write into/);
  assert.throws(() => check([file('x/a.py')]), /may not write into/);
  assert.throws(() => check([], [entry(`${library}/.wh.a`, 0o644, 0, 'file')]), /may not write into/);
  check([], [entry('home/app/.wh.a', 0o644, 0, 'file')]);
  const root = stateOf('');
  refuseForbidden(
    root,
    root.files.index,
    stepUser(root, refuse),
    { written: [file('x')], removed: [] },
    refuse,
  );
});

test('what a user reads has to be readable', () => {
  refuseUnreadable(stateOf('app'), ['/etc/passwd', '/not/there'], refuse);
  refuseUnreadable(stateOf('root'), ['/secret.txt'], refuse);
  assert.throws(
    () => refuseUnreadable(stateOf('app'), ['/secret.txt'], refuse),
    /may not read \/secret\.txt/,
  );
});

test('root is root by name and by number, alone', () => {
  assert.deepEqual(
    ['', '0', 'root', '0:0', 'root:root'].filter((user) => !isRootUser(user)),
    [],
  );
  assert.deepEqual(['1000', 'app', 'root:users', '0:100'].filter(isRootUser), []);
});

test('the file by which uv keeps other runs away is of who runs it', () => {
  const { index } = stateOf('').files;
  const file = uvLockFile(index, { tool: 'uv' }, { uid: 1000, gid: 1000 }, '/home/app').at(-1);
  assert.deepEqual([file?.path, file?.uid, file?.gid], ['home/app/.lock', 1000, 1000]);
  const above = withLayer(index, [entry('home/app', 0o2755, 50)]);
  const below = uvLockFile(above, { tool: 'uv' }, { uid: 1000, gid: 1000 }, '/home/app').at(-1);
  assert.deepEqual([below?.uid, below?.gid], [1000, 50]);
});
