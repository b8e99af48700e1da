import { posix } from 'node:path';
import type {
  DependencyAction,
  LockedInstall,
  NotRecognised,
  RecognisedStep,
} from '../../python/recognise/recognise.ts';
import { type SkeletonProject, skeletonCommand } from '../../python/recognise/skeleton.ts';

/** What has to be made before a step can be composed: its tools' virtual environments and settings. */
export interface SkeletonNeed {
  readonly steps: readonly DependencyAction[];
  /** Of the virtual environments among it, absolute. */
  readonly directories: readonly string[];
  /** Those that the command which installs makes for itself, absolute: it then starts another name of their Python. */
  readonly selfMade: readonly string[];
  /** Those in which uv is to compile all that is there, absolute. */
  readonly compiled: readonly string[];
  /** True if what it makes depends on files of the project that it has to find where they are. */
  readonly readsProject: boolean;
}

/**
 * What a step needs beside what it installs: the image's own programs make it, once.
 *
 * @param isThere whether a virtual environment is in that directory when the step begins
 * @returns undefined if it needs nothing; a reason if it cannot be made before the rest of the step
 */
export function skeletonNeed(
  { steps }: RecognisedStep,
  isThere: (directory: string) => boolean,
): SkeletonNeed | { readonly reason: string; readonly hint: string } | undefined {
  const needs = steps.map((step) => needsMaking(step, isThere));
  const first = steps.findIndex(({ kind }) => kind !== 'venv' && kind !== 'settings');
  if (first >= 0 && needs.lastIndexOf(true) > first)
    return {
      reason: 'it makes a virtual environment, or changes settings, after it has installed something',
      hint: 'Give what is not an installation a RUN of its own.',
    };
  const makers = steps.filter((_, at) => needs[at]);
  if (makers.length === 0) return undefined;
  const directories = makers.flatMap((step) => {
    const directory = directoryOf(step);
    return directory === undefined || !('workdir' in step) ? [] : [posix.resolve(step.workdir, directory)];
  });
  const selfMade = makers.flatMap((step) =>
    step.kind === 'locked-install' && step.tool === 'uv' ? (directoryOf(step) ?? []) : [],
  );
  const byUv = makers.flatMap((step) => {
    const directory = directoryOf(step);
    return directory === undefined || !('tool' in step) || step.tool !== 'uv'
      ? []
      : [posix.resolve(step.workdir, directory)];
  });
  return {
    steps: makers,
    directories,
    selfMade,
    compiled: steps.some(isCompiledByUv) ? byUv : [],
    readsProject: makers.some((step) => step.kind === 'venv' && step.readsProject),
  };
}

/**
 * One command that makes what is needed and nothing else.
 *
 * @param projectOf what the files of a project say about its environment
 */
export async function skeletonText(
  { steps, compiled }: SkeletonNeed,
  projectOf: (action: LockedInstall) => Promise<SkeletonProject | NotRecognised | undefined>,
): Promise<string | NotRecognised> {
  const commands: string[] = [];
  for (const step of steps) {
    const project = step.kind === 'locked-install' ? await projectOf(step) : undefined;
    if (project !== undefined && 'reason' in project) return project;
    const words = skeletonCommand(step, project);
    if (words === undefined) return { reason: 'how its virtual environment is made alone is not known' };
    const text = words.map(quoted).join(' ');
    const directory = directoryOf(step);
    // Something that is run below may have made it: then the tool takes what is there.
    commands.push(
      step.kind === 'locked-install' ? `{ [ -e ${quoted(`${directory}/pyvenv.cfg`)} ] || ${text}; }` : text,
    );
  }
  return [...commands, ...compiled.map(compileCommand)].join(' && ');
}

/** Where uv compiles, it compiles all modules that are there, its own one of the environment among them. */
function compileCommand(directory: string): string {
  return `${quoted(`${directory}/bin/python`)} -I -m compileall -q ${quoted(directory)}/lib/python3.*/site-packages/_virtualenv.py`;
}

/** The directories, as written, of the virtual environments that are there after a step. */
export function environmentsOf({ steps }: RecognisedStep): readonly string[] {
  return steps.flatMap((step) => directoryOf(step) ?? []);
}

function needsMaking(step: DependencyAction, isThere: (directory: string) => boolean): boolean {
  if (step.kind === 'venv' || step.kind === 'settings') return true;
  const directory = directoryOf(step);
  return directory !== undefined && !isThere(directory);
}

/** True for an installation after which uv compiles. */
function isCompiledByUv(step: DependencyAction): boolean {
  if (step.kind === 'pip-install') return step.tool === 'uv' && step.options.compile;
  return step.kind === 'locked-install' && step.tool === 'uv' && step.compile;
}

function directoryOf(step: DependencyAction): string | undefined {
  if (step.kind === 'venv') return step.directory;
  if (step.kind !== 'locked-install' || step.environment.kind !== 'directory') return undefined;
  return step.environment.path;
}

function quoted(word: string): string {
  return /^[A-Za-z0-9_./:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
