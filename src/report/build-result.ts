import { csvFields } from '../engine/csv.ts';
import type { BuildOutcome, BuildState } from '../engine/progress.ts';
import { cacheExportsOf, cacheImportsOf, totalsOf } from '../engine/progress-totals.ts';
import { groupElapsedMs, stagesOf } from './groups.ts';

/** What a build did: the `--json` output of `layerwright build`, described in docs/reference/build.md. */
export interface BuildResult {
  readonly schemaVersion: 1;
  readonly outcome: BuildOutcome;
  readonly target: string;
  /** As asked for; empty for the builder's own. */
  readonly platforms: readonly string[];
  readonly way: 'composed' | 'split' | 'solved';
  /** Why this way, for people. */
  readonly reason: string;
  /** Null if none was needed. */
  readonly builder: { readonly name: string; readonly driver: string } | null;
  /** The instructions by how they were produced, in the order of the file. Empty if the Dockerfile was not read here. */
  readonly segments: readonly SegmentResult[];
  /** The image's layers; null if BuildKit made them all. */
  readonly layers: LayersResult | null;
  /** What changed since the last build of the branch, for people; empty if that is not known. */
  readonly changes: readonly string[];
  readonly stages: readonly StageResult[];
  /** Instructions that make layers; `FROM` is not counted. */
  readonly steps: { readonly cached: number; readonly executed: number; readonly total: number };
  /** `pushed` is null where nobody counted. */
  readonly bytes: { readonly pulled: number; readonly pushed: number | null; readonly context: number };
  /** Wall-clock seconds. Parts may overlap: `total` is not their sum. */
  readonly seconds: BuildSeconds;
  readonly cache: { readonly from: readonly CacheRead[]; readonly to: readonly CacheWritten[] };
  /** What became of each `--stage-dir`. */
  readonly directories: readonly DirectoryResult[];
  /** Null if no image came out. */
  readonly image: ImageResult | null;
  readonly warnings: readonly ResultWarning[];
  /** What to do next, for people. */
  readonly next: readonly string[];
}

/** Instructions of one stage that were produced in one way; lines count from 1. */
export interface SegmentResult {
  /** `split`: BuildKit ran it, and its layers were laid out anew, one for each group of distributions. */
  readonly kind: 'composed' | 'split' | 'solved';
  readonly stage: string;
  readonly fromLine: number;
  readonly toLine: number;
  /** `linux/arm64`; left out where all platforms of the build have it alike. */
  readonly platform?: string;
  /** `reused`: it was solved by an earlier build. */
  readonly outcome: 'composed' | 'reused' | 'solved';
  /** Of a solved one: why BuildKit had to, and what to change. */
  readonly reasons: readonly SegmentReason[];
  /** Why its layers stayed as BuildKit made them, though it may install something; left out for all others. */
  readonly notSplit?: WhyNotSplit;
}

/** Why the layers of what was installed stayed as BuildKit made them, for people. */
export interface WhyNotSplit {
  readonly reason: string;
  /** What to change; null if nothing helps. */
  readonly hint: string | null;
}

export interface SegmentReason {
  /** `Dockerfile:12`; null if it is the whole build. */
  readonly place: string | null;
  readonly instruction: string | null;
  readonly reason: string;
  readonly hint: string | null;
}

/** How many layers were there, found by their keys, and made. */
export interface LayersResult {
  readonly given: number;
  readonly found: number;
  readonly made: readonly LayerMade[];
}

export interface LayerMade {
  readonly title: string;
  /** Compressed. */
  readonly bytes: number;
  readonly seconds: number;
}

export interface StageResult {
  readonly name: string;
  readonly platform: string | null;
  readonly cached: number;
  readonly executed: number;
  readonly total: number;
  readonly seconds: number;
}

export interface BuildSeconds {
  readonly total: number;
  /** Until the builder answered. */
  readonly connect: number;
  /** Our own look at the caches, before the build. */
  readonly cacheLookup: number;
  /** Dockerfile, base image metadata and build context, to the builder. */
  readonly context: number;
  /** BuildKit's reading of the caches. */
  readonly import: number;
  readonly solve: number;
  /** Making layers and manifest of the image. */
  readonly export: number;
  readonly push: number;
  readonly cacheExport: number;
}

export interface CacheRead {
  readonly ref: string;
  /** `off`: the build ended before it was looked at, or nobody can look at this kind. */
  readonly outcome: 'hit' | 'miss' | 'unreadable' | 'off';
  readonly detail: string | null;
}

export interface CacheWritten {
  readonly ref: string;
  readonly outcome: 'written' | 'failed' | 'off';
  readonly detail: string | null;
}

export interface DirectoryResult {
  readonly stage: string;
  /** As given. */
  readonly directory: string;
  /**
   * `used`: its files stood for the stage. `filled`: they were taken out of the builder. `current`: they fit, but a layer
   * cache was there. `stale`: they do not fit, and with a layer cache there was nothing to take out. `unknown`: whether they
   * fit could not be found out. `failed`: the files could not be taken out.
   */
  readonly outcome: 'used' | 'filled' | 'current' | 'stale' | 'unknown' | 'failed';
  /** Why it is unknown or failed. */
  readonly detail: string | null;
}

export interface ImageResult {
  /** Of the manifest, or of the index over those of several platforms. */
  readonly digest: string;
  readonly references: readonly string[];
  /** Sum of the manifest's layer sizes, over all platforms. */
  readonly compressedBytes: number | null;
  /** The images of an index that was composed; left out for one image, and where BuildKit made them. */
  readonly platforms?: readonly PlatformResult[];
}

export interface PlatformResult {
  /** `linux/arm64` */
  readonly platform: string;
  readonly digest: string;
  readonly compressedBytes: number;
}

export interface ResultWarning {
  readonly message: string;
  readonly detail: string | null;
  readonly file: string | null;
  readonly line: number | null;
  readonly url: string | null;
}

/** What a result is put together from. */
export interface BuildResultParts {
  readonly plan: {
    readonly way: BuildResult['way'];
    readonly target: string;
    readonly platforms: readonly string[];
    readonly segments: readonly {
      readonly stage: string;
      readonly fromLine: number;
      readonly toLine: number;
      readonly reason: string;
    }[];
    readonly tags: readonly string[];
    readonly cacheFrom: readonly { readonly spec: string; readonly reference: string | undefined }[];
    readonly cacheTo: readonly string[];
  };
  readonly builder: { readonly name: string; readonly driver: string };
  /** What was found at the caches before the build. */
  readonly looks: readonly {
    readonly reference: string;
    readonly outcome: 'hit' | 'miss' | 'unreadable';
    readonly detail: string | undefined;
    readonly foreign?: boolean;
  }[];
  /** buildx's metadata file; empty if the build failed. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly state: BuildState;
  readonly compressedBytes: number | undefined;
  readonly directories?: readonly DirectoryResult[];
  /** Counted at the registry, where that was done. */
  readonly pushedBytes?: number | undefined;
  /** Measured around the build. */
  readonly seconds: Pick<BuildSeconds, 'total' | 'connect' | 'cacheLookup'>;
}

/** Puts together what a build did. Pure. */
export function buildResult(parts: BuildResultParts): BuildResult {
  const { plan, builder, state } = parts;
  const totals = totalsOf(state);
  const outcome = state.outcome ?? 'failed';
  const cache = cachesOf(parts, outcome);
  return {
    schemaVersion: 1,
    outcome,
    target: plan.target,
    platforms: plan.platforms,
    way: plan.way,
    reason: [...new Set(plan.segments.map((segment) => segment.reason))].join('; '),
    builder: { name: builder.name, driver: builder.driver },
    segments: plan.segments.map(({ stage, fromLine, toLine, reason }) => ({
      ...{ kind: 'solved', stage, fromLine, toLine, outcome: 'solved' },
      reasons: [{ place: null, instruction: null, reason, hint: null }],
    })),
    layers: null,
    changes: [],
    stages: stageResults(state),
    steps: totals.steps,
    bytes: {
      pulled: totals.bytes.pulled,
      pushed: parts.pushedBytes ?? totals.bytes.pushed ?? null,
      context: totals.bytes.context,
    },
    seconds: secondsOf(parts, totals.ms),
    cache,
    directories: parts.directories ?? [],
    image: imageOf(parts),
    warnings: [...warningsOf(state), ...cacheWarnings(cache)],
    next: nextOf(parts, outcome),
  };
}

function stageResults(state: BuildState): readonly StageResult[] {
  return stagesOf(state).map((stage) => {
    const { cached, executed, total } = totalsOf({ ...state, steps: stage.steps }).steps;
    const [step] = stage.steps;
    return {
      name: step?.stage || 'Dockerfile',
      platform: step?.platform ?? null,
      cached,
      executed,
      total,
      seconds: rounded(groupElapsedMs(stage, state.endedMs ?? state.startedMs) / 1000),
    };
  });
}

function secondsOf(parts: BuildResultParts, ms: ReturnType<typeof totalsOf>['ms']): BuildSeconds {
  return {
    total: rounded(parts.seconds.total),
    connect: rounded(parts.seconds.connect + ms.connect / 1000),
    cacheLookup: rounded(parts.seconds.cacheLookup),
    context: rounded(ms.context / 1000),
    import: rounded(ms.cacheImport / 1000),
    solve: rounded(ms.solve / 1000),
    export: rounded(ms.export / 1000),
    push: rounded(ms.push / 1000),
    cacheExport: rounded(ms.cacheExport / 1000),
  };
}

/** What became of the layer caches in one call of BuildKit. */
export function cachesOf(
  parts: Pick<BuildResultParts, 'plan' | 'looks' | 'state'>,
  outcome: BuildOutcome,
): BuildResult['cache'] {
  return { from: cachesRead(parts), to: cachesWritten(parts, outcome) };
}

/** BuildKit's own word on a cache counts more than our look at it, since it reads it; but not of what is no cache. */
function cachesRead({
  plan,
  looks,
  state,
}: Pick<BuildResultParts, 'plan' | 'looks' | 'state'>): readonly CacheRead[] {
  const imports = cacheImportsOf(state);
  return plan.cacheFrom.map(({ spec, reference }) => {
    const ref = reference ?? withoutSecrets(spec);
    const imported = imports.find((one) => one.ref === ref);
    const look = looks.find((one) => one.reference === ref);
    if (imported?.outcome === 'hit' && !look?.foreign)
      return { ref, outcome: 'hit', detail: (look?.outcome === 'hit' && look.detail) || null };
    const found = look?.foreign ? look : (imported ?? look);
    return { ref, outcome: found?.outcome ?? 'off', detail: found?.detail ?? null };
  });
}

function cachesWritten(
  { plan, state }: Pick<BuildResultParts, 'plan' | 'state'>,
  outcome: BuildOutcome,
): readonly CacheWritten[] {
  const exports = [...cacheExportsOf(state)];
  return plan.cacheTo.map((spec) => {
    const ref = /(?:^|,)ref=([^,]+)/.exec(spec)?.[1] ?? withoutSecrets(spec);
    const kind = /(?:^|,)type=([^,]+)/.exec(spec)?.[1] ?? 'registry';
    // An inline cache is a part of the image: no export of its own.
    if (kind === 'inline') return { ref, outcome: outcome === 'built' ? 'written' : 'off', detail: null };
    const index = exports.findIndex((one) => matchesKind(one.kind, kind));
    const [found] = index < 0 ? [] : exports.splice(index, 1);
    return { ref, outcome: found?.outcome ?? 'off', detail: found?.detail ?? null };
  });
}

/** What BuildKit calls a cache type of buildx's, where that is not its name: `exporting cache to client directory`. */
const CACHE_WORDS: Readonly<Record<string, string>> = {
  local: 'client directory',
  gha: 'github actions',
  azblob: 'azure blob',
};

function matchesKind(words: string, kind: string): boolean {
  return words.toLowerCase().includes(CACHE_WORDS[kind] ?? kind);
}

/** A cache without a reference (`type=s3,...`) as the user gave it, but for its keys and tokens. */
function withoutSecrets(spec: string): string {
  return csvFields('--cache-to', spec)
    .filter((field) => !/^[^=]*(?:key|token|secret)[^=]*=/i.test(field))
    .join(',');
}

function imageOf({ plan, metadata, compressedBytes }: BuildResultParts): ImageResult | null {
  const digest = metadata['containerimage.digest'];
  if (typeof digest !== 'string') return null;
  // Without a tag, an `--output type=image,name=...` may have named it.
  const named = String(metadata['image.name'] ?? '').split(',');
  const references = plan.tags.length > 0 ? plan.tags : named.filter(Boolean);
  return { digest, references, compressedBytes: compressedBytes ?? null };
}

function warningsOf(state: BuildState): readonly ResultWarning[] {
  const checks = state.warnings.map((warning) => ({
    message: warning.message,
    detail: warning.detail.join('\n') || null,
    file: warning.file ?? null,
    line: warning.line ?? null,
    url: warning.url ?? null,
  }));
  const spoken = state.text.flatMap((line) => /^WARNING: (.*)$/i.exec(line)?.[1] ?? []);
  return [...checks, ...[...new Set(spoken)].map((message) => plainWarning(message))];
}

/** A cache that failed did not fail the build, but somebody should know. */
export function cacheWarnings(cache: BuildResult['cache']): readonly ResultWarning[] {
  return [
    ...cache.from
      .filter((one) => one.outcome === 'unreadable')
      .map((one) =>
        plainWarning(`the cache ${one.ref} could not be read, so nothing came from it`, one.detail),
      ),
    ...cache.to
      .filter((one) => one.outcome === 'failed')
      .map((one) =>
        plainWarning(
          `the cache ${one.ref} could not be written, so the next build starts without it`,
          one.detail,
        ),
      ),
  ];
}

function plainWarning(message: string, detail: string | null = null): ResultWarning {
  return { message, detail, file: null, line: null, url: null };
}

function nextOf({ plan }: BuildResultParts, outcome: BuildOutcome): readonly string[] {
  if (outcome !== 'built' || plan.cacheFrom.length + plan.cacheTo.length > 0) return [];
  return [
    'Nothing was kept for a build on another machine: --cache-repo HOST/REPOSITORY keeps the layers in a registry.',
  ];
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
