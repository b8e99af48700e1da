import type { Clock } from '../host/clock.ts';
import { LogTail, type StepLog } from './progress-log.ts';
import { parseStepName, type StepName } from './progress-name.ts';

export type StepStatus = 'waiting' | 'running' | 'cached' | 'done' | 'error' | 'cancelled';
export type BuildOutcome = 'built' | 'failed' | 'interrupted';

/** A span of time on the builder's clock, milliseconds since the epoch. `end` is missing while it lasts. */
export interface Span {
  readonly start: number;
  readonly end?: number;
}

/** Something that a step moves or does part by part, e.g. one layer pulled, `pushing layers`. */
export interface Transfer {
  readonly id: string;
  readonly currentBytes: number;
  /** Missing where BuildKit does not say. */
  readonly totalBytes?: number;
  readonly span?: Span;
}

/** One step of a build: a BuildKit vertex, or a group of vertices that BuildKit shows as one (`COPY --link`). */
export interface Step extends StepName {
  /** The vertex's digest or the group's id: stable within a build. */
  readonly key: string;
  /** The whole name, as BuildKit gives it. */
  readonly name: string;
  readonly status: StepStatus;
  /** Its result came from a cache. True also while a cached result is still being pulled. */
  readonly cached: boolean;
  /** Digests of the vertices that this one needs, and those it consists of. */
  readonly inputs: readonly string[];
  readonly vertexes: readonly string[];
  /** When it ran, not overlapping, in order. More than one: BuildKit comes back to a step. */
  readonly spans: readonly Span[];
  /** Our own monotonic clock when the span that still lasts began. */
  readonly runningSinceMs: number | undefined;
  readonly transfers: ReadonlyMap<string, Transfer>;
  readonly log: StepLog;
  readonly error: string | undefined;
}

/** A warning of the Dockerfile frontend's checks. */
export interface BuildWarning {
  readonly message: string;
  readonly detail: readonly string[];
  readonly url?: string;
  readonly file?: string;
  /** First line, from 1. */
  readonly line?: number;
}

/** A line of a step's output. */
export interface PrintedLine {
  /** The step's key. */
  readonly key: string;
  readonly text: string;
}

/** All that is known of a build. Changes while lines are fed in; read it, do not keep it. */
export interface BuildState {
  /** Our own monotonic clock, milliseconds. */
  readonly startedMs: number;
  readonly endedMs: number | undefined;
  readonly outcome: BuildOutcome | undefined;
  readonly steps: readonly Step[];
  readonly warnings: readonly BuildWarning[];
  /** The last lines that were no progress: `ERROR: ...`, `WARNING: ...`, the excerpt of the Dockerfile. */
  readonly text: readonly string[];
  /** The lines that steps printed, completed by the last change alone: for a view that shows them all. */
  readonly printed: readonly PrintedLine[];
  /** Counts up with each change. */
  readonly revision: number;
}

export interface BuildProgress {
  readonly state: BuildState;
  /** One line of buildx's standard error, with or without its line end. */
  readonly feed: (line: string) => void;
  /** The build is over: what still ran was cancelled, unless the build went well. */
  readonly end: (outcome: BuildOutcome) => void;
}

/** How many lines are kept of each step's output, of the text around the progress, and how many warnings. */
export interface ProgressLimits {
  readonly logLines: number;
  readonly textLines: number;
  readonly warnings: number;
}

const LIMITS: ProgressLimits = { logLines: 200, textLines: 200, warnings: 200 };
const MAX_TEXT = 4_000;

/** The JSON that buildx writes, one object a line: BuildKit's `client.SolveStatus`. What we do not know is ignored. */
interface SolveStatus {
  readonly vertexes?: readonly VertexMessage[];
  readonly statuses?: readonly StatusMessage[];
  readonly logs?: readonly { vertex?: string; stream?: number; data?: string }[];
  readonly warnings?: readonly WarningMessage[];
}
interface VertexMessage {
  readonly digest?: string;
  readonly inputs?: readonly string[];
  readonly name?: string;
  readonly started?: string;
  readonly completed?: string;
  readonly cached?: boolean;
  readonly error?: string;
  readonly progressGroup?: { readonly id?: string; readonly name?: string; readonly weak?: boolean };
}
interface StatusMessage {
  readonly id?: string;
  readonly vertex?: string;
  readonly current?: number;
  readonly total?: number;
  readonly started?: string;
  readonly completed?: string;
}
interface WarningMessage {
  readonly short?: string;
  readonly detail?: readonly string[];
  readonly url?: string;
  readonly sourceInfo?: { readonly filename?: string };
  readonly range?: readonly { readonly start?: { readonly line?: number } }[];
}

/** One vertex of a step. */
interface Vertex {
  readonly weak: boolean;
  /** By the builder's time stamp of the start, so that a later message ends the right one. */
  readonly spans: Map<string, Span>;
  inputs: readonly string[];
  cached: boolean;
  error: string | undefined;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
interface OpenStep extends Mutable<Omit<Step, 'transfers' | 'log'>> {
  readonly transfers: Map<string, Transfer>;
  readonly log: LogTail;
  readonly members: Map<string, Vertex>;
}

/**
 * Reads buildx's `--progress=rawjson` stream into a model of the build. Memory is bounded by the number of steps:
 * of what they print only the last lines are kept.
 */
export function createBuildProgress(clock: Clock, limits: Partial<ProgressLimits> = {}): BuildProgress {
  const { logLines, textLines, warnings: maxWarnings } = { ...LIMITS, ...limits };
  const steps: OpenStep[] = [];
  const byVertex = new Map<string, OpenStep>();
  const byKey = new Map<string, OpenStep>();
  const warnings: BuildWarning[] = [];
  const text: string[] = [];
  const printed: PrintedLine[] = [];
  const state: Mutable<BuildState> = {
    startedMs: clock.monotonicMs(),
    endedMs: undefined,
    outcome: undefined,
    steps,
    warnings,
    text,
    printed,
    revision: 0,
  };

  const stepOf = (message: VertexMessage, digest: string, added: OpenStep[]): OpenStep => {
    const key = message.progressGroup?.id ?? digest;
    const known = byKey.get(key);
    if (known) return known;
    const step = openStep(key, message.progressGroup?.name ?? message.name ?? digest, logLines);
    byKey.set(key, step);
    added.push(step);
    return step;
  };

  const print = (step: OpenStep, lines: readonly string[]) => {
    for (const line of lines) printed.push({ key: step.key, text: line });
  };

  const feedStatus = (status: SolveStatus) => {
    const added: OpenStep[] = [];
    for (const message of listOf(status.vertexes)) {
      if (message.digest === undefined) continue;
      const step = stepOf(message, message.digest, added);
      byVertex.set(message.digest, step);
      updateVertex(step, message.digest, message);
      refresh(step, clock.monotonicMs());
      if (step.status !== 'running' && step.status !== 'waiting') print(step, step.log.end());
    }
    // BuildKit announces a graph from its end: the last is what runs first.
    steps.push(...added.reverse());
    for (const message of listOf(status.statuses)) {
      const step = byVertex.get(message.vertex ?? '');
      if (step && message.id !== undefined) step.transfers.set(message.id, transferOf(message.id, message));
    }
    for (const message of listOf(status.logs)) {
      const step = byVertex.get(message.vertex ?? '');
      if (step) print(step, step.log.add(message.stream ?? 1, Buffer.from(message.data ?? '', 'base64')));
    }
    for (const message of listOf(status.warnings)) keepLast(warnings, warningOf(message), maxWarnings);
  };

  return {
    state,
    feed(line) {
      printed.length = 0;
      const whole = line.replace(/[\r\n]+$/, '');
      const status = parseStatus(whole);
      if (status) feedStatus(status);
      else keepLast(text, whole.slice(0, MAX_TEXT), textLines);
      state.revision++;
    },
    end(outcome) {
      printed.length = 0;
      state.endedMs = clock.monotonicMs();
      state.outcome = outcome;
      for (const step of steps) {
        print(step, step.log.end());
        if (step.status === 'running' && outcome !== 'built') step.status = 'cancelled';
      }
      state.revision++;
    },
  };
}

/** Milliseconds that a step has run: on the builder's clock what is over, on ours (`nowMs`, monotonic) what still runs. */
export function elapsedMs(step: Step, nowMs: number): number {
  const over = step.spans.reduce(
    (sum, span) => sum + (span.end === undefined ? 0 : span.end - span.start),
    0,
  );
  return over + (step.runningSinceMs === undefined ? 0 : Math.max(0, nowMs - step.runningSinceMs));
}

/** The step that made the build fail: the first with an error that is not the echo of another's. */
export function failedStep(state: BuildState): Step | undefined {
  // A cache that cannot be read does not fail a build.
  return state.steps.find((step) => step.status === 'error' && step.kind !== 'cache-import');
}

function openStep(key: string, name: string, logLines: number): OpenStep {
  return {
    ...parseStepName(name),
    key,
    name,
    status: 'waiting',
    cached: false,
    inputs: [],
    vertexes: [],
    spans: [],
    runningSinceMs: undefined,
    transfers: new Map(),
    log: new LogTail(logLines),
    error: undefined,
    members: new Map(),
  };
}

function updateVertex(step: OpenStep, digest: string, message: VertexMessage): void {
  let vertex = step.members.get(digest);
  if (!vertex) {
    vertex = {
      weak: message.progressGroup?.weak === true,
      spans: new Map(),
      inputs: [],
      cached: false,
      error: undefined,
    };
    step.members.set(digest, vertex);
  }
  if (message.inputs) vertex.inputs = message.inputs;
  // An announcement that is repeated after the start says nothing new.
  if (message.started === undefined && message.error === undefined) return;
  const span = spanOf(message);
  if (span && message.started !== undefined) vertex.spans.set(message.started, span);
  // A cached result that is pulled later on comes again, without its inputs; one that is made after all comes with them.
  vertex.cached = message.cached === true || (vertex.cached && message.inputs === undefined);
  vertex.error = message.error || undefined;
}

/** Works out a step's state anew from its vertices. */
function refresh(step: OpenStep, nowMs: number): void {
  const members = [...step.members.values()];
  const spans = members.flatMap((vertex) => [...vertex.spans.values()]);
  const started = members.filter((vertex) => vertex.spans.size > 0);
  // A weak vertex prepares for the others (the copied files of COPY --link) and may be left out.
  const decisive = members.some((vertex) => !vertex.weak)
    ? members.filter((vertex) => !vertex.weak)
    : members;
  const isRunning = spans.some((span) => span.end === undefined);
  const isComplete = decisive.every((vertex) => vertex.spans.size > 0);
  step.error = members.find((vertex) => vertex.error !== undefined)?.error;
  step.cached = started.length > 0 && started.every((vertex) => vertex.cached);
  step.spans = unionOf(spans);
  step.vertexes = [...step.members.keys()];
  step.inputs = [...new Set(members.flatMap((vertex) => vertex.inputs))];
  step.status = statusOf(step, isRunning, isComplete);
  if (!isRunning) step.runningSinceMs = undefined;
  else step.runningSinceMs ??= nowMs - ranBefore(step.spans, spans);
}

/** Milliseconds between the start of the span that lasts and the latest start in it, of which we hear just now. */
function ranBefore(merged: readonly Span[], spans: readonly Span[]): number {
  const starts = spans.filter((span) => span.end === undefined).map((span) => span.start);
  return Math.max(...starts) - (merged.at(-1) as Span).start;
}

function statusOf(step: OpenStep, isRunning: boolean, isComplete: boolean): StepStatus {
  if (step.error !== undefined) return isCancellation(step.error) ? 'cancelled' : 'error';
  if (isRunning) return 'running';
  if (!isComplete) return 'waiting';
  return step.cached ? 'cached' : 'done';
}

/** Whether a step's error only says that another one's ended the build. */
function isCancellation(error: string): boolean {
  return /(?:^|: )context canceled$|code = Canceled /.test(error);
}

/** Spans merged where they touch, in order; one that lasts swallows what begins after it. */
export function unionOf(spans: readonly Span[]): readonly Span[] {
  const merged: Mutable<Span>[] = [];
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (!last || (last.end !== undefined && span.start > last.end)) merged.push({ ...span });
    else if (span.end === undefined) delete last.end;
    else if (last.end !== undefined) last.end = Math.max(last.end, span.end);
  }
  return merged;
}

function spanOf(message: { readonly started?: string; readonly completed?: string }): Span | undefined {
  const start = Date.parse(message.started ?? '');
  if (Number.isNaN(start)) return undefined;
  const end = Date.parse(message.completed ?? '');
  return Number.isNaN(end) ? { start } : { start, end };
}

function transferOf(id: string, message: StatusMessage): Transfer {
  const span = spanOf(message);
  return {
    id,
    currentBytes: message.current ?? 0,
    ...(message.total ? { totalBytes: message.total } : {}),
    ...(span ? { span } : {}),
  };
}

function warningOf(message: WarningMessage): BuildWarning {
  const line = message.range?.[0]?.start?.line;
  return {
    message: decoded(message.short ?? ''),
    detail: listOf(message.detail).map(decoded),
    ...(message.url ? { url: message.url } : {}),
    ...(message.sourceInfo?.filename ? { file: message.sourceInfo.filename } : {}),
    ...(line ? { line } : {}),
  };
}

function parseStatus(line: string): SolveStatus | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as SolveStatus;
  } catch {
    // Cut off or not buildx's: it is text then, and kept as that.
    return undefined;
  }
}

/** What is no list where one belongs is ignored, as unknown fields are. */
function listOf<T>(value: readonly T[] | undefined): readonly T[] {
  return Array.isArray(value) ? value : [];
}

function decoded(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8');
}

function keepLast<T>(list: T[], item: T, limit: number): void {
  list.push(item);
  if (list.length > limit) list.shift();
}
