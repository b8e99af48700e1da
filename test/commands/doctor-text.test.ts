import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderDoctor, wrapped } from '../../src/commands/doctor/text.ts';
import type { CheckRecord } from '../../src/commands/doctor.ts';

const check = (
  title: string,
  status: CheckRecord['status'],
  found: string,
  more: Partial<CheckRecord> = {},
) => ({
  name: title,
  group: 'Engine' as const,
  title,
  status,
  found,
  mend: null,
  seconds: 0,
  ...more,
});
const lines = (...checks: CheckRecord[]) =>
  renderDoctor({ schemaVersion: 1, outcome: 'ok', checks }).split('\n');

test('groups, a sign and a word for each check, what mends below, one closing line', () => {
  assert.deepEqual(
    lines(
      check('Docker', 'ok', '29.0.0'),
      check('Builder', 'problem', 'does not answer', { mend: 'Start it.' }),
      check('Store', 'skipped', 'none', { group: 'Registry and caches' }),
      check('uv', 'warning', 'not there', { mend: 'layerwright engine install' }),
    ),
    [
      'Engine',
      '  ✓ ok       Docker   29.0.0',
      '  ✗ problem  Builder  does not answer',
      '                      → Start it.',
      '  ! warning  uv       not there',
      '                      → layerwright engine install',
      '',
      'Registry and caches',
      '  - skipped  Store    none',
      '',
      '1 problem, 1 warning.',
      '',
    ],
  );
});

test('the closing line tells warnings from problems, and nothing from both', () => {
  assert.equal(lines(check('a', 'ok', 'x')).at(-2), 'Nothing stands in the way of a build.');
  assert.equal(
    lines(check('a', 'warning', 'x'), check('b', 'warning', 'x')).at(-2),
    '2 warnings, no problem.',
  );
  assert.equal(lines(check('a', 'problem', 'x')).at(-2), '1 problem.');
});

test('80 columns are enough for words; what has no spaces stays whole, to be copied', () => {
  const long = 'word '.repeat(60).trim();
  const reference = `registry.example.com/${'x'.repeat(80)}`;
  const found = lines(check('Registry login', 'problem', long, { mend: `${long} ${reference}` }));
  assert.ok(found.filter((line) => !line.includes(reference)).every((line) => line.length <= 80));
  assert.ok(found.some((line) => line.endsWith(reference)));
  assert.deepEqual(wrapped('aa bb cc', 5), ['aa bb', 'cc']);
  assert.deepEqual(wrapped('', 5), ['']);
});
