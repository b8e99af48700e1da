import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selectFromPylock } from '../../src/lockfiles/pylock.ts';
import type { SelectedDistribution } from '../../src/lockfiles/selected.ts';
import type { LockSelection } from '../../src/python/recognise/lock-selection.ts';
import { environmentOf, pins, projectFile, selection } from './support.ts';

const LOCK = projectFile('pylock/pylock.toml');

function selected(wishes: Partial<LockSelection>, lock = LOCK, python = '3.11.2') {
  return selectFromPylock({
    lock,
    root: '/app',
    selection: selection(wishes),
    environment: environmentOf(python),
  });
}

test('markers look at extras and groups that are on', () => {
  assert.equal(pins(selected({})), 'markupsafe==3.0.2 pluggy==1.5.0 six==1.17.0 typing-extensions==4.16.0');
  assert.equal(pins(selected({ defaultGroups: false }, LOCK, '3.12.1')), 'markupsafe==3.0.2 six==1.17.0');
  assert.match(
    pins(selected({ extras: ['plain'], onlyGroups: ['dev'] })),
    /^iniconfig==\S+ (?!.*pluggy).*\btoolz==/,
  );
  assert.match(pins(selected({ extras: 'all', groups: 'all' })), /^iniconfig.*pluggy.*toolz/);
  assert.match(pins(selected({ extras: ['none'] })), /does not have the extra or group none/);
  assert.match(pins(selected({ without: ['six'] })), /^(?!.*six)/);
});

test('a lock for others is a reason', () => {
  assert.match(pins(selected({}, LOCK, '3.9.1')), /for Python >=3\.10/);
  assert.match(pins(selected({}, LOCK.replaceAll("'linux'", "'win32'"))), /other environments/);
  assert.match(
    pins(selected({}, LOCK.replace('lock-version = "1.0"', 'lock-version = "1.1"'))),
    /version 1\.1/,
  );
  assert.match(
    pins(selected({}, LOCK.replace("'test' in dependency_groups", "'test' in else"))),
    /is not known/,
  );
});

test('every origin that there may be', () => {
  const hash = 'a'.repeat(64);
  const origin = (text: string) => {
    const found = selected(
      {},
      `lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "A.b"\nversion = "1"\n${text}`,
    );
    return 'reason' in found ? found.reason : (found[0] as SelectedDistribution).origin;
  };
  assert.deepEqual(
    origin(
      `vcs = { type = "git", url = "https://a.example/b.git", requested-revision = "v1", commit-id = "${'1'.repeat(40)}", subdirectory = "c" }`,
    ),
    {
      ...{
        kind: 'git',
        url: 'https://a.example/b.git',
        requested: 'v1',
        commit: '1'.repeat(40),
        subdirectory: 'c',
      },
    },
  );
  assert.deepEqual(origin('directory = { path = "lib", editable = true, subdirectory = "x" }'), {
    ...{ kind: 'directory', path: '/app/lib/x', editable: true },
  });
  assert.deepEqual(
    origin(`archive = { url = "https://a.example/b-1.zip", size = 7, hashes = { sha256 = "${hash}" } }`),
    {
      ...{ kind: 'url', url: 'https://a.example/b-1.zip', sha256: hash, size: 7, subdirectory: undefined },
    },
  );
  const file = `url = "https://a.example/a_b-1-py3-none-any.whl", hashes = { sha256 = "${hash}" }`;
  assert.deepEqual(origin(`wheels = [{ ${file} }]`), {
    ...{ kind: 'files', sdist: undefined },
    wheels: [
      {
        url: 'https://a.example/a_b-1-py3-none-any.whl',
        filename: 'a_b-1-py3-none-any.whl',
        sha256: hash,
        size: undefined,
      },
    ],
  });
  for (const [text, reason] of [
    [`wheels = [{ ${file} }]\ndirectory = { path = "lib" }`, /does not say where/],
    ['', /does not say where/],
    [`wheels = [{ path = "w/a_b-1-py3-none-any.whl", ${file} }]`, /no address or no SHA-256/],
    ['archive = { path = "b.zip", hashes = { sha256 = "a" } }', /file of the project/],
    ['vcs = { type = "hg", url = "https://a.example/b", commit-id = "1" }', /Git by a commit/],
  ] as const)
    assert.match(String(origin(text)), reason);
});
