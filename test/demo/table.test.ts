import assert from 'node:assert/strict';
import { test } from 'node:test';
import { textTable } from '../../demo/table.ts';
import { ROWS } from './rows.ts';

test('the table stands in columns, numbers to the right', () => {
  assert.deepEqual(textTable(ROWS).split('\n'), [
    '  build             by            seconds     pushed   layers made',
    '  ────────────────────────────────────────────────────────────────',
    '  nothing known     recipe         66.3 s   542.0 MB             -',
    '  nothing known     layerwright    15.4 s   269.3 MB      74 of 81',
    '  nothing changed   recipe          1.2 s     5.7 kB             -',
    '  nothing changed   layerwright     0.4 s    36.1 kB       1 of 81',
    '',
  ]);
});
