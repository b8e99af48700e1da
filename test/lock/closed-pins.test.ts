import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applicable } from '../../src/lock/applicable.ts';
import { lockFromPins } from '../../src/lock/closed-pins.ts';
import { lockScope } from '../../src/lock/key.ts';
import type { LockInput, PreviousLock } from '../../src/lock/lock-input.ts';
import type { LockedDistribution, WheelFacts } from '../../src/python/lock.ts';
import type { PipOptions } from '../../src/python/recognise/pip-options.ts';
import { testHost } from '../support/host.ts';
import {
  fileName,
  type IndexWishes,
  type Projects,
  type Release,
  sha256,
  type TestIndex,
  testIndex,
} from './index-server.ts';
import { lockInput } from './support.ts';

const PROJECTS: Projects = {
  web: [
    {
      version: '1.0',
      requires: ['core>=1,<3', 'speed>=1; extra == "fast"', 'win; sys_platform == "win32"'],
      extras: ['fast'],
    },
    { version: '2.0', requires: ['core>=2', 'extra-thing'] },
  ],
  core: [
    { version: '1.0' },
    { version: '2.0', python: '>=3.8' },
    { version: '2.1', python: '>=3.12' },
    { version: '2.2', yanked: true },
    { version: '2.3', tags: 'sdist' },
    { version: '2.4', tags: 'cp311-cp311-musllinux_1_2_x86_64' },
    { version: '2.5', requires: ['web<1'] },
    { version: '2.6', requires: ['thing @ https://example.org/thing.whl'] },
    { version: '2.7', requires: ['speed; platform_release > "6"'] },
    { version: '3.0' },
  ],
  speed: [{ version: '1.0' }, { version: '1.1' }],
};

/** A lock as an earlier build left it, for pins of this index. */
function previousLock(
  index: TestIndex,
  input: LockInput,
  pins: Readonly<Record<string, string>>,
): PreviousLock {
  const facts = new Map<string, WheelFacts>();
  const distributions = Object.entries(pins).map(([name, version]): LockedDistribution => {
    const release = PROJECTS[name]?.find((one) => one.version === version) as Release;
    const filename = fileName(name, release);
    const hash = sha256(index.files.get(filename) as Buffer);
    const { requires = [], python, extras = [] } = release;
    facts.set(hash, {
      ...{ sha256: hash, name, version, paths: [], bytes: 0, purelib: true, scripts: [] },
      ...{ requiresDist: requires, requiresPython: python, extras },
    });
    const url = `${index.url.replace('simple', 'files')}/${filename}`;
    return { name, version, wheel: { url, filename, sha256: hash, size: undefined }, requested: true };
  });
  return { scope: lockScope(input), lock: { distributions }, facts };
}

async function fromPins(
  pins: string,
  wishes: IndexWishes & {
    options?: Partial<PipOptions>;
    constraints?: string;
    installed?: Record<string, string>;
  } = {},
) {
  await using index = await testIndex(PROJECTS, { metadata: true, ...wishes });
  const { options, ...more } = wishes;
  const input = lockInput(pins, { ...more, options: { indexUrl: index.url, ...options } });
  const applying = applicable(input);
  assert.ok(!('reason' in applying), 'reason' in applying ? applying.reason : '');
  const previous = previousLock(index, input, { web: '1.0', core: '1.0', speed: '1.0' });
  const found = await lockFromPins(testHost(), applying, previous);
  return {
    found: found?.map(({ name, version, wheel }) => [name, version, wheel?.filename]),
    requests: index.requests,
  };
}

test('only what changed is asked for, and taken if everything still fits', async () => {
  for (const wishes of [{}, { metadata: false }, { html: true, metadata: false }]) {
    const { found, requests } = await fromPins('web[fast]==1.0\ncore==2.0\nspeed==1.0', wishes);
    assert.deepEqual(found, [
      ['web', '1.0', 'web-1.0-py3-none-any.whl'],
      ['core', '2.0', 'core-2.0-py3-none-any.whl'],
      ['speed', '1.0', 'speed-1.0-py3-none-any.whl'],
    ]);
    assert.ok(
      requests.every((request) => request.includes('core')),
      requests.join(),
    );
  }
});

test('nothing is asked for if nothing changed, or something is only left out', async () => {
  const { found, requests } = await fromPins('web==1.0\ncore==1.0');
  assert.equal(found?.length, 2);
  assert.deepEqual(requests, []);
});

test('what is not surely right is left to the resolver', async () => {
  const unclear: Record<string, string> = {
    'others do not allow it': 'web==1.0\ncore==3.0',
    'it does not allow others': 'web==1.0\ncore==2.5',
    'it wants another Python': 'web==1.0\ncore==2.1',
    'it was withdrawn': 'web==1.0\ncore==2.2',
    'it has no wheel': 'web==1.0\ncore==2.3',
    'it has no wheel that fits': 'web==1.0\ncore==2.4',
    'it is not on the index': 'web==1.0\ncore==2.9',
    'it needs something from an address': 'web==1.0\ncore==2.6',
    'it depends on the machine': 'web==1.0\ncore==2.7',
    'something is missing': 'web==2.0\ncore==2.0',
    'an extra needs more': 'web[fast]==1.0\ncore==1.0',
    'a requirement is not pinned': 'web==1.0\ncore==1.0\nspeed>=1',
    'a pin is a pattern': 'web==1.0\ncore==1.*',
    'two pins contradict': 'web==1.0\ncore==1.0\ncore==2.0',
    'the hash is another': `web==1.0 --hash=sha256:${'0'.repeat(64)}\ncore==1.0 --hash=sha256:${'0'.repeat(64)}`,
  };
  for (const [why, pins] of Object.entries(unclear))
    assert.equal((await fromPins(pins)).found, undefined, why);
  const constrained = await fromPins('web==1.0\ncore==2.0', { constraints: 'core<2' });
  assert.equal(constrained.found, undefined, 'a constraint forbids it');
  const local = await fromPins('web==1.0\ncore==1.0', { installed: { core: '1.0+patched' } });
  assert.equal(local.found, undefined, 'what is installed may be kept');
});

test("an index that fails is the resolver's to tell, and another scope is no earlier lock", async () => {
  await using index = await testIndex(PROJECTS);
  index.intercept = (_request, response) => {
    response.writeHead(401).end();
    return true;
  };
  const input = lockInput('web==1.0\ncore==2.0', { options: { indexUrl: index.url } });
  const applying = applicable(input);
  assert.ok(!('reason' in applying));
  const previous = previousLock(index, input, { web: '1.0', core: '1.0' });
  assert.equal(await lockFromPins(testHost(), applying, previous), undefined);
  assert.ok(index.requests.length > 0);
  const asked = index.requests.length;
  const other = {
    ...previous,
    scope: lockScope(lockInput('a', { options: { indexUrl: 'https://other.example/s' } })),
  };
  assert.equal(await lockFromPins(testHost(), applying, other), undefined);
  assert.equal(index.requests.length, asked);
});

test('without dependencies only the named ones count', async () => {
  const { found } = await fromPins('web==1.0', { options: { noDeps: true } });
  assert.deepEqual(
    found?.map(([name]) => name),
    ['web'],
  );
  assert.equal((await fromPins('web==1.0')).found, undefined);
});
