import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryDirectory } from '../../src/host/files.ts';
import { applicable } from '../../src/lock/applicable.ts';
import { lockFromPins } from '../../src/lock/closed-pins.ts';
import { lockScope } from '../../src/lock/key.ts';
import type { PreviousLock } from '../../src/lock/lock-input.ts';
import { resolveLock } from '../../src/lock/resolve.ts';
import type { WheelFacts } from '../../src/python/lock.ts';
import { randomNumbers } from '../python/pip-oracle.ts';
import { testHost } from '../support/host.ts';
import { fileName, type Projects, type Release, sha256, testIndex } from './index-server.ts';
import { lockInput } from './support.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];

/** Projects that need each other, under conditions that often contradict a pin. */
function randomProjects(random: (below: number) => number): Projects {
  const pick = (choices: readonly string[]) => choices[random(choices.length)] as string;
  return Object.fromEntries(
    NAMES.map((name, place) => [
      name,
      ['1.0', '1.1', '2.0'].map(
        (version): Release => ({
          version,
          extras: ['x'],
          requires: NAMES.slice(place + 1)
            .filter(() => random(3) === 0)
            .map((other) => {
              const needed = `${other}${pick(['', '', '[x]'])}`;
              const condition = pick(['', '', '>=1', '<2', '!=1.1', '~=1.0', '==2.*', '>1.0']);
              return `${needed}${condition}${pick(['', '', '', '; extra == "x"', '; python_version < "3.9"'])}`;
            }),
          ...(random(12) === 0 ? { python: '>=3.12' } : {}),
        }),
      ),
    ]),
  );
}

test('the shortcut says what the resolver says, or nothing', async () => {
  const random = randomNumbers(7);
  const pick = (choices: readonly string[]) => choices[random(choices.length)] as string;
  await using directory = await temporaryDirectory();
  const verdicts = { taken: 0, left: 0 };
  for (let round = 0; round < 40; round++) {
    const projects = randomProjects(random);
    await using index = await testIndex(projects, { metadata: random(2) === 0 });
    const own = `${directory.path}/${round}`;
    const host = testHost({ env: { ...process.env, UV_CACHE_DIR: own } });
    const names = NAMES.filter(() => random(3) > 0);
    const old = new Map(NAMES.map((name) => [name, pick(['1.0', '1.1', '2.0'])]));
    const bumped = new Map(old).set(pick(NAMES), pick(['1.0', '1.1', '2.0']));
    const pins = names.map((name) => `${name}${pick(['', '', '[x]'])}==${bumped.get(name)}`).join('\n');
    const input = lockInput(pins, { options: { indexUrl: index.url } });
    const applying = applicable(input);
    assert.ok(!('reason' in applying));
    const found = await lockFromPins(host, applying, previousOf(projects, index, old, lockScope(input)));
    verdicts[found ? 'taken' : 'left']++;
    if (found === undefined) continue;
    const resolved = await resolveLock(host, input);
    assert.ok(!('reason' in resolved), pins);
    const shown = (list: typeof found) =>
      list.map(({ name, version, wheel }) => [name, version, wheel?.sha256]);
    assert.deepEqual(shown(found).sort(), shown(resolved.lock.distributions), pins);
  }
  assert.ok(verdicts.taken > 3 && verdicts.left > 3, JSON.stringify(verdicts));
});

function previousOf(
  projects: Projects,
  index: { url: string; files: ReadonlyMap<string, Buffer> },
  versions: ReadonlyMap<string, string>,
  scope: string,
): PreviousLock {
  const facts = new Map<string, WheelFacts>();
  const distributions = [...versions].map(([name, version]) => {
    const release = projects[name]?.find((one) => one.version === version) as Release;
    const filename = fileName(name, release);
    const hash = sha256(index.files.get(filename) as Buffer);
    facts.set(hash, {
      ...{ sha256: hash, name, version, paths: [], bytes: 0, purelib: true, scripts: [], extras: ['x'] },
      ...{ requiresDist: release.requires ?? [], requiresPython: release.python },
    });
    const url = `${index.url.replace('simple', 'files')}/${filename}`;
    return { name, version, wheel: { url, filename, sha256: hash, size: undefined }, requested: true };
  });
  return { scope, lock: { distributions }, facts };
}
