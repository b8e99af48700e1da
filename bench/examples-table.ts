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

/** A table in Markdown: a row for each example, in each cell Layerwright, then plain buildx. */
export function examplesTable({ samples, machine }: ExamplesResult): string {
  const folders = [...new Set(samples.map(({ folder }) => folder))];
  const rows = folders.map((folder) => {
    const own = samples.filter((one) => one.folder === folder);
    return row([
      `[${folder}](../examples/${folder})`,
      own.find(({ way }) => way !== null)?.way ?? '-',
      ...SCENARIOS.flatMap((scenario) => {
        const of = (peer: ExampleSample['peer']) =>
          own.find((one) => one.peer === peer && one.scenario === scenario);
        const [ours, plain] = [of('layerwright'), of('buildx')];
        return [`${seconds(ours)} / ${seconds(plain)}`, `${pushed(ours)} / ${pushed(plain)}`];
      }),
    ]);
  });
  const titles = SCENARIOS.flatMap((scenario) => [`${scenario}, s`, 'pushed']);
  const failures = samples.flatMap(({ folder, peer, scenario, failure }) =>
    failure === null ? [] : [`- ${folder}, ${scenario}, ${peer}: ${failure}`],
  );
  const { processors, processor, memoryBytes, versions, date } = machine;
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    row(['example', 'way', ...titles]),
    row(['---', '---', ...titles.map(() => '---:')]),
    ...rows,
    ...(failures.length > 0 ? ['', 'Failed:', '', ...failures] : []),
    '',
    `${processors} processors (${processor}), ${formatBytes(memoryBytes)} of memory; ${named.join(', ')}; ${date.slice(0, 10)}`,
    '',
  ].join('\n');
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function seconds(sample: ExampleSample | undefined): string {
  if (sample === undefined) return '-';
  return sample.seconds === null ? 'failed' : sample.seconds.toFixed(1);
}

function pushed(sample: ExampleSample | undefined): string {
  return sample === undefined || sample.pushedBytes === null ? '-' : formatBytes(sample.pushedBytes);
}
