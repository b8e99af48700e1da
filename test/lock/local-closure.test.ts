import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lockAtHand, type WheelAtHand } from '../../src/lock/local-closure.ts';
import type { LockInput } from '../../src/lock/lock-input.ts';
import { FACTS, lockInput } from './support.ts';

interface Said {
  readonly tag?: string;
  readonly needs?: readonly string[];
  readonly python?: string;
  readonly directUrl?: string;
}

function wheel(name: string, version: string, said: Said = {}): WheelAtHand {
  const { tag = 'py3-none-any', needs = [], python, directUrl } = said;
  const filename = `${name}-${version}-${tag}.whl`;
  const sha256 = Buffer.from(filename).toString('hex').padEnd(64, '0').slice(0, 64);
  return {
    wheel: { url: `layerwright:wheel/${name}`, filename, sha256, size: 1 },
    facts: {
      ...{ sha256, name, version, paths: [], bytes: 1, purelib: true, scripts: [], extras: [] },
      ...{ requiresDist: needs, requiresPython: python },
    },
    directUrl,
  };
}

function reasonOf(input: LockInput, wheels: readonly WheelAtHand[]): string {
  const found = lockAtHand(input, wheels);
  return 'reason' in found ? found.reason : 'none';
}

test('what is needed of the wheels at hand is taken, whatever else there is', () => {
  const wheels = [
    wheel('app', '2.0', { needs: ['lib>=1', 'win; sys_platform == "win32"', 'more; extra == "x"'] }),
    wheel('unused', '1.0'),
    wheel('lib', '1.5'),
    wheel('lib', '1.5', { tag: 'cp27-cp27m-win32' }),
  ];
  const found = lockAtHand(lockInput('app==2.0'), wheels);
  assert.ok('lock' in found, JSON.stringify(found));
  assert.deepEqual(
    found.lock.distributions.map(({ name, version, requested }) => [name, version, requested]),
    [
      ['app', '2.0', true],
      ['lib', '1.5', false],
    ],
  );
  assert.deepEqual(
    found.changes.map(({ action }) => action),
    ['install', 'install'],
  );
});

test('extras, and what they need, are followed', () => {
  const wheels = [wheel('app', '2.0', { needs: ['more>1; extra == "x"'] }), wheel('more', '2.0')];
  const found = lockAtHand(lockInput('app[x]'), wheels);
  assert.ok('lock' in found);
  assert.deepEqual(
    found.lock.distributions.map(({ name }) => name),
    ['app', 'more'],
  );
});

test('where pip would have to choose, or would fail, it does so itself', () => {
  const app = wheel('app', '2.0', { needs: ['lib>=1'] });
  const lib = wheel('lib', '1.5');
  assert.match(reasonOf(lockInput('app'), [app]), /lib is needed and not in the set/);
  assert.match(reasonOf(lockInput('app==3'), [app, lib]), /app 2\.0 is not what is asked for/);
  assert.match(reasonOf(lockInput('app'), [app, lib, wheel('lib', '1.6')]), /more than one wheel of lib/);
  assert.match(reasonOf(lockInput('lib'), [wheel('lib', '2.0rc1')]), /pre-release/);
  assert.match(reasonOf(lockInput('lib'), [wheel('lib', '2.0.dev3')]), /pre-release/);
  assert.match(reasonOf(lockInput('lib'), [wheel('lib', '1.5', { python: '>=3.99' })]), /wants Python/);
  assert.match(
    reasonOf(lockInput('lib'), [wheel('lib', '1.5', { tag: 'cp27-cp27m-win32' })]),
    /not in the set/,
  );
  const hashed = lockInput(`lib==1.5 --hash=sha256:${'a'.repeat(64)}`);
  assert.match(reasonOf(hashed, [lib]), /hashes/);
});

test('what is installed already stays if it is the same, unless its file is named', () => {
  const there = (version: string): LockInput => ({
    ...lockInput('lib'),
    facts: {
      ...FACTS,
      installed: [{ name: 'lib', version, metadata: '/usr/lib/lib.dist-info', removable: true }],
    },
  });
  const same = lockAtHand(there('1.5'), [wheel('lib', '1.5')]);
  assert.ok('lock' in same);
  assert.deepEqual(
    same.changes.map(({ action }) => action),
    ['keep'],
  );
  assert.match(reasonOf(there('1.4'), [wheel('lib', '1.5')]), /lib is installed already/);
  assert.match(
    reasonOf(there('1.5'), [wheel('lib', '1.5', { directUrl: '{}' })]),
    /lib is installed already/,
  );
});
