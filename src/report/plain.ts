import { type BuildState, elapsedMs, type Step } from '../engine/progress.ts';
import { bytesOf } from '../engine/progress-totals.ts';
import { formatSeconds, formatTransfer } from './format.ts';
import { isCacheMissing, placeOf, reasonOf, titleOf } from './groups.ts';
import type { ProgressView, ViewHost } from './view.ts';

/** A step that is over sooner gets one line, not one for its start and one for its end. */
const ANNOUNCE_MS = 300;
/** Steps that run side by side take turns: one that prints holds the floor so long, or until so many lines wait. */
const TURN_MS = 3_000;
const MAX_PENDING = 200;
/** Some CI services end a job that says nothing for minutes. */
const HEARTBEAT_MS = 30_000;
const TICK_MS = 250;

/** What was told of one step. */
interface Told {
  announced: boolean;
  /** Milliseconds that the step had run, and bytes of its base image, when its end was told. */
  ended: { readonly ran: number; readonly pulled: number } | undefined;
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
    const known = told.get(step.key) ?? { announced: false, ended: undefined, pending: [] };
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
  const finishStep = (step: Step) => {
    flush(step);
    const known = toldOf(step);
    const ran = elapsedMs(step, clock.monotonicMs());
    // BuildKit comes back to steps for an instant: that is no news, unless a base image was pulled meanwhile.
    const pulled = step.kind === 'base' ? bytesOf(step).current : 0;
    if (known.ended && ran - known.ended.ran < ANNOUNCE_MS && known.ended.pulled === pulled) return;
    known.ended = { ran, pulled };
    const title = known.announced ? '' : `${titleOf(step)}: `;
    const text =
      step.status === 'cached' ? `CACHED ${titleOf(step)}${moved(step)}` : `${title}${endOf(step, ran)}`;
    say(`[${placeOf(step)}] ${text}`);
    if (speaker === step.key) speaker = undefined;
  };
  /** Lets the step whose turn it is print what waits; others wait until it is over, silent or has spoken long enough. */
  const speak = (state: BuildState) => {
    const now = clock.monotonicMs();
    const waiting = state.steps.filter((step) => (told.get(step.key)?.pending.length ?? 0) > 0);
    for (const step of waiting) if (toldOf(step).pending.length > MAX_PENDING) flush(step);
    const current = waiting.find((step) => step.key === speaker);
    if (current && (now - turnMs < TURN_MS || waiting.length === 1)) return flush(current);
    if (current) flush(current);
    if (!current && speaker !== undefined && now - turnMs < TURN_MS) return;
    const next = waiting.find((step) => step.key !== speaker);
    if (!next) return;
    speaker = next.key;
    turnMs = now;
    flush(next);
  };
  const tell = (state: BuildState) => {
    for (const step of state.steps) {
      if (step.status === 'waiting') continue;
      if (step.status !== 'running') finishStep(step);
      else if (isAnnounced(step, clock.monotonicMs())) announce(step);
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
      tell(state);
      for (const step of state.steps) flush(step);
    },
  };
}

function isAnnounced(step: Step, nowMs: number): boolean {
  return elapsedMs(step, nowMs) >= ANNOUNCE_MS;
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
