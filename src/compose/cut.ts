import { expandCopy, isRemoteSource } from '../dockerfile/expanded-copy.ts';
import type { StageNode } from '../dockerfile/graph.ts';
import type { CopyInstruction, RunInstruction } from '../dockerfile/instruction.ts';
import { type Mount, mountsOf } from '../dockerfile/mounts.ts';
import type { StageState } from '../image/config-start.ts';
import { type DependencyAction, type RecognisedStep, recognise } from '../python/recognise.ts';
import { higherUp } from './higher-up.ts';
import { NotComposable, type Obstacle } from './state.ts';

/** Instructions of a stage that are produced in one way; `at`, `from` and `to` are indices of the stage's instructions. */
export type Part =
  | { readonly kind: 'install'; readonly at: number; readonly step: RecognisedStep }
  /** Neighbouring `COPY --from` of one stage. */
  | { readonly kind: 'splice'; readonly from: number; readonly to: number; readonly source: number }
  | {
      readonly kind: 'solved';
      readonly from: number;
      readonly to: number;
      /** Why BuildKit must run them; at least one. */
      readonly why: readonly Obstacle[];
      /** Commands of the last instruction that are solved, where the rest of it is composed. */
      readonly command: string | undefined;
    }
  | { readonly kind: 'plain'; readonly at: number };

/** A stage as far as it can be cut without its files. */
export interface CuttableStage {
  readonly path: string;
  readonly node: StageNode;
  /** What instruction i sees; one more at the end. */
  readonly states: readonly StageState[];
  /** Texts of the pip.conf files below. */
  readonly pipConfigurations: readonly string[];
  /** By line: what was found out not to be composable after all. */
  readonly forced: ReadonlyMap<number, { readonly reason: string; readonly hint: string | undefined }>;
}

/** What is to be done with one instruction. */
type Sort =
  | { readonly kind: 'plain' }
  | { readonly kind: 'install'; readonly step: RecognisedStep }
  | { readonly kind: 'splice'; readonly source: number }
  | { readonly kind: 'run'; readonly reason: string; readonly hint: string | undefined };

/**
 * Cuts a stage into parts: dependency steps and copies of composed stages stand for themselves; between two of these all from
 * the first instruction that has to run to the last one is solved together, and what follows is composed. Pure.
 *
 * What comes before the first one that has to run is solved with it: BuildKit then starts from an image that is there.
 */
export function cutStage(stage: CuttableStage): readonly Part[] {
  const sorts = stage.node.instructions.map((_, at) => sortOf(stage, at));
  const parts: Part[] = [];
  let start = 0;
  for (let at = 0; at <= sorts.length; at++) {
    const sort = sorts[at];
    if (sort !== undefined && sort.kind !== 'install' && sort.kind !== 'splice') continue;
    parts.push(...stretch(stage, sorts, start, at, sort));
    start = at + 1;
    if (sort?.kind === 'install')
      parts.push({ kind: 'install', at, step: { ...sort.step, steps: sort.step.steps.filter(isInstall) } });
    if (sort?.kind === 'splice') {
      while (isSplice(sorts[start], sort.source)) start++;
      parts.push({ kind: 'splice', from: at, to: start - 1, source: sort.source });
      at = start - 1;
    }
  }
  return parts;
}

/**
 * An installation as it is with the files that configure pip when it comes to it: since the stage began one may have been copied
 * or written. Pure.
 *
 * @throws NotComposable if it is not surely understood with them
 */
export function reconfigured(
  stage: CuttableStage,
  part: Extract<Part, { kind: 'install' }>,
  pipConfigurations: readonly string[],
): Extract<Part, { kind: 'install' }> {
  const isSame =
    pipConfigurations.length === stage.pipConfigurations.length &&
    pipConfigurations.every((text, at) => text === stage.pipConfigurations[at]);
  if (isSame) return part;
  const parts = cutStage({ ...stage, pipConfigurations });
  const found = parts.find((one) => one.kind === 'install' && one.at === part.at);
  if (found?.kind === 'install') return found;
  const { line } = stage.node.instructions[part.at] as { line: number };
  const why = parts.flatMap((one) => (one.kind === 'solved' ? one.why : [])).find((one) => one.line === line);
  throw new NotComposable(line, why?.reason ?? 'a file configures pip', why?.hint);
}

const VENV_RUNS = "a virtual environment is made by the image's own Python, once";

function isSplice(sort: Sort | undefined, source: number): boolean {
  return sort?.kind === 'splice' && sort.source === source;
}

function isInstall(action: DependencyAction): boolean {
  return action.kind === 'pip-install';
}

/** The instructions from `start` to before `end`, which is an installation that may begin with a virtual environment. */
function stretch(
  stage: CuttableStage,
  sorts: readonly Sort[],
  start: number,
  end: number,
  next: Sort | undefined,
): readonly Part[] {
  const command = next?.kind === 'install' ? venvCommand(next.step) : undefined;
  const last =
    command === undefined ? sorts.slice(start, end).findLastIndex(({ kind }) => kind === 'run') : -1;
  const to = command === undefined ? start + last : end;
  const parts: Part[] = [];
  if (command !== undefined || last >= 0) {
    const own = sorts.slice(start, end).flatMap((sort, index) => obstacleAt(stage, sort, start + index));
    const venv = command === undefined ? [] : [obstacleOf(stage, end, VENV_RUNS)];
    parts.push({ kind: 'solved', from: start, to, why: [...own, ...venv], command });
  }
  const rest = command === undefined ? to + 1 : end;
  for (let at = Math.max(rest, start); at < end; at++) parts.push({ kind: 'plain', at });
  return parts;
}

/** The virtual environments that a step begins with, as commands. */
function venvCommand({ steps }: RecognisedStep): string | undefined {
  const venvs = steps.filter((step) => step.kind === 'venv');
  if (venvs.length === 0) return undefined;
  return venvs
    .map(({ program, directory, copies }) => [
      program,
      '-m',
      'venv',
      ...(copies ? ['--copies'] : []),
      directory,
    ])
    .map((words) => words.map(quoted).join(' '))
    .join(' && ');
}

function quoted(word: string): string {
  return /^[A-Za-z0-9_./:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function obstacleAt(stage: CuttableStage, sort: Sort, at: number): readonly Obstacle[] {
  return sort.kind === 'run' ? [obstacleOf(stage, at, sort.reason, sort.hint)] : [];
}

function obstacleOf(stage: CuttableStage, at: number, reason: string, hint?: string): Obstacle {
  const { line } = stage.node.instructions[at] as { line: number };
  const instruction = stage.node.stage.instructions[at]?.keyword ?? '';
  return { place: `${stage.path}:${line}`, line, instruction, reason, hint };
}

function sortOf(stage: CuttableStage, at: number): Sort {
  const instruction = stage.node.instructions[at];
  if (instruction === undefined) throw new Error('an instruction that is not there');
  const forced = stage.forced.get(instruction.line);
  if (forced !== undefined) return { kind: 'run', ...forced };
  if (instruction.kind === 'run') return sortOfRun(stage, at, instruction);
  if (instruction.kind === 'copy' || instruction.kind === 'add') return sortOfCopy(stage, at, instruction);
  return { kind: 'plain' };
}

function sortOfRun(stage: CuttableStage, at: number, run: RunInstruction): Sort {
  const state = stage.states[at] as StageState;
  const special =
    run.network !== 'default'
      ? '--network'
      : run.security !== 'sandbox'
        ? '--security'
        : run.devices.length > 0
          ? '--device'
          : undefined;
  if (special !== undefined)
    return {
      kind: 'run',
      reason: `it has ${special}`,
      hint: `Leave ${special} out, if the step does not need it.`,
    };
  if (run.program !== undefined)
    return { kind: 'run', reason: 'its heredoc is a program of its own', hint: undefined };
  const config = state.image.config;
  const user = config.User ?? '';
  const found = recognise({
    command: run.script ?? run.words,
    shell: config.Shell ?? ['/bin/sh', '-c'],
    mounts: mountsOf(run, state.scope.environment, { path: stage.path, escape: state.scope.escape }).map(
      runMount,
    ),
    env: Object.fromEntries(state.scope.environment),
    workdir: config.WorkingDir ?? '/',
    user,
    environmentWritable: /^(?:|0|root)(?::(?:0|root)?)?$/.test(user),
    pipConfigurations: stage.pipConfigurations,
  });
  if ('reason' in found)
    return { kind: 'run', reason: found.reason, hint: found.hint ?? higherUp(stage, at) };
  const installs = found.steps.some(isInstall);
  const ordered = found.steps.findLastIndex(({ kind }) => kind === 'venv') < found.steps.findIndex(isInstall);
  if (!installs)
    return {
      kind: 'run',
      reason: VENV_RUNS,
      hint: undefined,
    };
  if (!ordered && found.steps.some(({ kind }) => kind === 'venv'))
    return {
      kind: 'run',
      reason: 'it makes a virtual environment after it has installed something',
      hint: 'Give the virtual environment a RUN of its own.',
    };
  return { kind: 'install', step: found };
}

function runMount({ type, target, source, from }: Mount) {
  return { type, target, source, from };
}

function sortOfCopy(stage: CuttableStage, at: number, copy: CopyInstruction): Sort {
  const state = stage.states[at] as StageState;
  const { copy: expanded } = expandCopy(state.scope, copy);
  if (expanded.sources.some(isRemoteSource))
    return {
      kind: 'run',
      reason: 'it downloads something',
      hint:
        expanded.checksum === '' ? 'With --checksum it is not downloaded again in each build.' : undefined,
    };
  if (copy.from === undefined || copy.from === '') return { kind: 'plain' };
  const read = stage.node.reads.find((one) => one.instruction === at);
  if (read?.source.kind !== 'stage')
    return {
      kind: 'run',
      reason: `it copies from ${copy.from}, which is no stage of this file`,
      hint: undefined,
    };
  return spliceShape(state, expanded) ?? { kind: 'splice', source: read.source.index };
}

/** Why a `COPY --from` is not the copy of one path to itself. */
function spliceShape(state: StageState, copy: CopyInstruction): Sort | undefined {
  const run = (reason: string, hint: string): Sort => ({ kind: 'run', reason, hint });
  if (copy.chown !== '' || copy.chmod !== '' || copy.parents || copy.excludes.length > 0)
    return run(
      'it changes what it copies from another stage',
      'Copy without --chown, --chmod, --parents and --exclude.',
    );
  const [source, more] = copy.sources;
  if (source === undefined || more !== undefined)
    return run('it copies several things from another stage', 'Give each path a COPY of its own.');
  if (/[*?[\\]/.test(source))
    return run('it copies from another stage by a pattern', 'Name the directory itself.');
  const destination = absolutePath(copy.destination, state.image.config.WorkingDir ?? '/');
  if (absolutePath(source, '/') !== destination)
    return run(
      'it copies from another stage to another path',
      'Install it in its stage where the image has it: COPY --from=STAGE /opt/venv /opt/venv.',
    );
  return destination === '/'
    ? run('it copies all of another stage', 'Copy the directories that are needed.')
    : undefined;
}

/** Clean, without a slash at the end. */
export function absolutePath(path: string, directory: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith('/') ? path : `${directory}/${path}`).split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return `/${parts.join('/')}`;
}
