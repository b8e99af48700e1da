import assert from 'node:assert/strict';
import { test } from 'node:test';
import { textTable } from '../../demo/table.ts';
import { ROWS } from './rows.ts';

test('the table stands in columns, numbers to the right', () => {
  assert.deepEqual(textTable(ROWS).split('\n'), [
    '  build              by            seconds     pushed    pulled   steps cached',
    '  ────────────────────────────────────────────────────────────────────────────',
    '  nothing known      layerwright    97.4 s   462.0 MB   54.1 MB         0 of 7',
    '  nothing changed    layerwright     1.4 s     5.7 kB    7.5 MB         7 of 7',
    '  nothing changed    buildx          0.6 s        0 B         -              -',
    '  one line changed   layerwright     1.9 s    33.9 kB    7.5 MB         6 of 7',
    '',
  ]);
});
