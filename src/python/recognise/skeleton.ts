import { posix } from 'node:path';
import { parse, type TomlTable } from 'smol-toml';
import { normaliseName } from '../names.ts';
import type { DependencyAction, NotRecognised } from './recognise.ts';
import { poetrySkeleton, poetryStub } from './skeleton-poetry.ts';

/** What a project's files say about the environment that `uv sync` makes for it. */
export interface SkeletonProject {
  /** What the prompt shows. */
  readonly prompt: string;
  /** `requires-python`, as written; undefined if there is none. */
  readonly requiresPython: string | undefined;
  /** The version in `.python-version`, which comes before `requires-python`; undefined if there is no such file. */
  readonly pinned: string | undefined;
  /** For Poetry, which is told nothing else: a pyproject.toml that it makes the same environment by. */
  readonly stub?: string;
}

/**
 * The words of the command that makes what an action needs before it can be composed, and nothing else: a virtual environment
 * without what is installed into it, or a file of settings. It is run with the step's own variables, in its working directory.
 *
 * `uv sync` makes its environment itself. `uv venv` makes the same without any file, where it is told the name and the condition on
 * Python (found by running both: pyvenv.cfg, activate scripts, links). The empty `.lock` in it comes only when uv installs.
 *
 * @param project of a `uv sync`; without it no command is known
 * @returns undefined for an action that finds its environment, and where no command is known that makes it alone
 */
export function skeletonCommand(
  action: DependencyAction,
  project?: SkeletonProject,
): readonly string[] | undefined {
  if (action.kind === 'venv' || action.kind === 'settings') return action.command;
  if (action.kind !== 'locked-install' || action.environment.kind !== 'directory') return undefined;
  if (action.tool === 'poetry' && action.skeleton && project?.stub !== undefined)
    return poetrySkeleton(action.skeleton, action.project ?? action.workdir, project.stub);
  if (action.tool !== 'uv' || project === undefined) return action.skeleton;
  const python = action.python ?? project.pinned ?? project.requiresPython;
  return [
    ...[action.program, 'venv', '--no-project', '--no-config', '--prompt', project.prompt],
    // Which of python and python3 its link names depends on whether it is told anything.
    ...(python === undefined ? [] : ['--python', python]),
    action.environment.path,
  ];
}

/**
 * Reads what decides how the environment of a project looks.
 *
 * @param text of pyproject.toml of the project, or of the root of its workspace
 * @param directory of that file, absolute
 * @param pinned the text of `.python-version` beside it, if there is one
 * @param members texts of the pyproject.toml files of the workspace's other members
 */
export function skeletonProject(
  text: string,
  directory: string,
  pinned: string | undefined,
  members: readonly string[] = [],
): SkeletonProject | NotRecognised {
  const documents = [text, ...members].map(parsed);
  const [root] = documents;
  if (root === undefined || documents.includes(undefined))
    return { reason: 'pyproject.toml is not understood' };
  const project = tableOf(root.project);
  const name = project.name;
  const isWorkspace = tableOf(tableOf(root.tool).uv).workspace !== undefined;
  if (name === undefined && !isWorkspace) return { reason: 'pyproject.toml has no name' };
  const version = pinned === undefined ? undefined : versionIn(pinned);
  if (pinned !== undefined && version === undefined) return { reason: '.python-version is not understood' };
  const required = documents
    .map((document) => tableOf(document?.project)['requires-python'])
    .find((one) => typeof one === 'string');
  if (required === undefined && isWorkspace && members.length === 0)
    return { reason: 'what members of the workspace require is not known' };
  return {
    prompt: typeof name === 'string' ? normaliseName(name) : posix.basename(directory),
    requiresPython: required,
    pinned: version,
  };
}

/** For Poetry. */
export function poetryProject(text: string): SkeletonProject | NotRecognised {
  const stub = poetryStub(text);
  return typeof stub === 'string' ? { prompt: '', requiresPython: undefined, pinned: undefined, stub } : stub;
}

/** The one version of a `.python-version` file; comments are whole lines. */
function versionIn(text: string): string | undefined {
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const [version = ''] = lines;
  return lines.length === 1 && /^3(?:\.\d+){0,2}$/.test(version) ? version : undefined;
}

function parsed(text: string): TomlTable | undefined {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

function tableOf(value: unknown): TomlTable {
  const isTable =
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
  return isTable ? (value as TomlTable) : {};
}
