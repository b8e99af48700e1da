import { type BuildState, type Span, type Step, type StepStatus, unionOf } from '../engine/progress.ts';

/** Steps that a person sees as one thing: a stage for one platform, what surrounds the stages, an export. */
export interface StepGroup {
  /** `dependencies`, `final linux/arm64`, `load`, `cache import` ... */
  readonly label: string;
  readonly isStage: boolean;
  /** In the order of the Dockerfile. */
  readonly steps: readonly Step[];
  readonly status: StepStatus;
  /** It failed, and the build does not fail by it: a cache that cannot be read, or was not written by a build that went well. */
  readonly harmless: boolean;
}

/** The steps of a build in groups, in the order in which the groups can run. */
export function groupsOf(state: BuildState): readonly StepGroup[] {
  const before: StepGroup[] = [];
  const after: StepGroup[] = [];
  const of = (kind: Step['kind']) => state.steps.filter((step) => step.kind === kind);
  const connect = of('connect');
  if (connect.length > 0) before.push(groupOf('connect', connect));
  const load = [...of('load'), ...of('other')];
  if (load.length > 0) before.push(groupOf('load', load));
  before.push(...of('cache-import').map((step) => groupOf('cache import', [step])));
  after.push(...of('export').map((step) => groupOf('export', [step])));
  after.push(...of('cache-export').map((step) => groupOf('cache export', [step])));
  const isHarmless = ({ status, steps: [step] }: StepGroup) =>
    status === 'error' &&
    (step?.kind === 'cache-import' || (step?.kind === 'cache-export' && state.outcome === 'built'));
  return [...before, ...stagesOf(state), ...after].map((group) => ({
    ...group,
    harmless: isHarmless(group),
  }));
}

/** Only the stages of the Dockerfile, each platform by itself, every stage after those that it needs. */
export function stagesOf(state: BuildState): readonly StepGroup[] {
  const depthOf = depths(state.steps);
  const stages = new Map<string, Step[]>();
  for (const step of state.steps) {
    if (step.stage === undefined) continue;
    const label = [step.stage || 'Dockerfile', step.platform].filter(Boolean).join(' ');
    stages.set(label, [...(stages.get(label) ?? []), step]);
  }
  const deepest = (steps: readonly Step[]) => Math.max(...steps.map((step) => depthOf(step)));
  return [...stages]
    .map(([label, steps]) => groupOf(label, steps, true))
    .sort((a, b) => deepest(a.steps) - deepest(b.steps));
}

/** Milliseconds during which any step of the group ran. */
export function groupElapsedMs(group: StepGroup, nowMs: number): number {
  // What still runs is laid on the builder's clock too, so that what ran beside it is not counted twice.
  const untilNow = (step: Step, { start, end }: Span) => ({
    start,
    end: end ?? start + Math.max(0, nowMs - (step.runningSinceMs ?? nowMs)),
  });
  const spans = unionOf(group.steps.flatMap((step) => step.spans.map((span) => untilNow(step, span))));
  return spans.reduce((ms, span) => ms + lengthOf(span), 0);
}

/** The short name of a step in its group: `dependencies 2/4`, `load`. */
export function placeOf(step: Step): string {
  if (step.stage === undefined) {
    if (step.kind === 'other') return 'load';
    return step.kind.replace('-', ' ');
  }
  return [step.stage, step.platform, `${step.number}/${step.of}`].filter(Boolean).join(' ');
}

/** What a step does, in the words of the Dockerfile; digests shortened. */
export function titleOf(step: Step): string {
  return step.title
    .replace(/^(?:importing cache manifest from |exporting cache to |exporting to (?=GitHub ))/, '')
    .replace(/@sha256:[0-9a-f]{64}/g, '');
}

/** Whether a cache could not be imported because there is none yet, as before a first build. */
export function isCacheMissing(step: Step): boolean {
  return step.kind === 'cache-import' && /not found\b/.test(step.error ?? '');
}

/** Why a step failed, without the command that stands in its title. */
export function reasonOf(step: Step): string {
  return (step.error ?? '').replace(/^process "[\s\S]*" did not complete successfully: /, '');
}

function groupOf(label: string, steps: readonly Step[], isStage = false): StepGroup {
  const ordered = isStage ? [...steps].sort((a, b) => (a.number ?? 0) - (b.number ?? 0)) : steps;
  return { label, isStage, steps: ordered, status: statusOf(ordered), harmless: false };
}

function statusOf(steps: readonly Step[]): StepStatus {
  const has = (status: StepStatus) => steps.some((step) => step.status === status);
  if (has('error')) return 'error';
  if (has('running')) return 'running';
  if (has('cancelled')) return 'cancelled';
  if (has('waiting')) return 'waiting';
  // FROM makes no layer: a stage is cached if all that it makes is.
  const making = steps.filter((step) => step.kind !== 'base');
  const decisive = making.length > 0 ? making : steps;
  return decisive.every((step) => step.status === 'cached') ? 'cached' : 'done';
}

/** How many steps must come before each: a stage's last step is deeper than all that it is made from. */
function depths(steps: readonly Step[]): (step: Step) => number {
  const byVertex = new Map(steps.flatMap((step) => step.vertexes.map((vertex) => [vertex, step] as const)));
  const known = new Map<Step, number>();
  const depthOf = (step: Step): number => {
    const depth = known.get(step);
    if (depth !== undefined) return depth;
    // Within a group its vertexes need each other; that is no depth.
    known.set(step, 0);
    const needed = step.inputs.map((input) => byVertex.get(input)).filter((input) => input !== undefined);
    const result = 1 + Math.max(0, ...needed.filter((input) => input !== step).map(depthOf));
    known.set(step, result);
    return result;
  };
  return depthOf;
}

function lengthOf(span: Span): number {
  return (span.end ?? span.start) - span.start;
}
