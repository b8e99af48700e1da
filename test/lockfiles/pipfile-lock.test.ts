import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selectFromPipfileLock } from '../../src/lockfiles/pipfile-lock.ts';
import type { LockSelection } from '../../src/python/recognise/lock-selection.ts';
import { environmentOf, pins, projectFile, selection } from './support.ts';

const LOCK = projectFile('pipenv/Pipfile.lock');
const PIPFILE = projectFile('pipenv/Pipfile');

function selected(
  wishes: Partial<LockSelection>,
  lock = LOCK,
  pipfile: string | undefined = PIPFILE,
  python = '3.11.2',
) {
  return pins(
    selectFromPipfileLock({
      lock,
      pipfile,
      fresh: true,
      selection: selection(wishes),
      environment: environmentOf(python),
    }),
  );
}

test('the default list, and others that are asked for', () => {
  assert.match(selected({}), /^certifi==\S+ .*\bclick==.*\bdocopt==0\.6\.2 .*\bpysocks==/);
  assert.doesNotMatch(selected({}), /pytest|tomli/);
  assert.match(selected({ groups: ['dev'] }), /\bpytest==/);
  assert.match(selected({ onlyGroups: ['dev'] }), /^(?!.*click).*\bpytest==/);
});

test('pipenv finds out whether the lock belongs to the Pipfile, by its hash', () => {
  assert.match(selected({}, LOCK, PIPFILE.replace('Click', 'click')), /\bclick==/, 'names are normalised');
  assert.match(
    selected({}, LOCK, PIPFILE.replace('markupsafe = "*"', 'markupsafe = ">=2"')),
    /was not made for this Pipfile/,
  );
  assert.match(selected({}, LOCK, `${PIPFILE}\n[extra]\nsix = "*"\n`), /was not made for this Pipfile/);
  assert.match(
    selected({}, LOCK.replace(/"sha256": "[0-9a-f]{4}/, '"sha256": "0000')),
    /was not made for this Pipfile/,
  );
});

test('what is not pinned to an index by hashes is a reason', () => {
  const changed = (change: (one: Record<string, unknown>) => Record<string, unknown> | string): string => {
    const document = JSON.parse(LOCK);
    document.default.click = change(document.default.click);
    const chosen = selectFromPipfileLock({
      ...{ lock: JSON.stringify(document), pipfile: undefined, fresh: false },
      ...{ selection: selection(), environment: environmentOf('3.11.2') },
    });
    return pins(chosen);
  };
  assert.doesNotMatch(
    changed((one) => ({ ...one, markers: "python_version < '3.8'" })),
    /click/,
  );
  for (const [change, reason] of [
    [(one: object) => ({ ...one, markers: "platform_release > '5'" }), /markers of click/],
    [(one: object) => ({ ...one, index: 'other' }), /an index that it knows/],
    [(one: object) => ({ ...one, hashes: undefined }), /a SHA-256/],
    [(one: object) => ({ ...one, version: '*' }), /a version/],
    [
      () => ({ git: 'https://a.example/click.git', ref: 'main' }),
      /click of Pipfile\.lock comes from no index \(git/,
    ],
    [() => ({ path: '.', editable: true }), /click of Pipfile\.lock comes from no index \(path/],
    [(one: object) => ({ ...one, no_binary: true }), /options of pip for click/],
    [() => '*', /does not pin click/],
  ] as const)
    assert.match(changed(change), reason);
  assert.match(
    selected({}, LOCK.replace('https://pypi.org/simple', 'https://${TOKEN}@a.example/simple')),
    /not known before the build/,
  );
  assert.match(selected({}, LOCK.replace('"pipfile-spec": 6', '"pipfile-spec": 7')), /of version 7/);
  assert.match(selected({}, '[]'), /no JSON/);
  const everywhere = `${PIPFILE}\n[pipenv]\ninstall_search_all_sources = true\n`;
  assert.match(selected({}, LOCK, everywhere), /search all package sources/);
});
