import { expandCopy, isRemoteSource } from '../dockerfile/expanded-copy.ts';
import type { StageNode } from '../dockerfile/graph.ts';
import type { CopyInstruction, RunInstruction } from '../dockerfile/instruction.ts';
import { type Mount, mountsOf } from '../dockerfile/mounts.ts';
import type { StageState } from '../image/config-start.ts';
import type { Netrc } from '../python/recognise/netrc.ts';
import { type DependencyAction, type RecognisedStep, recognise } from '../python/recognise/recognise.ts';
import { housekeeping } from './file-step.ts';
import { higherUp } from './higher-up.ts';
import { stepSecrets } from './install/step-secrets.ts';
import { isRootUser } from './install/step-user.ts';
import { environmentsOf, type SkeletonNeed, skeletonNeed } from './solve/skeleton.ts';
import { spliceShape } from './splice/splice-shape.ts';
import { NotComposable, type Obstacle } from './state.ts';

/** Instructions of a stage that are produced in one way; `at`, `from` and `to` are indices of the stage's instructions. */
export type Part =
  | {
      readonly kind: 'install';
      readonly at: number;
      readonly step: RecognisedStep;
      /** The logins of a secret netrc file. */
      readonly netrc: Netrc | undefined;
      /** Directories of virtual environments that were made for it, absolute. */
      readonly made: readonly string[];
      /** Those of them that the installing command makes for itself. */
      readonly selfMade: readonly string[];
    }
  /** Neighbouring `COPY --from` of one stage, by its index, or one of an image, by its reference. */
  | {
      readonly kind: 'splice';
      readonly from: number;
      readonly to: number;
      readonly source: number | string;
    }
  | {
      readonly kind: 'solved';
      readonly from: number;
      readonly to: number;
      /** Why BuildKit must run them; at least one. */
      readonly why: readonly Obstacle[];
    }
  /**
   * What an installation needs that its tool makes: virtual environments, settings. It reads nothing of what stands between `from` and
   * the installation, so that it is solved before that, once.
   */
  | {
      readonly kind: 'skeleton';
      readonly from: number;
      /** The installation. */
      readonly at: number;
      readonly need: SkeletonNeed;
      readonly binds: RecognisedStep['binds'];
      readonly why: readonly Obstacle[];
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
  /** Texts of the files that configure poetry for the user; undefined: not known. */
  readonly poetryConfigurations: readonly string[] | undefined;
  /** The home directory of the user that RUN has when the stage begins; absolute. */
  readonly home: string;
  /** What the build was given by `--secret`, by id. */
  readonly secrets: ReadonlyMap<string, string>;
  /** Whether the stage begins with a virtual environment in that directory. */
  readonly hasEnvironment: (directory: string) => boolean;
  /** False if dependency steps are to be run, and their layers split. */
  readonly composes: boolean;
  /** By line: what was found out not to be composable after all. */
  readonly forced: ReadonlyMap<number, { readonly reason: string; readonly hint: string | undefined }>;
}

/** What is to be done with one instruction. */
type Sort =
  | { readonly kind: 'plain' }
  | {
      readonly kind: 'install';
      readonly step: RecognisedStep;
      readonly netrc: Netrc | undefined;
      readonly skeleton: SkeletonNeed | undefined;
    }
  | { readonly kind: 'splice'; readonly source: number }
  /** A copy from an image: solved with what has to run after it. */
  | { readonly kind: 'take'; readonly source: string }
  | { readonly kind: 'run'; readonly reason: string; readonly hint: string | undefined };

/**
 * Cuts a stage into parts: dependency steps and copies of composed stages stand for themselves; between two of these all from
 * the first instruction that has to run to the last one is solved together, and what follows is composed. Pure.
 *
 * What comes before the first one that has to run is solved with it: BuildKit then starts from an image that is there.
 */
export function cutStage(stage: CuttableStage): readonly Part[] {
  // What makes an environment depends on who made one before.
  const so: SoFar = { environments: new Set(), settings: [] };
  const sorts = stage.node.instructions.map((_, at) => sortOf(stage, at, so));
  const parts: Part[] = [];
  let start = 0;
  for (let at = 0; at <= sorts.length; at++) {
    const sort = sorts[at];
    if (sort !== undefined && sort.kind !== 'install' && sort.kind !== 'splice') continue;
    parts.push(...stretch(stage, sorts, start, at, sort));
    start = at + 1;
    if (sort?.kind === 'install')
      parts.push({
        ...{ kind: 'install', at, netrc: sort.netrc },
        ...{ made: sort.skeleton?.directories ?? [], selfMade: sort.skeleton?.selfMade ?? [] },
        step: { ...sort.step, steps: sort.step.steps.filter(isInstall) },
      });
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
  const why = parts.flatMap((one) => ('why' in one ? one.why : [])).find((one) => one.line === line);
  throw new NotComposable(line, why?.reason ?? 'a file configures pip', why?.hint);
}

const SKELETON_RUNS = "a virtual environment is made by the image's own programs, once";

function isSplice(sort: Sort | undefined, source: number): boolean {
  return sort?.kind === 'splice' && sort.source === source;
}

function isInstall({ kind }: DependencyAction): boolean {
  return kind === 'pip-install' || kind === 'locked-install';
}

/** What instructions above have made. */
interface SoFar {
  /** Directories of virtual environments. */
  readonly environments: Set<string>;
  /** What was written into poetry's configuration. */
  readonly settings: string[];
}

/** `poetry config virtualenvs.create false` as the file has it. */
function settingsText(action: DependencyAction): readonly string[] {
  if (action.kind !== 'settings') return [];
  const [name = '', value = ''] = action.command.slice(-2);
  const [table = '', key = ''] = name.split('.');
  return [`[${table}]\n${key} = ${value}\n`];
}

function poetryConfigurations(
  { poetryConfigurations: texts }: CuttableStage,
  { settings }: SoFar,
  user: string,
) {
  // Those are root's. What others have the installation looks at, when it is known who that is.
  if (!isRootUser(user)) return settings.length === 0 ? { poetryConfigurations: [] } : {};
  return texts === undefined ? {} : { poetryConfigurations: [...texts, ...settings] };
}

/** The instructions from `start` to before `end`, which is an installation that may begin with a virtual environment. */
function stretch(
  stage: CuttableStage,
  sorts: readonly Sort[],
  start: number,
  end: number,
  next: Sort | undefined,
): readonly Part[] {
  const to = start + sorts.slice(start, end).findLastIndex(({ kind }) => kind === 'run');
  const parts: Part[] = [];
  if (to >= start) {
    const why = sorts.slice(start, end).flatMap((sort, index) => obstacleAt(stage, sort, start + index));
    parts.push({ kind: 'solved', from: start, to, why });
  }
  const rest = Math.max(to + 1, start);
  const plain: Part[] = [];
  for (let at = rest; at < end; at++) plain.push(plainPart(sorts, at));
  if (next?.kind !== 'install' || next.skeleton === undefined) return [...parts, ...plain];
  const { skeleton: need, step } = next;
  const why = [obstacleOf(stage, end, SKELETON_RUNS)];
  // The program that makes it may come from an image.
  const taken = plain.findLastIndex(({ kind }) => kind === 'splice') + 1;
  const placed = isRootUser(userAt(stage, end)) ? 0 : placedBefore(stage, plain);
  const before = need.readsProject ? plain.length : Math.max(taken, placed);
  const from = rest + before;
  const skeleton: Part = { kind: 'skeleton', from, at: end, need, binds: step.binds, why };
  return [...parts, ...plain.slice(0, before), skeleton, ...plain.slice(before)];
}

function userAt({ states }: CuttableStage, at: number): string {
  return states[at]?.image.config.User ?? '';
}

/** How many come before an environment that another user than root makes: whose the directory above is, they decide. */
function placedBefore({ node }: CuttableStage, plain: readonly Part[]): number {
  return (
    plain.findLastIndex(
      (part) => 'at' in part && ['workdir', 'user'].includes(node.instructions[part.at]?.kind ?? ''),
    ) + 1
  );
}

/** What another user than root may not be able to use, or has elsewhere. */
function foreignTo(
  { steps }: RecognisedStep,
  mounts: readonly Mount[],
): { readonly reason: string; readonly hint: string | undefined } | undefined {
  if (mounts.some(({ type, target }) => type === 'secret' && target !== ''))
    return { reason: 'a user who is not root reads a secret', hint: 'Install as root, above USER.' };
  if (steps.some(({ kind }) => kind === 'settings'))
    return { reason: 'a user who is not root has settings of poetry', hint: 'Give them by ENV.' };
  // pip goes without.
  const needs = steps.some((step) => 'tool' in step && step.tool !== 'pip' && step.kind !== 'venv');
  const closed = mounts.find(({ type, uid }) => type === 'cache' && uid === undefined);
  return needs && closed
    ? { reason: `the cache at ${closed.target} is root's`, hint: 'Give its mount uid=, the number of USER.' }
    : undefined;
}

function plainPart(sorts: readonly Sort[], at: number): Part {
  const sort = sorts[at];
  return sort?.kind === 'take'
    ? { kind: 'splice', from: at, to: at, source: sort.source }
    : { kind: 'plain', at };
}

function obstacleAt(stage: CuttableStage, sort: Sort, at: number): readonly Obstacle[] {
  return sort.kind === 'run' ? [obstacleOf(stage, at, sort.reason, sort.hint)] : [];
}

function obstacleOf(stage: CuttableStage, at: number, reason: string, hint?: string): Obstacle {
  const { line } = stage.node.instructions[at] as { line: number };
  const instruction = stage.node.stage.instructions[at]?.keyword ?? '';
  return { place: `${stage.path}:${line}`, line, instruction, reason, hint };
}

function sortOf(stage: CuttableStage, at: number, so: SoFar): Sort {
  const instruction = stage.node.instructions[at];
  if (instruction === undefined) throw new Error('an instruction that is not there');
  const forced = stage.forced.get(instruction.line);
  if (forced !== undefined) return { kind: 'run', ...forced };
  if (instruction.kind === 'run') return sortOfRun(stage, at, instruction, so);
  if (instruction.kind === 'copy' || instruction.kind === 'add') return sortOfCopy(stage, at, instruction);
  return { kind: 'plain' };
}

function sortOfRun(stage: CuttableStage, at: number, run: RunInstruction, so: SoFar): Sort {
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
  // Which files there are decides whether it is composable: the walk looks.
  if (housekeeping(run, state) !== undefined) return { kind: 'plain' };
  if (run.program !== undefined)
    return { kind: 'run', reason: 'its heredoc is a program of its own', hint: undefined };
  const config = state.image.config;
  const user = config.User ?? '';
  const mounts = mountsOf(run, state.scope.environment, { path: stage.path, escape: state.scope.escape });
  const env = Object.fromEntries(state.scope.environment);
  const workdir = config.WorkingDir || '/';
  const { home, pipConfigurations, secrets: given } = stage;
  const secrets = stepSecrets(mounts, { home, workdir, env, pipConfigurations, given });
  if ('reason' in secrets) return { kind: 'run', ...secrets };
  const found = recognise({
    command: run.script ?? run.words,
    shell: config.Shell ?? ['/bin/sh', '-c'],
    mounts,
    env: { ...env, ...secrets.env },
    workdir,
    user,
    pipConfigurations: [...pipConfigurations, ...secrets.pipConfigurations],
    ...poetryConfigurations(stage, so, user),
  });
  if ('reason' in found)
    return { kind: 'run', reason: found.reason, hint: found.hint ?? higherUp(stage, at) };
  const foreign = isRootUser(user) ? undefined : foreignTo(found, mounts);
  if (foreign) return { kind: 'run', ...foreign };
  so.settings.push(...found.steps.flatMap(settingsText));
  if (!stage.composes)
    return { kind: 'run', reason: 'dependency steps are run and then split (--way split)', hint: undefined };
  if (found.steps.some(({ kind }) => kind === 'pip-wheel'))
    return { kind: 'run', reason: "wheels are built by the image's own pip", hint: undefined };
  const skeleton = skeletonNeed(
    found,
    (directory) => so.environments.has(directory) || stage.hasEnvironment(directory),
  );
  for (const directory of environmentsOf(found)) so.environments.add(directory);
  if (skeleton && 'reason' in skeleton) return { kind: 'run', ...skeleton };
  if (!found.steps.some(isInstall)) return { kind: 'run', reason: SKELETON_RUNS, hint: undefined };
  return { kind: 'install', step: found, netrc: secrets.netrc, skeleton };
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
  const shape = spliceShape(expanded);
  if (shape !== undefined) return { kind: 'run', ...shape };
  if (read?.source.kind === 'stage') return { kind: 'splice', source: read.source.index };
  if (read?.source.kind === 'image') return { kind: 'take', source: read.source.reference };
  return {
    kind: 'run',
    reason: `it copies from ${copy.from}, which is no stage of this file and no image`,
    hint: undefined,
  };
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
