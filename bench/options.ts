import { parseArgs } from 'node:util';
import { usageError } from '../src/errors.ts';
import { PEERS, type Peer, SCENARIOS, type Scenario } from './sample.ts';

/** What is to be measured, and how it is told. */
export interface BenchOptions {
  /** How often everything is measured; the tables have medians. */
  readonly runs: number;
  readonly peers: readonly Peer[];
  readonly scenarios: readonly Scenario[];
  /** The last scenario that `recipe-link` goes through. */
  readonly linkAsFar: Scenario;
  /** Whether the images are pulled and started by a Docker Engine too. */
  readonly docker: boolean;
  readonly json: boolean;
}

export const USAGE = `Measures builds of examples/chat, each on a host that forgot everything, against the widely copied recipe.

  npm run bench -- [--quick] [--runs N] [--peers A,B] [--scenarios A,B] [--docker] [--json]

  --quick      one run (default: three); unless peers are named, recipe-link goes only as far as one-line, the scenario
               in which --link makes a difference
  --runs       how often everything is measured; the tables have medians
  --peers      of ${PEERS.join(', ')}; default: all
  --scenarios  of ${SCENARIOS.join(', ')}; default: all.
               They build on each other, so they are gone through in this order, beginning with a cold build
  --docker     pulls and starts the images in a Docker Engine too
  --json       prints one object with every sample on standard output
`;

const DEFAULT_RUNS = 3;
const MOST_RUNS = 100;

/**
 * Reads the command line; undefined if only help is wanted.
 *
 * @throws LayerwrightError `BENCH_USAGE` (2)
 */
export function benchOptions(args: readonly string[]): BenchOptions | undefined {
  const values = parsed(args);
  if (values.help) return undefined;
  return {
    runs: runsOf(values.runs, values.quick ? 1 : DEFAULT_RUNS),
    peers: listOf('--peers', values.peers, PEERS),
    scenarios: listOf('--scenarios', values.scenarios, SCENARIOS),
    linkAsFar: values.quick && values.peers === undefined ? 'one-line' : 'base-patched',
    docker: values.docker ?? false,
    json: values.json ?? false,
  };
}

function parsed(args: readonly string[]) {
  try {
    const flag = { type: 'boolean' } as const;
    const text = { type: 'string' } as const;
    return parseArgs({
      args: [...args],
      options: {
        ...{ quick: flag, docker: flag, json: flag, help: flag },
        ...{ runs: text, peers: text, scenarios: text },
      },
    }).values;
  } catch (error) {
    // It rejects words that it does not know.
    throw refused((error as Error).message);
  }
}

function runsOf(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const runs = Number(text);
  if (Number.isInteger(runs) && runs >= 1 && runs <= MOST_RUNS) return runs;
  throw refused(`--runs is a number from 1 to ${MOST_RUNS}, not "${text}"`);
}

/** In the order of `known`, whatever order they were named in. */
function listOf<T extends string>(flag: string, text: string | undefined, known: readonly T[]): readonly T[] {
  if (text === undefined) return known;
  const named = text.split(',').map((one) => one.trim());
  const strange = named.find((one) => !known.includes(one as T));
  if (strange !== undefined) throw refused(`${flag}: "${strange}" is none of ${known.join(', ')}`);
  return known.filter((one) => named.includes(one));
}

function refused(what: string) {
  return usageError('BENCH_USAGE', what, 'See npm run bench -- --help.');
}
