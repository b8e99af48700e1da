import { posix } from 'node:path';
import type { RunStep } from './recognise.ts';
import { type OptionTable, toolOption } from './tool-options.ts';

/** What the shell knows while it goes through the commands. */
export interface ShellState {
  /** What the shell puts in for variables. */
  readonly values: Record<string, string | undefined>;
  /** What programs see. */
  readonly env: Record<string, string | undefined>;
  /** The virtual environment that was activated. */
  activated: string | undefined;
  /** The working directory, absolute. */
  cwd: string;
  /** What the step itself has written into poetry's settings, as TOML. */
  readonly poetry: string[];
  readonly run: RunStep;
}

/** One command, variables put in. */
export interface Call {
  readonly program: string;
  readonly args: readonly string[];
  /** Arguments that the shell takes as patterns of file names. */
  readonly patterns: ReadonlySet<string>;
  readonly env: ShellState['env'];
}

export function startState(run: RunStep): ShellState {
  return {
    values: { ...run.env },
    env: { ...run.env },
    activated: undefined,
    cwd: run.workdir,
    poetry: [],
    run,
  };
}

/** The name of a program without its directory. */
export function nameOf(program: string): string {
  return program.slice(program.lastIndexOf('/') + 1);
}

/** A program of the activated environment, if one was activated and the program is only named; a path is made absolute. */
export function locate(program: string, { activated, cwd }: ShellState): string {
  if (program.includes('/')) return posix.resolve(cwd, program);
  return activated === undefined ? program : `${activated}/bin/${program}`;
}

/** A path as written: as it is in the step's own working directory, absolute in another one. */
export function placed(path: string, { cwd, run }: ShellState): string {
  return cwd === run.workdir || /^[a-z][a-z0-9+.-]*:\/\//i.test(path) ? path : posix.resolve(cwd, path);
}

/** The words of a tool that has commands: `uv --quiet pip install a` is before, `pip`, its second word, and all behind `pip`. */
export function toolCall(
  args: readonly string[],
  globals: OptionTable,
): {
  readonly before: readonly string[];
  readonly command: string | undefined;
  readonly second: string | undefined;
  readonly rest: readonly string[];
} {
  let at = 0;
  while (at < args.length && (args[at] as string).startsWith('-')) {
    const word = args[at] as string;
    const takesNext = !word.includes('=') && toolOption(globals, word)?.option.takes === 'value';
    at += takesNext ? 2 : 1;
  }
  const rest = args.slice(at + 1);
  return { before: args.slice(0, at), command: args[at], second: rest[0], rest };
}

/** Variables that decide how an environment is made; no logins. */
const MAKING =
  /^(?:UV_(?!INDEX|EXTRA_INDEX|DEFAULT_INDEX|FIND_LINKS|PUBLISH)|POETRY_(?!HTTP|PYPI|REPOSITORIES)|VIRTUAL_ENV$)/;

/** A command with the variables in front that the step itself has set, so that it can be run alone. */
export function withChangedVariables(
  words: readonly string[],
  env: ShellState['env'],
  run: RunStep,
): readonly string[] {
  const changed = Object.entries(env)
    .filter(([name, value]) => MAKING.test(name) && value !== run.env[name] && value !== undefined)
    .map(([name, value]) => `${name}=${value}`);
  return changed.length === 0 ? words : ['env', ...changed, ...words];
}
