import type { Clock } from '../../host/clock.ts';
import { type Buildspec, PHASES, type Phase, type PhaseName } from '../buildspec/buildspec.ts';
import type { BuildLog } from './log.ts';
import type { PhaseRecord } from './result.ts';
import type { BuildShell } from './shell.ts';
import type { User } from './user.ts';

/** What phases run with. */
export interface PhaseRun {
  readonly spec: Buildspec;
  readonly shell: BuildShell;
  readonly log: BuildLog;
  readonly clock: Clock;
  /** Users by the names that run-as has. */
  readonly users: ReadonlyMap<string, User>;
  /** Hides secrets in a text. */
  readonly mask: (text: string) => string;
  /** Counts from 1. */
  readonly attempt: number;
}

/** How the phases of one attempt ended. */
export interface PhasesEnd {
  readonly records: readonly PhaseRecord[];
  readonly succeeded: boolean;
  /** Whether the build came as far as its build phase, and was not aborted: then artifacts are written. */
  readonly reachedArtifacts: boolean;
  /** `on-failure` wants the whole build once more. */
  readonly retry: boolean;
}

/** Why a phase failed. */
interface Failure {
  readonly message: string;
  /** The end of what the failed command wrote. */
  readonly output: string;
}

/**
 * Runs install, pre_build, build and post_build (AWS CodeBuild User Guide, "Build phase transitions"): a failed install or
 * pre_build ends the build, a failed build goes on to post_build; `on-failure` may say otherwise.
 *
 * @throws LayerwrightError `INTERRUPTED` (130)
 */
export async function runPhases(run: PhaseRun): Promise<PhasesEnd> {
  const records: PhaseRecord[] = [];
  let succeeded = true;
  for (const name of PHASES) {
    const phase = run.spec.phases.find((one) => one.name === name);
    const { record, failure } = await runPhase(run, name, phase);
    records.push(record);
    if (phase === undefined || failure === undefined) continue;
    succeeded = false;
    const next = afterFailure(name, phase, failure, run.attempt);
    if (next !== 'continue') return { records, succeeded, reachedArtifacts: false, retry: next === 'retry' };
  }
  return { records, succeeded, reachedArtifacts: true, retry: false };
}

function afterFailure(
  name: PhaseName,
  { onFailure }: Pick<Phase, 'onFailure'>,
  failure: Failure,
  attempt: number,
): 'continue' | 'end' | 'retry' {
  if (onFailure?.do === 'abort') return 'end';
  if (onFailure?.do === 'continue') return 'continue';
  if (onFailure?.do === 'retry' && attempt <= onFailure.times) {
    const text = `${failure.message}\n${failure.output}`;
    if (onFailure.pattern?.test(text) ?? true) return 'retry';
  }
  // What follows a phase that says nothing of it.
  return name === 'build' || name === 'post_build' ? 'continue' : 'end';
}

async function runPhase(
  run: PhaseRun,
  name: PhaseName,
  phase: Phase | undefined,
): Promise<{ record: PhaseRecord; failure: Failure | undefined }> {
  const started = run.clock.monotonicMs();
  const title = name.toUpperCase();
  run.log.line(`Entering phase ${title}`);
  const failure = phase === undefined ? undefined : await runCommands(run, phase);
  const seconds = (run.clock.monotonicMs() - started) / 1000;
  const end = endPhase(run, title, seconds, failure && { statusCode: 'COMMAND_EXECUTION_ERROR', ...failure });
  return { record: end, failure };
}

/** Writes the end of a phase to the log; its record. */
export function endPhase(
  run: Pick<PhaseRun, 'log' | 'mask' | 'attempt'>,
  name: string,
  seconds: number,
  failure: { readonly statusCode: string; readonly message: string } | undefined,
): PhaseRecord {
  const state = failure === undefined ? 'SUCCEEDED' : 'FAILED';
  const statusCode = failure?.statusCode ?? '';
  const message = run.mask(failure?.message ?? '');
  run.log.line(`Phase complete: ${name} State: ${state}`);
  run.log.line(`Phase context status code: ${statusCode} Message: ${message}`);
  return { name, state, attempt: run.attempt, seconds, statusCode, message };
}

/** The commands up to the first that fails, then those of `finally` likewise; the first failure counts. */
async function runCommands(run: PhaseRun, phase: Phase): Promise<Failure | undefined> {
  const user = run.users.get(phase.runAs ?? run.spec.runAs ?? '');
  const failure = await runList(run, phase.commands, user);
  // `finally` can see it already.
  if (failure !== undefined) run.shell.set('CODEBUILD_BUILD_SUCCEEDING', '0');
  const last = await runList(run, phase.finally, user);
  if (last !== undefined) run.shell.set('CODEBUILD_BUILD_SUCCEEDING', '0');
  return failure ?? last;
}

async function runList(
  { shell, log }: PhaseRun,
  commands: readonly string[],
  user: User | undefined,
): Promise<Failure | undefined> {
  for (const command of commands) {
    const shown = command.trimEnd();
    log.line(`Running command ${shown}`);
    const status = await shell.run(command, user);
    const output = log.takeOutput();
    if (status === 0) continue;
    log.line(`Command did not exit successfully ${shown} exit status ${status}`);
    return { message: `Error while executing command: ${shown}. Reason: exit status ${status}`, output };
  }
  return undefined;
}
