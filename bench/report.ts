import { table } from '../demo/table.ts';
import { formatBytes, formatSeconds } from '../src/report/format.ts';
import type { Machine } from './machine.ts';
import {
  type DockerSample,
  median,
  PEERS,
  type Peer,
  type Sample,
  SCENARIOS,
  type Scenario,
} from './sample.ts';
import { TARGETS, timesFaster, type Verdict, verdicts } from './targets.ts';

/** Everything that a bench found out. */
export interface BenchResult {
  readonly schemaVersion: 1;
  readonly machine: Machine;
  /** One for each build, in the order in which they were made. */
  readonly samples: readonly Sample[];
  /** One for each image and run; empty unless a Docker Engine was asked for. */
  readonly docker: readonly DockerSample[];
  /** Every target for which there are samples. */
  readonly verdicts: readonly Verdict[];
}

/** The samples with what they are worth. */
export function benchResult(
  machine: Machine,
  samples: readonly Sample[],
  docker: readonly DockerSample[],
): BenchResult {
  return { schemaVersion: 1, machine, samples, docker, verdicts: verdicts(samples, docker) };
}

/** The tables for people: how much faster than the recipe, whether the targets are met, then seconds and bytes. */
export function benchReport({ machine, samples, docker, verdicts: checked }: BenchResult): string {
  const sections = [
    `Times faster than the recipe\n\n${ratioTable(samples, checked)}`,
    ...(checked.length > 0 ? [`Targets\n\n${verdictTable(checked)}`] : []),
    `Seconds and bytes\n\n${figureTable(samples)}`,
    ...(docker.length > 0
      ? [`Pulled by a Docker Engine that had nothing, and started\n\n${dockerTable(docker)}`]
      : []),
    `${machineLine(machine)}\n`,
  ];
  return sections.join('\n');
}

/** `4.2x`, `120x`. */
export function formatTimes(times: number): string {
  return `${times.toFixed(times < 99.95 ? 1 : 0)}x`;
}

function ratioTable(samples: readonly Sample[], checked: readonly Verdict[]): string {
  const peers = measured(PEERS, samples, ({ peer }) => peer);
  const rows = measured(SCENARIOS, samples, ({ scenario }) => scenario).map((scenario) => [
    scenario,
    ...peers.map((peer) => {
      const times = timesFaster(samples, scenario, peer);
      return times === undefined ? '-' : formatTimes(times);
    }),
    targetOf(scenario),
    wordFor(checked.find(({ what }) => what === `${scenario}: faster than the recipe`)),
  ]);
  return table(['scenario', ...peers, 'target', ''], rows, 1);
}

function targetOf(scenario: Scenario): string {
  const { times } = TARGETS[scenario];
  return times === undefined ? '-' : `>= ${times}x`;
}

function wordFor(found: Verdict | undefined): string {
  return found === undefined ? '' : found.met ? 'met' : 'MISSED';
}

function verdictTable(checked: readonly Verdict[]): string {
  const rows = checked.map((one) => [
    one.what,
    formatAs(one.unit, one.measured),
    one.wanted,
    formatAs(one.unit, one.limit),
    wordFor(one),
  ]);
  return table(['what', 'measured', '', 'target', ''], rows, 1);
}

function formatAs(unit: Verdict['unit'], value: number): string {
  if (unit === 'bytes') return formatBytes(value);
  return unit === 'seconds' ? `${value.toFixed(2)} s` : `${value.toFixed(2)}x`;
}

function figureTable(samples: readonly Sample[]): string {
  const rows = measured(SCENARIOS, samples, ({ scenario }) => scenario).flatMap((scenario) =>
    measured(PEERS, samples, ({ peer }) => peer).flatMap((peer) => {
      const some = samples.filter((one) => one.scenario === scenario && one.peer === peer);
      return some.length === 0 ? [] : [figures(scenario, peer, some)];
    }),
  );
  const titles = ['scenario', 'by', 'seconds', 'pushed', 'fetched', 'a node pulls', 'of', 'new layers'];
  return table([...titles, 'builder', 'peak memory'], rows, 2);
}

function figures(scenario: Scenario, peer: Peer, some: readonly Sample[]): string[] {
  const middle = (value: (sample: Sample) => number) => median(some.map(value));
  const peaks = some.flatMap(({ peakMemoryBytes }) => peakMemoryBytes ?? []);
  return [
    scenario,
    peer,
    `${middle(({ seconds }) => seconds).toFixed(2)} s`,
    formatBytes(middle(({ sentBytes }) => sentBytes)),
    formatBytes(middle(({ receivedBytes }) => receivedBytes)),
    formatBytes(middle(({ pullBytes }) => pullBytes)),
    formatBytes(middle(({ imageBytes }) => imageBytes)),
    `${middle(({ newLayers }) => newLayers)} of ${middle(({ layers }) => layers)}`,
    some.some(({ builderStarted }) => builderStarted) ? 'started' : 'none',
    peaks.length === 0 ? '-' : formatBytes(Math.max(...peaks)),
  ];
}

function dockerTable(docker: readonly DockerSample[]): string {
  const rows = measured(PEERS, docker, ({ peer }) => peer).map((peer) => {
    const some = docker.filter((one) => one.peer === peer);
    return [
      peer,
      formatSeconds(median(some.map(({ pullSeconds }) => pullSeconds))),
      formatSeconds(median(some.map(({ startSeconds }) => startSeconds))),
    ];
  });
  return table(['image of', 'pulled in', 'answers after'], rows, 1);
}

function machineLine({ processors, processor, memoryBytes, versions, date }: Machine): string {
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `${processors} processors (${processor}), ${formatBytes(memoryBytes)} of memory; ${named.join(', ')}; ${date.slice(0, 10)}`;
}

/** Those of the known that there is a sample of, in their order. */
function measured<T extends string, S>(
  known: readonly T[],
  samples: readonly S[],
  of: (sample: S) => T,
): readonly T[] {
  return known.filter((one) => samples.some((sample) => of(sample) === one));
}
