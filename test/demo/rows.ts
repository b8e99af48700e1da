import type { Row } from '../../demo/table.ts';

/** Rows as a run of the demo gives them. */
export const ROWS: readonly Row[] = [
  row('nothing known', 'recipe', [66.31, 542_000_000], [null, null]),
  row('nothing known', 'layerwright', [15.36, 269_300_000], [7, 81]),
  row('nothing changed', 'recipe', [1.21, 5_700], [null, null]),
  row('nothing changed', 'layerwright', [0.41, 36_100], [80, 81]),
];

function row(
  scenario: string,
  tool: Row['tool'],
  [seconds, pushedBytes]: readonly [number, number],
  [foundLayers, allLayers]: readonly [number | null, number | null],
): Row {
  return { scenario, tool, seconds, pushedBytes, foundLayers, allLayers };
}
