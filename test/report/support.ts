import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BuildOutcome, type BuildState, createBuildProgress } from '../../src/engine/progress.ts';
import type { Clock } from '../../src/host/clock.ts';
import { type BuildResultParts, buildResult } from '../../src/report/build-result.ts';

/** The builds in `recordings/`: see its README. */
export type Recording =
  | 'cold'
  | 'unchanged'
  | 'one-line'
  | 'run-failed'
  | 'warning'
  | 'platforms'
  | 'interrupted'
  | 'cache-refused';

/** What buildx wrote to standard error, line by line. */
export function recordedLines(name: Recording): readonly string[] {
  const path = join(import.meta.dirname, 'recordings', `${name}.jsonl`);
  return readFileSync(path, 'utf8').trimEnd().split('\n');
}

/** A clock that stands still until it is set. */
export interface SetClock extends Clock {
  ms: number;
}

export function setClock(): SetClock {
  const clock = { ms: 0, now: () => new Date(clock.ms), monotonicMs: () => clock.ms };
  return clock;
}

export interface Played {
  readonly state: BuildState;
  readonly clock: SetClock;
}

/**
 * Plays a recorded build. The clock shows what the builder's showed when it wrote the line, from 0 at its first.
 *
 * @param until stop behind the first line that has this text, the build still under way
 * @param each called after each line
 */
export function play(
  name: Recording,
  options: {
    readonly outcome?: BuildOutcome;
    readonly until?: string;
    readonly clock?: SetClock;
    readonly each?: (state: BuildState, line: string) => void;
  } = {},
): Played {
  const clock = options.clock ?? setClock();
  const progress = createBuildProgress(clock);
  const lines = recordedLines(name);
  const startMs = Math.min(...timesIn(lines[0] ?? ''), ...timesIn(lines[1] ?? ''));
  for (const line of lines) {
    clock.ms = Math.max(clock.ms, ...timesIn(line).map((time) => time - startMs));
    progress.feed(line);
    options.each?.(progress.state, line);
    if (options.until !== undefined && line.includes(options.until)) return { state: progress.state, clock };
  }
  progress.end(options.outcome ?? 'built');
  return { state: progress.state, clock };
}

function timesIn(line: string): readonly number[] {
  return [...line.matchAll(/"(?:started|completed)":"([^"]+)"/g)].map(([, time]) =>
    Date.parse(time as string),
  );
}

/** One vertex as BuildKit tells of it; times in milliseconds. */
export interface Told {
  readonly name: string;
  readonly started?: number;
  readonly completed?: number;
  readonly cached?: boolean;
  readonly error?: string;
  readonly inputs?: readonly string[];
  readonly progressGroup?: { readonly id: string; readonly name: string; readonly weak?: boolean };
}

/** A line of progress in which BuildKit tells of these vertices. Their digests are their names. */
export function vertexLine(...vertexes: readonly Told[]): string {
  const timed = vertexes.map(({ name, started, completed, ...rest }) => ({
    digest: name,
    name,
    ...rest,
    ...(started === undefined ? {} : { started: new Date(started).toISOString() }),
    ...(completed === undefined ? {} : { completed: new Date(completed).toISOString() }),
  }));
  return JSON.stringify({ vertexes: timed });
}

/** A line in which a step prints. */
export function logLine(vertex: string, text: string | Uint8Array, stream = 1): string {
  return JSON.stringify({ logs: [{ vertex, stream, data: Buffer.from(text).toString('base64') }] });
}

/** A line that tells how far a transfer is. */
export function transferLine(vertex: string, id: string, current: number, total?: number): string {
  return JSON.stringify({ statuses: [{ id, vertex, current, total, started: new Date(0).toISOString() }] });
}

/** The result of a recorded build, with the plan of `layerwright build -t 127.0.0.1:5000/team/chat:1 --push`. */
export function resultOf(
  name: Recording,
  outcome: BuildOutcome = 'built',
  parts: Partial<BuildResultParts> = {},
) {
  const { state, clock } = play(name, { outcome });
  return buildResult({
    plan: PLAN,
    builder: { name: 'testbed', driver: 'remote' },
    looks: [],
    metadata: outcome === 'built' ? { 'containerimage.digest': `sha256:${'1'.repeat(64)}` } : {},
    state,
    compressedBytes: undefined,
    seconds: { total: clock.ms / 1_000, connect: 0.01, cacheLookup: 0.02 },
    ...parts,
  });
}

const CACHE = 'type=registry,ref=127.0.0.1:5000/team/chat:cache';

/** What `layerwright build -t 127.0.0.1:5000/team/chat:1 --push` plans. */
export const PLAN: BuildResultParts['plan'] = {
  way: 'solved',
  target: 'final',
  platforms: [],
  segments: [
    { stage: 'base', fromLine: 1, toLine: 4, reason: '--way solved' },
    { stage: 'final', fromLine: 6, toLine: 9, reason: '--way solved' },
  ],
  tags: ['127.0.0.1:5000/team/chat:1'],
  cacheFrom: [{ spec: CACHE, reference: '127.0.0.1:5000/team/chat:cache' }],
  cacheTo: [`${CACHE},mode=max`],
};
