import { formatBytes } from '../src/report/format.ts';
import type { Machine } from './machine.ts';

/** One build of an example on a host that had neither a builder nor caches. */
export interface ExampleSample {
  /** Below `examples`. */
  readonly folder: string;
  readonly peer: 'buildx' | 'layerwright';
  readonly scenario: 'cold' | 'one line' | 'one package';
  /** How it was built, by the command's own word; null for buildx, and where it failed. */
  readonly way: string | null;
  /** Wall-clock seconds from the bare host to the pushed image; null where it failed. */
  readonly seconds: number | null;
  /** What went over the wire to the registry, the cache included; null where it failed. */
  readonly pushedBytes: number | null;
  readonly builderStarted: boolean | null;
  /** Why there is nothing; null if it was built. */
  readonly failure: string | null;
}

/** Everything that was measured. */
export interface ExamplesResult {
  readonly schemaVersion: 1;
  readonly machine: Machine;
  readonly samples: readonly ExampleSample[];
}

const SCENARIOS = ['cold', 'one line', 'one package'] as const;
const TITLES = ['example', 'way', ...SCENARIOS.flatMap((scenario) => [`${scenario}, s`, 'pushed'])];
const ROW = /^\| \[([^\]]+)\]\(/;
const FAILURE = /^- ([^ ,]+), (?:cold|one line|one package), (?:buildx|layerwright): /;
const MEASURED = /^Measured on: /;

/**
 * A table in Markdown: a row for each example, in each cell Layerwright, then plain buildx; below it what failed, and the machine.
 *
 * @param document a text that has such a table: its rows of other examples stay, and so does all around the table
 * @param order the folders in the order of rows
 */
export function examplesTable(result: ExamplesResult, order: readonly string[], document = ''): string {
  const { samples, machine } = result;
  const lines = document.split('\n');
  const folders = new Set(samples.map(({ folder }) => folder));
  const rows = new Map(
    lines.flatMap((line) => {
      const folder = ROW.exec(line)?.[1];
      return folder === undefined ? [] : [[folder, cellsOf(line)] as const];
    }),
  );
  for (const folder of folders) rows.set(folder, rowOf(folder, samples));
  const failures = [
    ...lines.filter((line) => FAILURE.test(line) && !folders.has(FAILURE.exec(line)?.[1] ?? '')),
    ...samples.flatMap(({ folder, peer, scenario, failure }) =>
      failure === null ? [] : [`- ${folder}, ${scenario}, ${peer}: ${failure.split('\n', 1)[0]}`],
    ),
  ];
  const sorted = [...rows].sort(([a], [b]) => placeOf(a, order) - placeOf(b, order));
  const table = [
    ...aligned([TITLES, ...sorted.map(([, cells]) => cells)]),
    ...(failures.length > 0 ? ['', 'Failed:', '', ...failures] : []),
    ...['', measuredOn(machine)],
  ];
  const start = lines.findIndex((line) => line.startsWith('| example'));
  const end = lines.findIndex((line) => MEASURED.test(line));
  if (start < 0 || end < start) return `${table.join('\n')}\n`;
  return [...lines.slice(0, start), ...table, ...lines.slice(end + 1)].join('\n');
}

/** The examples that a document has rows of. */
export function examplesIn(document: string): ReadonlySet<string> {
  return new Set(document.split('\n').flatMap((line) => ROW.exec(line)?.[1] ?? []));
}

/** What is not measured any more comes last. */
function placeOf(folder: string, order: readonly string[]): number {
  const place = order.indexOf(folder);
  return place < 0 ? order.length : place;
}

function rowOf(folder: string, samples: readonly ExampleSample[]): readonly string[] {
  const own = samples.filter((one) => one.folder === folder);
  return [
    `[${folder}](../examples/${folder})`,
    own.find(({ way }) => way !== null)?.way ?? '-',
    ...SCENARIOS.flatMap((scenario) => {
      const of = (peer: ExampleSample['peer']) =>
        own.find((one) => one.peer === peer && one.scenario === scenario);
      const [ours, plain] = [of('layerwright'), of('buildx')];
      return [`${seconds(ours)} / ${seconds(plain)}`, `${pushed(ours)} / ${pushed(plain)}`];
    }),
  ];
}

function cellsOf(line: string): readonly string[] {
  const cells = line.split('|').map((cell) => cell.trim());
  return cells.slice(1, -1);
}

/** The first two columns to the left, numbers to the right. */
function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = TITLES.map((_, at) => Math.max(...rows.map((cells) => cells[at]?.length ?? 0)));
  const rule = widths.map((width, at) => (at < 2 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, at) => pad(cells[at] ?? '-', width, at)).join(' | ')} |`;
  const [titles = [], ...rest] = rows;
  return [line(titles), `| ${rule.join(' | ')} |`, ...rest.map(line)];
}

function pad(cell: string, width: number, at: number): string {
  return at < 2 ? cell.padEnd(width) : cell.padStart(width);
}

function measuredOn({ processors, processor, memoryBytes, versions, date }: Machine): string {
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `Measured on: ${processors} processors (${processor}), ${formatBytes(memoryBytes)} of memory; ${named.join(', ')}; ${date.slice(0, 10)}. One run of each; PyPI and the base images are near.`;
}

function seconds(sample: ExampleSample | undefined): string {
  if (sample === undefined) return '-';
  return sample.seconds === null ? 'failed' : sample.seconds.toFixed(1);
}

function pushed(sample: ExampleSample | undefined): string {
  return sample === undefined || sample.pushedBytes === null ? '-' : formatBytes(sample.pushedBytes);
}
