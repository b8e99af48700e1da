import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkOut, type Project } from '../demo/project.ts';
import { formatBytes, formatSeconds } from '../src/report/format.ts';
import { putBase } from './base-image.ts';
import { type FreshHost, onFreshHost, type Surroundings } from './fresh-host.ts';
import { pullOf, type StoredImage, storedImage } from './image-bytes.ts';
import type { BenchOptions } from './options.ts';
import { type BuildBy, DOCKERFILE, withLink } from './peers.ts';
import { type Peer, type Sample, SCENARIOS, type Scenario } from './sample.ts';
import { changeAround, type Example } from './scenarios.ts';
import type { Traffic } from './traffic.ts';

/** What all samples are made with. */
export interface Bench {
  readonly surroundings: Surroundings;
  /** What is built. */
  readonly example: Example;
  /** A directory for checkouts and fresh hosts. */
  readonly directory: string;
  readonly peers: Readonly<Record<Peer, BuildBy>>;
  readonly traffic: () => Traffic;
}

/** One peer on its way through the scenarios of a run. */
interface Track {
  readonly peer: Peer;
  readonly project: Project;
  /** Without the registry. */
  readonly repository: string;
  /** The image of the scenario before. */
  previous: StoredImage | undefined;
}

/** What is to be measured in a run. */
type Wanted = Pick<BenchOptions, 'peers' | 'scenarios'> & Partial<Pick<BenchOptions, 'linkAsFar'>>;

/** The repository of a peer's images in a run, without the registry: empty before its first scenario. */
export function repositoryOf(peer: Peer, run: number): string {
  return `bench/${peer}-${run}`;
}

/**
 * Goes through the scenarios once, the peers side by side in each: what slows the machine for a while slows them all.
 *
 * @returns samples of the wanted scenarios; the cold build, on which the others stand, is always made
 */
export async function measureRun(
  bench: Bench,
  { peers, scenarios, linkAsFar = 'base-patched' }: Wanted,
  run: number,
): Promise<Sample[]> {
  const { host, registry } = bench.surroundings;
  const base = { registry, ...bench.example.base };
  const tracks = await Promise.all(peers.map((peer) => trackOf(bench, peer, run)));
  const samples: Sample[] = [];
  const last = Math.max(...scenarios.map((scenario) => SCENARIOS.indexOf(scenario)));
  for (const scenario of SCENARIOS.slice(0, last + 1)) {
    if (scenario !== 'cold' && !scenarios.includes(scenario)) continue;
    const before = await changeAround(host, base, scenario);
    try {
      for (const track of tracks)
        if (track.peer !== 'recipe-link' || isAsFar(scenario, linkAsFar))
          samples.push(await measure(bench, track, scenario, run));
    } finally {
      // Also after Ctrl-C: the next run begins with it.
      if (before) await putBase({ ...host, signal: new AbortController().signal }, base, before);
    }
  }
  return samples.filter(({ scenario }) => scenarios.includes(scenario));
}

function isAsFar(scenario: Scenario, last: Scenario): boolean {
  return SCENARIOS.indexOf(scenario) <= SCENARIOS.indexOf(last);
}

async function trackOf({ surroundings, directory, example }: Bench, peer: Peer, run: number): Promise<Track> {
  const place = join(directory, `${peer}-${run}`);
  const project = await checkOut(surroundings.host, example.directory, place);
  if (peer === 'recipe-link') {
    const path = join(place, DOCKERFILE);
    await writeFile(path, withLink(await readFile(path, 'utf8')));
  }
  return { peer, project, repository: repositoryOf(peer, run), previous: undefined };
}

async function measure(bench: Bench, track: Track, scenario: Scenario, run: number): Promise<Sample> {
  const { surroundings, directory, example } = bench;
  const { host, registry } = surroundings;
  const { peer, project, repository } = track;
  await example.changes[scenario]?.(project);
  const place = join(directory, 'host');
  const measured = await onFreshHost(surroundings, place, (fresh) => counted(bench, track, scenario, fresh));
  const image = await storedImage(host, registry, repository, scenario);
  const sample = { scenario, peer, run, ...measured, ...pullOf(image, track.previous) };
  track.previous = image;
  host.output.talk(
    `${scenario}, ${peer}: ${formatSeconds(sample.seconds)}, ${formatBytes(sample.sentBytes)} pushed, a node pulls ${formatBytes(sample.pullBytes)}\n`,
  );
  return sample;
}

async function counted(
  { surroundings, directory, peers, traffic }: Bench,
  { peer, project, repository }: Track,
  scenario: Scenario,
  fresh: FreshHost,
) {
  const before = traffic();
  const built = await peers[peer](surroundings, fresh, {
    checkout: project.directory,
    repository: `${surroundings.registry}/${repository}`,
    tag: scenario,
    logFile: join(directory, `${peer}-${scenario}.log`),
  });
  const after = traffic();
  return {
    ...built,
    sentBytes: after.sent - before.sent,
    receivedBytes: after.received - before.received,
  };
}
