/** Who is measured. */
export const PEERS = ['recipe', 'recipe-link', 'layerwright'] as const;
export type Peer = (typeof PEERS)[number];

/** What is known and what has changed, in the order in which one run goes through them. */
export const SCENARIOS = [
  'cold',
  'unchanged',
  'one-line',
  'one-package',
  'five-packages',
  'base-patched',
] as const;
export type Scenario = (typeof SCENARIOS)[number];

/** One measured build, on a host that had neither a builder nor caches. Sizes in bytes. */
export interface Sample {
  readonly scenario: Scenario;
  readonly peer: Peer;
  /** From 1. */
  readonly run: number;
  /** Wall-clock seconds of everything from the bare host to the pushed image, the builder's start included. */
  readonly seconds: number;
  readonly builderStarted: boolean;
  /** How the build was done, by the command's own word; null for those that do not tell. */
  readonly way: string | null;
  /** What went over the wire to the registry and from it, headers and all. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Manifest, config and layers of the image. */
  readonly imageBytes: number;
  /** What of it a node fetches that has the image of the scenario before; all of it when cold. */
  readonly pullBytes: number;
  readonly layers: number;
  /** Layers among {@link pullBytes}. */
  readonly newLayers: number;
  /** The most memory that our own process had resident; null for programs that are not ours. */
  readonly peakMemoryBytes: number | null;
}

/** One image pulled by a Docker Engine that had none of it, and started. */
export interface DockerSample {
  readonly peer: Peer;
  readonly run: number;
  readonly pullSeconds: number;
  /** From `docker run` to the first answer of the service. */
  readonly startSeconds: number;
}

/** The middle one, or the mean of the middle two. NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length / 2;
  return Number.isInteger(middle)
    ? ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2
    : (sorted[Math.floor(middle)] ?? Number.NaN);
}
