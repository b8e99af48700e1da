import { parseShell } from '../dockerfile/shell.ts';
import type { LockSelection } from './lock-selection.ts';
import type { PipFiles, PipOptions } from './pip-options.ts';
import {
  harmlessEnvironment,
  harmlessMounts,
  harmlessShell,
  mentionsInstall,
  type RunMount,
} from './recognise-around.ts';
import { commandSteps, type ShellState } from './recognise-command.ts';
import { listed, programsOf } from './recognise-programs.ts';

/** A `RUN` instruction with what the image says around it. */
export interface RunStep {
  /** The shell form's text (continued lines joined; a heredoc's lines), or the exec form's words. */
  readonly command: string | readonly string[];
  /** In shell form, what runs it, as SHELL says: `['/bin/sh', '-c']`. */
  readonly shell: readonly string[];
  readonly mounts: readonly RunMount[];
  /** Everything that is set when the step runs: ENV of the base and of the Dockerfile, and ARG. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly workdir: string;
  /** As USER says; empty for root. */
  readonly user: string;
  /** True if that user may write into the environment's site-packages; root may. */
  readonly environmentWritable: boolean;
  /** Texts of pip.conf of the image in pip's order: the machine's, the user's, the environment's. */
  readonly pipConfigurations: readonly string[];
}

/** `pip install`, its configuration, variables and activated environment taken in. */
export interface PipInstall extends PipFiles {
  readonly kind: 'pip-install';
  /** `uv` for `uv pip install` and `uv pip sync`, which resolve by uv's rules and leave uv's marks behind. */
  readonly tool: 'pip' | 'uv';
  /** Where it installs to. */
  readonly destination: Destination;
  /** True if distributions that are not named are removed (`uv pip sync`). */
  readonly exact: boolean;
  /**
   * What is run, to find the Python that it installs into: a name on PATH, a path as written, or a path in the virtual
   * environment that was activated before.
   */
  readonly program: string;
  /** `pip` for pip's own program, `python` for `python -m pip`. */
  readonly through: 'pip' | 'python';
  /** Requirements on the command line, in order. */
  readonly requirements: readonly string[];
  readonly options: PipOptions;
  /** The variables that the step's programs see: for `${NAME}` in requirements files. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * Directories that Python looks in before its own (PYTHONPATH, the working directory of `python -m`), absolute. pip
   * counts distributions in them as installed: the caller must see that there is none.
   */
  readonly searchPath: readonly string[];
}

/** Where an installation goes: into the environment itself, or to directories of its own (absolute). */
export type Destination =
  | { readonly kind: 'environment' }
  /** `--user`: PYTHONUSERBASE or `~/.local`; undefined if the home directory is not known before the image is. */
  | { readonly kind: 'user'; readonly directory: string | undefined }
  | { readonly kind: 'prefix'; readonly directory: string }
  | { readonly kind: 'target'; readonly directory: string };

/** `python -m venv DIRECTORY`, with pip in it and without the system's packages. */
export interface MakeVenv {
  readonly kind: 'venv';
  readonly program: string;
  /** As written: relative to the working directory if it does not begin with a slash. */
  readonly directory: string;
  /** True if its python is a copy and no link. */
  readonly copies: boolean;
}

/** The program that installs, for what it leaves behind: INSTALLER, launchers, REQUESTED, bytecode. */
export type InstallTool = 'pip' | 'uv' | 'poetry' | 'pipenv';

/**
 * A project's lock installed by its own tool: `uv sync`, `poetry install`, `pipenv install --deploy`, `pip install -r pylock.toml`,
 * `uv pip sync pylock.toml`.
 */
export interface LockedInstall {
  readonly kind: 'locked-install';
  readonly tool: InstallTool;
  /** For people: `uv sync`. */
  readonly command: string;
  /** What is run, as written: a name on PATH or a path. */
  readonly program: string;
  /** The environment: of a Python that is named or on PATH, or a directory (absolute) that the tool makes if it is not there. */
  readonly environment:
    | { readonly kind: 'python'; readonly program: string }
    | { readonly kind: 'directory'; readonly path: string };
  /** The lock file, an absolute path in the image. */
  readonly lock: { readonly kind: 'uv' | 'poetry' | 'pipenv' | 'pylock'; readonly path: string };
  /** The directory of pyproject.toml, absolute; undefined where the lock alone decides. */
  readonly project: string | undefined;
  readonly selection: LockSelection;
  /** What becomes of the project itself, and of other members of its workspace. */
  readonly own: 'none' | 'editable' | 'copied';
  /** True if distributions that the lock does not have are removed. */
  readonly exact: boolean;
  /** True if bytecode is written. */
  readonly compile: boolean;
  readonly indexes: Pick<PipOptions, 'indexUrl' | 'extraIndexUrls' | 'trustedHosts'>;
  /** The variables that the step's programs see. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type DependencyAction = PipInstall | MakeVenv | LockedInstall;

/** What a `RUN` does, if every command in it is known. */
export interface RecognisedStep {
  readonly steps: readonly DependencyAction[];
  /** Files of the context that the step sees by bind mounts: absolute or relative path in the image to path in the context. */
  readonly binds: readonly { readonly target: string; readonly source: string }[];
}

/** Why a `RUN` is left to BuildKit, and what could be changed about it. */
export interface NotRecognised {
  /** Half a sentence, for people. */
  readonly reason: string;
  readonly hint?: string;
}

/**
 * Recognises a dependency step: a `RUN` that does nothing but install distributions with pip and make virtual
 * environments. A command that is not known with certainty is a reason, never a guess.
 *
 * What it runs is told before what is around it: where nothing is installed, users and mounts do not matter.
 */
export function recognise(run: RunStep): RecognisedStep | NotRecognised {
  const shell = typeof run.command === 'string' ? harmlessShell(run.shell) : undefined;
  if (shell) return shell;
  const steps = stepsOf(run);
  if ('reason' in steps) return mentionsInstall(run) ? steps : { ...steps, reason: runsSomething(run) };
  if (steps.length === 0) return { reason: 'the command installs nothing' };
  const around = surroundings(run);
  return 'reason' in around ? around : { steps, binds: around.binds };
}

function stepsOf(run: RunStep): readonly DependencyAction[] | NotRecognised {
  const commands = typeof run.command === 'string' ? parseShell(run.command) : execForm(run.command);
  if ('reason' in commands)
    return { reason: `the command holds ${commands.reason}`, ...hintFor(commands.reason, run) };
  const state: ShellState = { env: { ...run.env }, activated: undefined, run };
  const steps: DependencyAction[] = [];
  for (const command of commands) {
    const found = commandSteps(command, state);
    if ('reason' in found) return found;
    steps.push(...found);
  }
  return steps;
}

/** Of a step that is not about installing: what it is about tells more than which part of it is not understood. */
function runsSomething({ command }: RunStep): string {
  const programs = programsOf(command);
  return `it runs ${programs.length === 0 ? 'a program' : listed(programs)}, which only BuildKit can do`;
}

function surroundings(run: RunStep): Pick<RecognisedStep, 'binds'> | NotRecognised {
  const environment = harmlessEnvironment(run.env);
  if (environment) return environment;
  if (!run.environmentWritable)
    return {
      reason: `user ${run.user || 'root'} may not write into the environment, so pip installs into the home directory`,
      hint: 'Install as root, above USER.',
    };
  return harmlessMounts(run.mounts, run.env);
}

/** Words of the exec form are what they are: no shell expands them. */
function execForm(words: readonly string[]): ReturnType<typeof parseShell> {
  return [
    {
      assignments: [],
      words: words.map((text) => ({ parts: [{ text, quoted: true }], pattern: false })),
      after: undefined,
    },
  ];
}

function hintFor(reason: string, run: RunStep): { hint?: string } {
  if (!mentionsInstall(run)) return {};
  if (reason === 'a redirection')
    return { hint: 'If it is meant as a condition on a version, quote it: "package>=1.0".' };
  return { hint: 'Give pip install a RUN of its own, a plain command.' };
}
