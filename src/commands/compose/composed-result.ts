import type { ComposedLayer } from '../../compose/compose.ts';
import type { KeeperTrouble } from '../../compose/keep/keeper.ts';
import type { WalkedSegment } from '../../compose/solve/segments.ts';
import type { SolveRequest } from '../../compose/solve/solve-request.ts';
import { type Platform, platformText } from '../../dockerfile/platform.ts';
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
  type ImageResult,
  type LayersResult,
  type SegmentResult,
} from '../../report/build-result.ts';

/** What of a segment is told. */
export type ResultSegment = Pick<
  WalkedSegment,
  'kind' | 'stage' | 'fromLine' | 'toLine' | 'why' | 'notSplit'
> & {
  readonly request: Pick<SolveRequest, 'key'> | undefined;
};

/** The image of one platform. */
export interface ResultImage {
  readonly platform: Platform;
  readonly composed: {
    readonly walked: { readonly segments: readonly ResultSegment[] };
    readonly layers: readonly ComposedLayer[];
    /** What BuildKit solved in this run. */
    readonly solved: readonly { readonly request: Pick<SolveRequest, 'key'> }[];
  };
  readonly image: {
    readonly digest: string;
    readonly manifest: { readonly layers: readonly { readonly size: number }[] };
  };
}

/** What a composed build's result is put together from. */
export interface ComposedParts {
  readonly plan: BuildPlan;
  /** At least one. */
  readonly images: readonly ResultImage[];
  /** Over several images. */
  readonly index: { readonly digest: string } | undefined;
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
  const { plan, images, builder, states } = parts;
  const totals = states.map(totalsOf);
  const sum = (of: (totals: ReturnType<typeof totalsOf>) => number) =>
    totals.reduce((all, one) => all + of(one), 0);
  const cache = cachesOfAll(parts);
  return {
    schemaVersion: 1,
    outcome: 'built',
    target: plan.target,
    platforms: plan.platforms,
    way: 'composed',
    reason: reasonOf(images),
    builder: builder === undefined ? null : { name: builder.name, driver: builder.driver },
    segments: segmentsResult(images),
    layers: layersResult(distinctLayers(images)),
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
    image: imageResult(parts),
    warnings: [...cacheWarnings(cache), ...parts.troubles.map(troubleWarning)],
    next: [],
  };
}

function troubleWarning({ detail }: KeeperTrouble): BuildResult['warnings'][number] {
  const message =
    'the cache repository could not be used fully: more is made now or next time than would have to be';
  return { message, detail, file: null, line: null, url: null };
}

function reasonOf(images: readonly ResultImage[]): string {
  const segments = images.flatMap(({ composed }) => composed.walked.segments);
  if (segments.every(({ kind }) => kind === 'composed')) return 'nothing has to run';
  return images.every(({ composed }) => composed.solved.length === 0)
    ? 'what has to run was solved before'
    : 'BuildKit solved what has to run';
}

/** What the tags name; `compressedBytes` of an index are those of all its images. */
function imageResult({ plan, images, index }: ComposedParts): ImageResult {
  const manifests = images.map(({ platform, image }) => ({
    ...{ platform: platformText(platform), digest: image.digest },
    compressedBytes: image.manifest.layers.reduce((sum, { size }) => sum + size, 0),
  }));
  return {
    digest: index?.digest ?? (manifests[0]?.digest as string),
    references: plan.tags,
    compressedBytes: manifests.reduce((sum, { compressedBytes }) => sum + compressedBytes, 0),
    ...(index !== undefined && { platforms: manifests }),
  };
}

/** A layer that several platforms have counts with the first. */
function distinctLayers(images: readonly ResultImage[]): readonly ComposedLayer[] {
  const before = new Set<string>();
  return images.flatMap(({ composed: { layers } }) => {
    const keyed = layers.map((one) => {
      const { layer } = one;
      return { one, key: layer.kind === 'given' ? layer.blob.descriptor.digest : layer.key };
    });
    const own = keyed.filter(({ key }) => !before.has(key));
    for (const { key } of own) before.add(key);
    return own.map(({ one }) => one);
  });
}

/** A segment that came about in the same way for each platform is told once, else with the platform. */
function segmentsResult(images: readonly ResultImage[]): readonly SegmentResult[] {
  const all = images.flatMap(({ platform, composed: { walked, solved } }) => {
    const keys = new Set(solved.map(({ request }) => request.key));
    return walked.segments.map((segment) => ({
      platform: platformText(platform),
      segment: segmentResult(segment, keys),
    }));
  });
  const alike = [...Map.groupBy(all, ({ segment }) => JSON.stringify(segment)).values()];
  const told = alike.flatMap((same): readonly SegmentResult[] => {
    const [{ segment }] = same as [(typeof all)[number]];
    return same.length === images.length
      ? [segment]
      : same.map((one) => ({ ...segment, platform: one.platform }));
  });
  // Those of one image stay in the order of the walk.
  return images.length === 1 ? told : told.sort((a, b) => a.fromLine - b.fromLine);
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

/** @param solved keys of those that were solved in this run */
function segmentResult(segment: ResultSegment, solved: ReadonlySet<string>): SegmentResult {
  const { kind, stage, fromLine, toLine, why, request, notSplit } = segment;
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
    ...(notSplit && { notSplit: { reason: notSplit.reason, hint: notSplit.hint ?? null } }),
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
