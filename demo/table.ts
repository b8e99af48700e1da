import { formatBytes, formatSeconds } from '../src/report/format.ts';

/** One measured build. */
export interface Row {
  /** What was known and what had changed, e.g. `nothing changed`. */
  readonly scenario: string;
  /** The recipe is the same Dockerfile, built by buildx with a layer cache in the registry. */
  readonly tool: 'layerwright' | 'recipe';
  /** Wall-clock seconds of the whole command. */
  readonly seconds: number;
  /** Bytes of new blobs in the registry: of the image and of the layer cache. */
  readonly pushedBytes: number;
  /** Layers of the image that were there or found, and all of them. Null where nobody counted. */
  readonly foundLayers: number | null;
  readonly allLayers: number | null;
}

/** The columns of the table, for the terminal and for the page. */
export const COLUMNS: readonly { readonly title: string; readonly cell: (row: Row) => string }[] = [
  { title: 'build', cell: ({ scenario }) => scenario },
  { title: 'by', cell: ({ tool }) => tool },
  { title: 'seconds', cell: ({ seconds }) => formatSeconds(seconds) },
  { title: 'pushed', cell: ({ pushedBytes }) => formatBytes(pushedBytes) },
  {
    title: 'layers made',
    cell: ({ foundLayers, allLayers }) =>
      foundLayers === null || allLayers === null ? '-' : `${allLayers - foundLayers} of ${allLayers}`,
  },
];

/** Columns of words stand to the left, those of numbers to the right. */
export const WORD_COLUMNS = 2;

/** The rows as a table for a terminal, each line with its line end. */
export function textTable(rows: readonly Row[]): string {
  return table(
    COLUMNS.map(({ title }) => title),
    rows.map((row) => COLUMNS.map(({ cell }) => cell(row))),
    WORD_COLUMNS,
  );
}

/** Cells in columns below their titles; the first `words` columns stand to the left, the others to the right. */
export function table(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  words: number,
): string {
  const widths = titles.map((title, index) =>
    Math.max(title.length, ...rows.map((row) => row[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, index) =>
        index < words ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0),
      )
      .join('   ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('───');
  return [line(titles), rule, ...rows.map(line)].map((text) => `  ${text}\n`).join('');
}
