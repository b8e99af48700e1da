import { parseShell } from '../../dockerfile/shell.ts';
import type { LockSelection } from './lock-selection.ts';
import type { PipFiles, PipOptions } from './pip-options.ts';
import {
  harmlessEnvironment,
  harmlessMounts,
  harmlessShell,
  mentionsInstall,
  type RunMount,
  writesIntoMount,
} from './recognise-around.ts';
import { commandSteps } from './recognise-command.ts';
import { listed, programsOf } from './recognise-programs.ts';
import { startState } from './recognise-state.ts';

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
  /** Texts of pip.conf of the image in pip's order: the machine's, the user's, the environment's. */
  readonly pipConfigurations: readonly string[];
  /** Texts of poetry's config.toml of the user and of the project's poetry.toml, in this order; undefined: not known, so refused. */
  readonly poetryConfigurations?: readonly string[];
}

/** What `pip install` and `pip wheel` ask for, configuration, variables and activated environment taken in. */
export interface PipRequest extends PipFiles {
  /**
   * What is run, to find the Python that it is about: a name on PATH, an absolute path, or a path in the virtual environment
   * that was activated before. `uv` for the Python that `uv pip install --system` finds.
   */
  readonly program: string;
  /** `pip` for pip's own program (and for uv), `python` for `python -m pip`. */
  readonly through: 'pip' | 'python';
  /** Requirements on the command line, in order: names of an index, and addresses (`name @ https://...`, `git+https://...`). */
  readonly requirements: readonly string[];
  /** Directories of projects on the command line: `.`, `./lib[extra]`, `-e .`. */
  readonly localProjects: readonly LocalProject[];
  /** Wheels and source archives on the command line. */
  readonly localFiles: readonly LocalFile[];
  /** Dependency groups of pyproject.toml files: `--group [PATH:]NAME`. */
  readonly groups: readonly { readonly path: string; readonly name: string }[];
  /** `uv pip install -r pyproject.toml`: the project's dependencies, without the project. */
  readonly dependenciesOf: readonly { readonly path: string; readonly extras: readonly string[] | 'all' }[];
  readonly options: PipOptions;
  /** The variables that the step's programs see: for `${NAME}` in requirements files, and for builds of source distributions. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where it runs, absolute: requirement files are relative to it. */
  readonly workdir: string;
  /**
   * Directories that Python looks in before its own (PYTHONPATH, the working directory of `python -m`), absolute. pip
   * counts distributions in them as installed: the caller must see that there is none.
   */
  readonly searchPath: readonly string[];
}

/** A project's directory. */
export interface LocalProject {
  /** Absolute. */
  readonly path: string;
  /** Normalised. */
  readonly extras: readonly string[];
  readonly editable: boolean;
}

/** Files that are installed: wheels, source archives. */
export interface LocalFile {
  /** Absolute. */
  readonly path: string;
  /** True if the shell takes it as a pattern (`/wheels/*`), which may fit more than one file, or none: then it is an error. */
  readonly pattern: boolean;
  readonly extras: readonly string[];
}

/** `pip install`, `uv pip install` and `uv pip sync`. */
export interface PipInstall extends PipRequest {
  readonly kind: 'pip-install';
  /** `uv` for `uv pip install` and `uv pip sync`, which resolve by uv's rules and leave uv's marks behind. */
  readonly tool: 'pip' | 'uv';
  /** Where it installs to. */
  readonly destination: Destination;
  /** True if distributions that are not named are removed (`uv pip sync`). */
  readonly exact: boolean;
  /**
   * What becomes of distributions that are there: `keep` those that fit; `force`: each is removed and installed again; `ignore`:
   * written over, as if none were there (always so with `--target`).
   */
  readonly reinstall: 'keep' | 'force' | 'ignore';
  /** True if uv reads configuration of its own (`uvConfigurationFiles`), which may say something else; false for pip. */
  readonly configured: boolean;
}

/** `pip wheel`: wheels of all that is asked for, in a directory. */
export interface PipWheel extends PipRequest {
  readonly kind: 'pip-wheel';
  /** Absolute; it is made if it is not there. */
  readonly wheelDirectory: string;
}

/** Where an installation goes: into the environment itself, or to directories of its own (absolute). */
export type Destination =
  /** `insisted` for `--no-user`: nothing else stands in for it. */
  | { readonly kind: 'environment'; readonly insisted?: true }
  /** `--user`: PYTHONUSERBASE or `~/.local`; undefined if the home directory is not known before the image is. */
  | { readonly kind: 'user'; readonly directory: string | undefined }
  | { readonly kind: 'prefix'; readonly directory: string }
  | { readonly kind: 'target'; readonly directory: string };

/** `python -m venv DIRECTORY`, with pip in it, or `uv venv DIRECTORY`; without the system's packages. */
export interface MakeVenv {
  readonly kind: 'venv';
  readonly tool: 'python' | 'uv' | 'virtualenv';
  /** What is run, as `PipRequest.program`; for `uv venv` and `virtualenv` the tool itself. */
  readonly program: string;
  /** As written: relative to the working directory if it does not begin with a slash. */
  readonly directory: string;
  /** True if its python is a copy and no link. */
  readonly copies: boolean;
  /** The words of the command, which makes it and nothing else; see `skeletonCommand`. */
  readonly command: readonly string[];
  /** Where it runs, absolute. */
  readonly workdir: string;
  /** The Python that `uv venv` is told to take: a version, a name or a path; undefined for the first that it finds. */
  readonly python: string | undefined;
  /** True if distributions are installed into it by the index (`uv venv --seed`). */
  readonly seed: boolean;
  /**
   * True if pyproject.toml and .python-version in the working directory and above have a say in which Python it takes, so that it
   * has to run where they are: `uv venv` without `--python`.
   */
  readonly readsProject: boolean;
}

/** A command that only writes a file of settings and has to run as it is: `poetry config virtualenvs.create false`. */
export interface WriteSettings {
  readonly kind: 'settings';
  readonly tool: 'poetry';
  /** The words of the command. */
  readonly command: readonly string[];
  /** Where it runs, absolute. */
  readonly workdir: string;
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
  /**
   * The environment: of a Python that is named or on PATH, or a directory (absolute) that the tool makes if it is not there.
   * `poetry` as the program means the Python that poetry was made of: the base where poetry runs in an environment of its own;
   * a `.venv` in the project would come first.
   */
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
  /**
   * How sure the tool is that the lock belongs to the project: `frozen` if it does not look, `locked` if it fails where it does
   * not, `unchecked` if it mends the lock then (`uv sync` without either flag).
   */
  readonly freshness: 'frozen' | 'locked' | 'unchecked';
  /** Where it runs, absolute. */
  readonly workdir: string;
  /**
   * The Python that the tool is told to take: a version (`3.12`), a name (`python3.12`) or an absolute path; undefined for the
   * first that fits. The caller must see that the environment's is that one.
   */
  readonly python: string | undefined;
  /** True if uv reads configuration of its own (`uvConfigurationFiles`); false for `--no-config` and for other tools. */
  readonly configured: boolean;
  /** As of `PipOptions`: for source distributions of the lock. */
  readonly buildOptions: readonly string[];
  /** How the environment is made alone, where that is known without the project's files; see `skeletonCommand`. */
  readonly skeleton: readonly string[] | undefined;
}

export type DependencyAction = PipInstall | PipWheel | MakeVenv | WriteSettings | LockedInstall;

/** What a `RUN` does, if every command in it is known. */
export interface RecognisedStep {
  readonly steps: readonly DependencyAction[];
  /** Files that the step sees by bind mounts. */
  readonly binds: readonly BindMount[];
  /** Secrets that it sees: for logins of indexes. Their content is never a part of a key. */
  readonly secrets: readonly SecretMount[];
}

/** A bind mount: absolute or relative path in the image to path in the context, or in a stage. */
export interface BindMount {
  readonly target: string;
  readonly source: string;
  /** A stage or an image as written; undefined for the context. */
  readonly from: string | undefined;
}

/** A secret mount: a file, or a variable. */
export interface SecretMount {
  readonly id: string;
  /** Absolute path of the file; undefined if it is a variable only. */
  readonly target: string | undefined;
  /** The variable; undefined if there is none. */
  readonly env: string | undefined;
  /** False if the step runs without it too. */
  readonly required: boolean;
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
  const around = surroundings(run, steps);
  return 'reason' in around ? around : { steps, ...around };
}

function stepsOf(run: RunStep): readonly DependencyAction[] | NotRecognised {
  const commands = typeof run.command === 'string' ? parseShell(run.command) : execForm(run.command);
  if (typeof run.command !== 'string' && BUILTINS.test(run.command[0] ?? ''))
    return { reason: `there is no program ${run.command[0]}` };
  if ('reason' in commands)
    return { reason: `the command holds ${commands.reason}`, ...hintFor(commands.reason, run) };
  const state = startState(run);
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

function surroundings(
  run: RunStep,
  steps: readonly DependencyAction[],
): Pick<RecognisedStep, 'binds' | 'secrets'> | NotRecognised {
  const environment = harmlessEnvironment(run.env);
  if (environment) return environment;
  return writesIntoMount(steps, run.mounts, run.workdir) ?? harmlessMounts(run.mounts, run.env);
}

/** Commands that only a shell has. */
const BUILTINS = /^(?:cd|export|\.|source|set|:)$/;

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
