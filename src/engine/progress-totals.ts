import { type BuildState, type Span, type Step, unionOf } from './progress.ts';
import type { StepKind } from './progress-name.ts';

/** Sums over a build, of what its progress stream tells. */
export interface BuildTotals {
  /** Instructions of the Dockerfile that make layers; `FROM` is not counted. `total` has those that did not run, too. */
  readonly steps: { readonly cached: number; readonly executed: number; readonly total: number };
  readonly bytes: {
    /** Layers that the builder fetched: of base images and from the cache. */
    readonly pulled: number;
    /** Build context and Dockerfile, sent to the builder. */
    readonly context: number;
    /** Undefined where the driver does not say: BuildKit counts no bytes while it pushes, Docker does. */
    readonly pushed: number | undefined;
  };
  /** Wall-clock milliseconds of each part. Parts overlap: their sum is no total. */
  readonly ms: {
    readonly connect: number;
    readonly context: number;
    readonly cacheImport: number;
    readonly solve: number;
    readonly export: number;
    readonly push: number;
    readonly cacheExport: number;
  };
}

/** What became of one cache that was to be read. */
export interface CacheImport {
  /** As BuildKit names it: a reference, or `local:...`, `s3:...`. */
  readonly ref: string;
  readonly outcome: 'hit' | 'miss' | 'unreadable';
  readonly detail?: string;
}

/** What became of one cache that was to be written. */
export interface CacheExport {
  /** `registry`, `local`, `s3` ..., as BuildKit names it. */
  readonly kind: string;
  readonly outcome: 'written' | 'failed';
  readonly detail?: string;
}

/** Sums of a build so far or at its end. */
export function totalsOf(state: BuildState): BuildTotals {
  const instructions = state.steps.filter((step) => step.kind === 'instruction');
  const begun = instructions.filter((step) => step.status !== 'waiting');
  const exports = state.steps.filter((step) => step.kind === 'export');
  const push = unionOf(exports.flatMap(pushSpans));
  return {
    steps: {
      cached: begun.filter((step) => step.cached).length,
      executed: begun.filter((step) => !step.cached).length,
      total: instructions.length,
    },
    bytes: {
      pulled: [...largestById(state.steps, isPulledBlob).values()].reduce(sum, 0),
      context: sumOfTransfers(state.steps, (id) => id.startsWith('transferring ')),
      pushed: pushedBytes(exports),
    },
    ms: {
      connect: lengthOf(spansOf(state, 'connect')),
      context: lengthOf(spansOf(state, 'load')),
      cacheImport: lengthOf(spansOf(state, 'cache-import')),
      solve: lengthOf([...spansOf(state, 'base'), ...spansOf(state, 'instruction')]),
      export: Math.max(0, lengthOf(spansOf(state, 'export')) - lengthOf(push)),
      push: lengthOf(push),
      cacheExport: lengthOf(spansOf(state, 'cache-export')),
    },
  };
}

/** The caches that BuildKit looked at, in order: found, not there, or there but of no use. */
export function cacheImportsOf(state: BuildState): readonly CacheImport[] {
  return state.steps
    .filter((step) => step.kind === 'cache-import' && step.spans.length > 0)
    .map((step) => {
      const ref = step.title.replace(/^importing cache manifest from /, '');
      if (step.error === undefined) return { ref, outcome: 'hit' };
      return { ref, outcome: /not found\b/.test(step.error) ? 'miss' : 'unreadable', detail: step.error };
    });
}

/** The caches that BuildKit wrote, in order. */
export function cacheExportsOf(state: BuildState): readonly CacheExport[] {
  return state.steps
    .filter((step) => step.kind === 'cache-export' && step.spans.length > 0)
    .map((step) => {
      const kind = step.title.replace(/^exporting (?:cache )?to /, '');
      if (step.status === 'done') return { kind, outcome: 'written' };
      return { kind, outcome: 'failed', detail: step.error ?? 'not finished' };
    });
}

/** What a step moves: the bytes of its transfers, and how many they will be if BuildKit knows. */
export function bytesOf(step: Step): { readonly current: number; readonly total: number | undefined } {
  // Unpacking counts the same bytes again.
  const moving = [...step.transfers.values()].filter(
    (transfer) => transfer.currentBytes > 0 && !transfer.id.startsWith('extracting '),
  );
  const isTotalKnown = moving.length > 0 && moving.every((transfer) => transfer.totalBytes !== undefined);
  return {
    current: moving.reduce((bytes, transfer) => bytes + transfer.currentBytes, 0),
    total: isTotalKnown
      ? moving.reduce((bytes, transfer) => bytes + (transfer.totalBytes as number), 0)
      : undefined,
  };
}

function spansOf(state: BuildState, kind: StepKind): readonly Span[] {
  return state.steps.filter((step) => step.kind === kind).flatMap((step) => step.spans);
}

/** BuildKit pushes within the step that exports; Docker's push is a step of its own. */
function pushSpans(step: Step): readonly Span[] {
  if (step.title.startsWith('pushing ')) return step.spans;
  return [...step.transfers.values()]
    .filter((transfer) => transfer.id.startsWith('pushing '))
    .flatMap((transfer) => transfer.span ?? []);
}

function pushedBytes(exports: readonly Step[]): number | undefined {
  const pushes = exports.filter((step) => step.title.startsWith('pushing '));
  if (pushes.length === 0) return undefined;
  return sumOfTransfers(pushes, () => true);
}

function isPulledBlob(id: string): boolean {
  return /^sha256:[0-9a-f]{64}$/.test(id);
}

/** A layer that two steps wait for is moved once. */
function largestById(steps: readonly Step[], isWanted: (id: string) => boolean): ReadonlyMap<string, number> {
  const largest = new Map<string, number>();
  for (const step of steps) {
    if (step.kind === 'export' || step.kind === 'cache-export') continue;
    for (const { id, currentBytes } of step.transfers.values())
      if (isWanted(id)) largest.set(id, Math.max(largest.get(id) ?? 0, currentBytes));
  }
  return largest;
}

function sumOfTransfers(steps: readonly Step[], isWanted: (id: string) => boolean): number {
  return steps
    .flatMap((step) => [...step.transfers.values()])
    .reduce((bytes, transfer) => bytes + (isWanted(transfer.id) ? transfer.currentBytes : 0), 0);
}

/** Milliseconds covered by spans. One that lasts counts nothing: its end is not known. */
function lengthOf(spans: readonly Span[]): number {
  return unionOf(spans.filter((span) => span.end !== undefined)).reduce(
    (ms, span) => ms + ((span.end as number) - span.start),
    0,
  );
}

function sum(a: number, b: number): number {
  return a + b;
}
