import type { Row } from '../../demo/table.ts';

/** Rows as a run of the demo gives them. */
export const ROWS: readonly Row[] = [
  row('nothing known', 'layerwright', [97.36, 461_975_000, 54_100_000], [0, 7]),
  row('nothing changed', 'layerwright', [1.41, 5_700, 7_500_000], [7, 7]),
  row('nothing changed', 'buildx', [0.64, 0, null], [null, null]),
  row('one line changed', 'layerwright', [1.87, 33_900, 7_500_000], [6, 7]),
];

function row(
  scenario: string,
  tool: Row['tool'],
  [seconds, pushedBytes, pulledBytes]: readonly [number, number, number | null],
  [cachedSteps, totalSteps]: readonly [number | null, number | null],
): Row {
  return { scenario, tool, seconds, pushedBytes, pulledBytes, cachedSteps, totalSteps };
}
