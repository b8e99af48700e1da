import { type BuildState, elapsedMs, failedStep, type Step } from '../engine/progress.ts';
import { bytesOf } from '../engine/progress-totals.ts';
import { formatSeconds, formatTransfer } from './format.ts';
import { groupsOf, isCacheMissing, placeOf, reasonOf, titleOf } from './groups.ts';
import type { ProgressView, ViewHost } from './view.ts';

/** A step that is over sooner gets one line, not one for its start and one for its end. */
const ANNOUNCE_MS = 300;
/**
 * BuildKit comes back to a step within milliseconds, for a base image once for each layer: its end is told when it has
 * been over so long.
 */
const SETTLE_MS = 300;
/** Steps that run side by side take turns: one that prints holds the floor so long, or until so many lines wait. */
const TURN_MS = 3_000;
const MAX_PENDING = 200;
/** Some CI services end a job that says nothing for minutes. */
const HEARTBEAT_MS = 30_000;
const TICK_MS = 250;

/** How a step ended: also milliseconds that it has run, and bytes of its base image. */
interface Ending {
  readonly status: Step['status'];
  readonly ran: number;
  readonly pulled: number;
}

/** What was told of one step. */
interface Told {
  announced: boolean;
  overSinceMs: number | undefined;
  ended: Ending | undefined;
  readonly pending: string[];
}

/** A view of plain lines for CI logs: nothing is ever redrawn, every line says which step it is about. */
export function plainView(host: ViewHost): ProgressView {
  const { output, clock } = host;
  const told = new Map<string, Told>();
  let latest: BuildState | undefined;
  let speaker: string | undefined;
  let turnMs = 0;
  let saidMs = clock.monotonicMs();

  const say = (text: string) => {
    output.talk(`${text}\n`);
    saidMs = clock.monotonicMs();
  };
  const toldOf = (step: Step): Told => {
    const known = told.get(step.key) ?? {
      announced: false,
      overSinceMs: undefined,
      ended: undefined,
      pending: [],
    };
    told.set(step.key, known);
    return known;
  };
  const announce = (step: Step) => {
    const known = toldOf(step);
    if (!known.announced) say(`[${placeOf(step)}] ${titleOf(step)}`);
    known.announced = true;
  };
  const flush = (step: Step) => {
    const known = toldOf(step);
    if (known.pending.length === 0) return;
    announce(step);
    for (const line of known.pending.splice(0)) say(`[${placeOf(step)}] | ${line}`);
  };
  const endingOf = (step: Step): Ending => ({
    status: step.status,
    ran: elapsedMs(step, clock.monotonicMs()),
    pulled: step.kind === 'base' ? bytesOf(step).current : 0,
  });
  const tellEnd = (step: Step) => {
    flush(step);
    const known = toldOf(step);
    const ended = endingOf(step);
    known.ended = ended;
    const title = known.announced ? '' : `${titleOf(step)}: `;
    const text =
      step.status === 'cached'
        ? `CACHED ${titleOf(step)}${moved(step)}`
        : `${title}${endOf(step, ended.ran)}`;
    say(`[${placeOf(step)}] ${text}`);
    if (speaker === step.key) speaker = undefined;
  };
  /** Tells of the steps that have been over for so long, in the order in which they ended. */
  const tellEnds = (state: BuildState, settleMs: number) => {
    const now = clock.monotonicMs();
    const due = state.steps.filter((step) => {
      if (step.status === 'waiting' || step.status === 'running') return false;
      const known = toldOf(step);
      known.overSinceMs ??= now;
      return now - known.overSinceMs >= settleMs && isNews(known.ended, endingOf(step));
    });
    for (const step of due.length > 1 ? byEnd(state, due) : due) tellEnd(step);
  };
  /** Lets the step whose turn it is print what waits; others wait until it is over, silent or has spoken long enough. */
  const speak = (state: BuildState) => {
    const now = clock.monotonicMs();
    const waiting = state.steps.filter((step) => (told.get(step.key)?.pending.length ?? 0) > 0);
    const print = (step: Step) => {
      // What is over was over before these lines were printed.
      tellEnds(state, 0);
      flush(step);
    };
    for (const step of waiting) if (toldOf(step).pending.length > MAX_PENDING) print(step);
    const current = waiting.find((step) => step.key === speaker);
    if (current && (now - turnMs < TURN_MS || waiting.length === 1)) return print(current);
    if (current) print(current);
    if (!current && speaker !== undefined && now - turnMs < TURN_MS) return;
    const next = waiting.find((step) => step.key !== speaker);
    if (!next) return;
    speaker = next.key;
    turnMs = now;
    print(next);
  };
  const tell = (state: BuildState) => {
    tellEnds(state, failedStep(state) ? 0 : SETTLE_MS);
    for (const step of state.steps) {
      if (step.status !== 'running') continue;
      toldOf(step).overSinceMs = undefined;
      if (isAnnounced(step, clock.monotonicMs())) announce(step);
    }
    speak(state);
    if (clock.monotonicMs() - saidMs < HEARTBEAT_MS) return;
    for (const step of state.steps.filter((one) => one.status === 'running'))
      say(
        `[${placeOf(step)}] still running after ${formatSeconds(elapsedMs(step, clock.monotonicMs()) / 1000)}${moved(step)}`,
      );
  };
  const listen = (state: BuildState) => {
    const steps = new Map(state.steps.map((step) => [step.key, step]));
    for (const { key, text } of state.printed) {
      const step = steps.get(key);
      if (step) toldOf(step).pending.push(text);
    }
  };
  const timer = setInterval(() => latest && tell(latest), TICK_MS);
  timer.unref();
  return {
    update(state) {
      latest = state;
      listen(state);
      tell(state);
    },
    finish(state) {
      clearInterval(timer);
      listen(state);
      tellEnds(state, 0);
      tell(state);
      for (const step of state.steps) flush(step);
    },
  };
}

function isAnnounced(step: Step, nowMs: number): boolean {
  return elapsedMs(step, nowMs) >= ANNOUNCE_MS;
}

/** BuildKit comes back to steps for an instant: that is no news, unless a base image was pulled meanwhile or it failed. */
function isNews(before: Ending | undefined, now: Ending): boolean {
  if (before === undefined) return true;
  const hasFailed = now.status === 'error' && before.status !== 'error';
  return hasFailed || now.ran - before.ran >= ANNOUNCE_MS || now.pulled !== before.pulled;
}

/** Steps in the order of their ends; what ended in the same instant (all that is cached) as the build would run it. */
function byEnd(state: BuildState, steps: readonly Step[]): readonly Step[] {
  const endMs = (step: Step) => step.spans.at(-1)?.end ?? 0;
  const inOrder = groupsOf(state).flatMap((group) => group.steps);
  return inOrder.filter((step) => steps.includes(step)).sort((a, b) => endMs(a) - endMs(b));
}

function endOf(step: Step, ranMs: number): string {
  const took = `${formatSeconds(ranMs / 1000)}${moved(step)}`;
  if (step.status === 'cancelled') return `cancelled after ${took}`;
  if (step.kind === 'cache-import') return importEnd(step, took);
  if (step.status !== 'error') return `done in ${took}`;
  return `FAILED after ${took}: ${reasonOf(step)}`;
}

/** A cache that is not there yet is no failure. */
function importEnd(step: Step, took: string): string {
  if (step.error === undefined) return `found in ${took}`;
  return isCacheMissing(step) ? `none yet (${took})` : `cannot be read (${took}): ${step.error}`;
}

function moved(step: Step): string {
  const { current, total } = bytesOf(step);
  return current === 0 ? '' : `, ${formatTransfer(current, total)}`;
}
