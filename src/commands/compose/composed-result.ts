import type { ComposedLayer } from '../../compose/compose.ts';
import type { KeeperTrouble } from '../../compose/keeper.ts';
import type { SolveRequest } from '../../compose/solve-request.ts';
import type { WalkedSegment } from '../../compose/walk.ts';
import type { Builder } from '../../engine/builder.ts';
import type { BuildState } from '../../engine/progress.ts';
import { totalsOf } from '../../engine/progress-totals.ts';
import type { BuildPlan } from '../../plan/build-plan.ts';
import {
  type BuildResult,
  type BuildResultParts,
  type CacheRead,
  type CacheWritten,
  cachesOf,
  cacheWarnings,
  type LayersResult,
  type SegmentResult,
} from '../../report/build-result.ts';

/** What of a segment is told. */
export type ResultSegment = Pick<WalkedSegment, 'kind' | 'stage' | 'fromLine' | 'toLine' | 'why'> & {
  readonly request: Pick<SolveRequest, 'key'> | undefined;
};

/** What a composed build's result is put together from. */
export interface ComposedParts {
  readonly plan: BuildPlan;
  readonly composed: {
    readonly walked: { readonly segments: readonly ResultSegment[] };
    readonly layers: readonly ComposedLayer[];
    /** What BuildKit solved in this run. */
    readonly solved: readonly Pick<SolveRequest, 'key'>[];
  };
  readonly digest: string;
  readonly compressedBytes: number;
  readonly sentBytes: number;
  readonly pulledBytes: number;
  readonly builder: Builder | undefined;
  /** What was found at the layer caches before the first segment was solved. */
  readonly looks: BuildResultParts['looks'];
  /** What BuildKit said of each segment that it solved. */
  readonly states: readonly BuildState[];
  /** What the cache repository could not do. */
  readonly troubles: readonly KeeperTrouble[];
  /** What changed since the last build of the branch, in lines. */
  readonly changes: readonly string[];
  /** Wall clock. */
  readonly seconds: number;
}

/** The result of a composed build. Pure. */
export function composedResult(parts: ComposedParts): BuildResult {
  const { plan, composed, builder, states } = parts;
  const totals = states.map(totalsOf);
  const sum = (of: (totals: ReturnType<typeof totalsOf>) => number) =>
    totals.reduce((all, one) => all + of(one), 0);
  const solved = new Set(composed.solved.map(({ key }) => key));
  const cache = cachesOfAll(parts);
  return {
    schemaVersion: 1,
    outcome: 'built',
    target: plan.target,
    platforms: plan.platforms,
    way: 'composed',
    reason: reasonOf(composed),
    builder: builder === undefined ? null : { name: builder.name, driver: builder.driver },
    segments: composed.walked.segments.map((segment) => segmentResult(segment, solved)),
    layers: layersResult(composed.layers),
    changes: parts.changes,
    stages: [],
    steps: {
      cached: sum(({ steps }) => steps.cached),
      executed: sum(({ steps }) => steps.executed),
      total: sum(({ steps }) => steps.total),
    },
    bytes: {
      pulled: parts.pulledBytes + sum(({ bytes }) => bytes.pulled),
      pushed: parts.sentBytes + sum(({ bytes }) => bytes.pushed ?? 0),
      context: sum(({ bytes }) => bytes.context),
    },
    seconds: {
      total: Math.round(parts.seconds * 1000) / 1000,
      connect: sum(({ ms }) => ms.connect) / 1000,
      cacheLookup: 0,
      context: sum(({ ms }) => ms.context) / 1000,
      import: sum(({ ms }) => ms.cacheImport) / 1000,
      solve: sum(({ ms }) => ms.solve) / 1000,
      export: sum(({ ms }) => ms.export) / 1000,
      push: sum(({ ms }) => ms.push) / 1000,
      cacheExport: sum(({ ms }) => ms.cacheExport) / 1000,
    },
    cache,
    directories: [],
    image: { digest: parts.digest, references: plan.tags, compressedBytes: parts.compressedBytes },
    warnings: [...cacheWarnings(cache), ...parts.troubles.map(troubleWarning)],
    next: [],
  };
}

function troubleWarning({ detail }: KeeperTrouble): BuildResult['warnings'][number] {
  const message =
    'the cache repository could not be used fully: more is made now or next time than would have to be';
  return { message, detail, file: null, line: null, url: null };
}

function reasonOf({ walked, solved }: ComposedParts['composed']): string {
  if (walked.segments.every(({ kind }) => kind === 'composed')) return 'nothing has to run';
  return solved.length === 0 ? 'what has to run was solved before' : 'BuildKit solved what has to run';
}

/** Each layer cache once, though each segment reads and writes it: the best that reading, the worst that writing came to. */
function cachesOfAll({ plan, looks, states }: ComposedParts): BuildResult['cache'] {
  const each = states.map((state) => cachesOf({ plan, looks, state }, 'built'));
  return {
    from: plan.cacheFrom.flatMap((_, at) =>
      foremost(
        each.map(({ from }) => from[at] as CacheRead),
        ['hit', 'unreadable', 'miss', 'off'],
      ),
    ),
    to: plan.cacheTo.flatMap((_, at) =>
      foremost(
        each.map(({ to }) => to[at] as CacheWritten),
        ['failed', 'written', 'off'],
      ),
    ),
  };
}

/** The first one by the order of outcomes; none if there are none. */
function foremost<T extends { readonly outcome: string }>(
  all: readonly T[],
  order: readonly T['outcome'][],
): readonly T[] {
  return [...all].sort((a, b) => order.indexOf(a.outcome) - order.indexOf(b.outcome)).slice(0, 1);
}

function segmentResult(segment: ResultSegment, solved: ReadonlySet<string>): SegmentResult {
  const { kind, stage, fromLine, toLine, why, request } = segment;
  const isNew = request !== undefined && solved.has(request.key);
  return {
    ...{ kind, stage, fromLine, toLine },
    outcome: kind === 'composed' ? 'composed' : isNew ? 'solved' : 'reused',
    reasons: why.map(({ place, instruction, reason, hint }) => ({
      place,
      instruction,
      reason,
      hint: hint ?? null,
    })),
  };
}

function layersResult(layers: readonly ComposedLayer[]): LayersResult {
  const made = layers.flatMap(({ layer, blob, outcome, seconds }) =>
    outcome === 'made' && layer.kind !== 'given'
      ? [
          {
            title: layer.title,
            bytes: blob?.descriptor.size ?? 0,
            seconds: Math.round(seconds * 1000) / 1000,
          },
        ]
      : [],
  );
  return {
    given: layers.filter(({ outcome }) => outcome === 'given').length,
    found: layers.filter(({ outcome }) => outcome === 'found').length,
    made,
  };
}
