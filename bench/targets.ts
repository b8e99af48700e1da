import { type DockerSample, median, type Peer, type Sample, type Scenario } from './sample.ts';

/** A limit and what was measured against it. */
export interface Verdict {
  /** What is compared, e.g. `one-line: faster than the recipe`. */
  readonly what: string;
  readonly measured: number;
  readonly limit: number;
  /** Whether more or less than the limit is wanted. */
  readonly wanted: 'at least' | 'at most';
  readonly unit: 'times' | 'seconds' | 'bytes';
  readonly met: boolean;
}

/** What Layerwright must reach, by scenario. `times` is how often its time goes into the recipe's. */
interface Target {
  readonly times?: number;
  readonly seconds?: number;
  /** Of what a node pulls that has the image before. */
  readonly pullBytes?: number;
}

const KIB = 1024;

/** At any image size: memory of our own process, and what pulling and starting may cost beside the recipe's image. */
const PEAK_MEMORY = 300_000_000;
const DOCKER_TIMES = 1.1;

/**
 * The targets (design/2-build.md, section 7). The recipe runs apt above its dependencies, so a patched base is the case
 * with a `RUN` before them. A changed line is a few bytes, so twice these and 64 KiB is 64 KiB.
 */
export const TARGETS: Readonly<Record<Scenario, Target>> = {
  cold: { times: 3 },
  unchanged: { times: 1 },
  'one-line': { times: 40, seconds: 1, pullBytes: 64 * KIB },
  'one-package': { times: 70, seconds: 1.5 },
  'five-packages': {},
  'base-patched': { times: 4 },
};

/** How often the peer's median time goes into the recipe's; undefined unless both were measured. */
export function timesFaster(samples: readonly Sample[], scenario: Scenario, peer: Peer): number | undefined {
  const recipe = secondsOf(samples, scenario, 'recipe');
  const own = secondsOf(samples, scenario, peer);
  return recipe.length === 0 || own.length === 0 ? undefined : median(recipe) / median(own);
}

/** Every target for which there are samples. */
export function verdicts(samples: readonly Sample[], docker: readonly DockerSample[] = []): Verdict[] {
  const scenarios = Object.keys(TARGETS) as Scenario[];
  return [
    ...scenarios.flatMap((scenario) => ofScenario(samples, scenario)),
    ...ofAll(samples),
    ...ofDocker(docker),
  ];
}

function ofScenario(samples: readonly Sample[], scenario: Scenario): Verdict[] {
  const own = samples.filter((one) => one.scenario === scenario && one.peer === 'layerwright');
  if (own.length === 0) return [];
  const { times, seconds, pullBytes } = TARGETS[scenario];
  const faster = timesFaster(samples, scenario, 'layerwright');
  return [
    ...(times !== undefined && faster !== undefined
      ? [verdict(`${scenario}: faster than the recipe`, faster, 'at least', times, 'times')]
      : []),
    ...(seconds !== undefined
      ? [verdict(`${scenario}: time`, median(own.map((one) => one.seconds)), 'at most', seconds, 'seconds')]
      : []),
    ...(pullBytes !== undefined
      ? [
          verdict(
            `${scenario}: a node pulls`,
            median(own.map((one) => one.pullBytes)),
            'at most',
            pullBytes,
            'bytes',
          ),
        ]
      : []),
  ];
}

function ofAll(samples: readonly Sample[]): Verdict[] {
  const peaks = samples.flatMap(({ peakMemoryBytes }) => peakMemoryBytes ?? []);
  return peaks.length === 0
    ? []
    : [verdict('peak memory of our process', Math.max(...peaks), 'at most', PEAK_MEMORY, 'bytes')];
}

function ofDocker(docker: readonly DockerSample[]): Verdict[] {
  const [recipe, own] = (['recipe', 'layerwright'] as const).map((peer) =>
    median(docker.filter((one) => one.peer === peer).map((one) => one.pullSeconds + one.startSeconds)),
  );
  if (recipe === undefined || own === undefined || Number.isNaN(recipe) || Number.isNaN(own)) return [];
  return [
    verdict(
      'cold pull and start in Docker, of the recipe\u2019s',
      own / recipe,
      'at most',
      DOCKER_TIMES,
      'times',
    ),
  ];
}

function verdict(
  what: string,
  measured: number,
  wanted: Verdict['wanted'],
  limit: number,
  unit: Verdict['unit'],
): Verdict {
  return {
    what,
    measured,
    limit,
    wanted,
    unit,
    met: wanted === 'at least' ? measured >= limit : measured <= limit,
  };
}

function secondsOf(samples: readonly Sample[], scenario: Scenario, peer: Peer): number[] {
  return samples
    .filter((one) => one.scenario === scenario && one.peer === peer)
    .map(({ seconds }) => seconds);
}
