import { posix } from 'node:path';
import { expandWord, type SimpleCommand } from '../dockerfile/shell.ts';
import { parsePipArguments } from './pip-arguments.ts';
import { pipConfiguration } from './pip-configuration.ts';
import type { PipOptions } from './pip-options.ts';
import type { DependencyAction, MakeVenv, NotRecognised, PipInstall, RunStep } from './recognise.ts';
import { mentionsInstall } from './recognise-around.ts';
import { parseRequirement } from './requirement-line.ts';

/** What the shell knows while it goes through the commands. */
export interface ShellState {
  readonly env: Record<string, string | undefined>;
  /** The virtual environment that was activated. */
  activated: string | undefined;
  readonly run: RunStep;
}

/** What one command does; nothing for one that leaves no trace. */
export function commandSteps(
  command: SimpleCommand,
  state: ShellState,
): readonly DependencyAction[] | NotRecognised {
  const assigned = assignmentsOf(command, state);
  if (!('values' in assigned)) return assigned;
  const words = expandAll(command.words, state.env);
  if ('reason' in words) return words;
  const [program, ...args] = words;
  if (program === undefined) {
    Object.assign(state.env, assigned.values);
    return [];
  }
  const env = { ...state.env, ...assigned.values };
  const odd = Object.keys(assigned.values).find(
    (name) => !/^PIP_|^PYTHON(?:DONTWRITEBYTECODE|UNBUFFERED)$|_proxy$/i.test(name),
  );
  if (odd !== undefined && isKnown(program, args))
    return {
      reason: `the variable ${odd} in front of ${program}`,
      hint: 'Wheels are not built, so most variables change nothing: leave it out, or set it by ENV.',
    };
  if (program === 'export') return exportVariables(args, state);
  if (program === '.' || program === 'source') return activate(args, state);
  if (isHarmless(program, args)) return [];
  const name = nameOf(program);
  if (/^pip(?:3(?:\.\d+)?)?$/.test(name)) return pipCommand(locate(program, state), 'pip', args, env, state);
  if (/^python(?:3(?:\.\d+)?)?$/.test(name)) return pythonCommand(locate(program, state), args, env, state);
  return onlyBuildKit(name, state);
}

/** A program that installs nothing for Python; what is around it in the RUN has to run with it. */
function onlyBuildKit(what: string, { run }: ShellState): NotRecognised {
  const hint =
    what === 'cd'
      ? 'Use WORKDIR in place of cd, so that pip install is recognised.'
      : 'Give pip install a RUN of its own, so that it is recognised.';
  const reason = `it runs ${what}, which only BuildKit can do`;
  return mentionsInstall(run) ? { reason, hint } : { reason };
}

function nameOf(program: string): string {
  return program.slice(program.lastIndexOf('/') + 1);
}

/** True for the programs whose commands are looked into. */
function isKnown(program: string, args: readonly string[]): boolean {
  const isPython = /^(?:pip|python)(?:3(?:\.\d+)?)?$/.test(nameOf(program));
  return isPython || ['export', '.', 'source'].includes(program) || isHarmless(program, args);
}

function assignmentsOf(
  command: SimpleCommand,
  state: ShellState,
): { readonly values: Readonly<Record<string, string>> } | NotRecognised {
  const assigned: Record<string, string> = {};
  for (const { name, value } of command.assignments) {
    if (/^(?:PATH|HOME|IFS|ENV|BASH_ENV)$/.test(name))
      return { reason: `${name} is set by the command`, hint: `Set ${name} by ENV.` };
    const text = expandWord(value, { ...state.env, ...assigned });
    if ('reason' in text) return text;
    assigned[name] = text[0] ?? '';
  }
  return { values: assigned };
}

function expandAll(words: SimpleCommand['words'], env: ShellState['env']): readonly string[] | NotRecognised {
  const result: string[] = [];
  for (const word of words) {
    const texts = expandWord(word, env);
    if ('reason' in texts)
      return {
        reason: `the command holds ${texts.reason}`,
        hint: 'Write the value itself, or declare the variable by ARG or ENV with a value above the step.',
      };
    // Extras look like a pattern of file names. None fits: that file would be called like the package and one letter.
    const [text = ''] = texts;
    if (word.pattern && !isRequirement(text))
      return { reason: `the command holds a pattern of file names ("${text}")` };
    result.push(...texts);
  }
  return result;
}

function isRequirement(text: string): boolean {
  const parsed = parseRequirement(text);
  return !('reason' in parsed) && !('invalid' in parsed) && parsed.extras.length > 0;
}

/** A program of the activated environment, if one was activated and the program is only named. */
function locate(program: string, { activated }: ShellState): string {
  return activated === undefined || program.includes('/') ? program : `${activated}/bin/${program}`;
}

function exportVariables(
  args: readonly string[],
  state: ShellState,
): readonly DependencyAction[] | NotRecognised {
  for (const argument of args) {
    const [, name, value = ''] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(argument) ?? [];
    if (name === undefined || !/^PIP_|^PYTHON(?:DONTWRITEBYTECODE|UNBUFFERED)$/.test(name))
      return { reason: `"export ${argument}" is not known`, hint: 'Set the variable by ENV.' };
    state.env[name] = value;
  }
  return [];
}

function activate(args: readonly string[], state: ShellState): readonly DependencyAction[] | NotRecognised {
  const [, directory] = /^(\/.+)\/bin\/activate$/.exec(args[0] ?? '') ?? [];
  if (directory === undefined || args.length !== 1)
    return {
      reason: `the script ${args.join(' ')} is not known`,
      hint: 'Name a virtual environment by its whole path.',
    };
  state.activated = directory;
  return [];
}

/** Commands that leave no file behind and nothing that the next one would see. */
function isHarmless(program: string, args: readonly string[]): boolean {
  switch (program) {
    case 'set':
      return args.every((word) => /^[-+][euxo]+$|^(?:pipefail|errexit|nounset|xtrace)$/.test(word));
    case 'echo':
    case 'true':
    case ':':
      return true;
    case 'rm':
      return (
        args.some((word) => word.startsWith('/')) &&
        args.every((word) => /^-[rf]+$|^\/(?:root|home\/[a-z0-9_-]+)\/\.cache(?:\/pip|\/uv)?\/?$/.test(word))
      );
    default:
      return false;
  }
}

function pythonCommand(
  program: string,
  args: readonly string[],
  env: ShellState['env'],
  state: ShellState,
): readonly DependencyAction[] | NotRecognised {
  if (args.length === 1 && /^(?:-V|--version)$/.test(args[0] as string)) return [];
  // -u only changes when output is written.
  const [flag, module, ...rest] = args[0] === '-u' ? args.slice(1) : args;
  if (flag === '-m' && module === 'pip') return pipCommand(program, 'python', rest, env, state);
  if (flag === '-m' && module === 'venv') return venvCommand(program, rest);
  const what = [nameOf(program), ...args.slice(0, flag === '-m' ? 2 : 1)].join(' ');
  return onlyBuildKit(what, state);
}

function venvCommand(program: string, args: readonly string[]): readonly MakeVenv[] | NotRecognised {
  const copies = args.includes('--copies');
  const unknown = args.find((word) => word.startsWith('-') && word !== '--copies');
  if (unknown !== undefined) return { reason: `the option ${unknown} of python -m venv` };
  const [directory, ...more] = args.filter((word) => !word.startsWith('-'));
  if (directory === undefined || more.length > 0) return { reason: 'python -m venv makes not one directory' };
  return [{ kind: 'venv', program, directory, copies }];
}

function pipCommand(
  program: string,
  through: PipInstall['through'],
  args: readonly string[],
  env: ShellState['env'],
  state: ShellState,
): readonly DependencyAction[] | NotRecognised {
  const at = args.findIndex((word) => !word.startsWith('-'));
  const command = args[at];
  if (['list', 'freeze', '--version', '-V'].includes(args[0] ?? '') && args.length === 1) return [];
  if (command !== 'install') return onlyBuildKit(`pip ${command ?? args.join(' ')}`.trim(), state);
  const general = args.slice(0, at);
  const other = general.find(
    (word) =>
      !/^(?:-[qv]+|--quiet|--verbose|--no-cache-dir|--no-input|--disable-pip-version-check)$/.test(word),
  );
  if (other !== undefined) return { reason: `pip's option ${other} before "install"` };
  return pipInstall(program, through, [...general, ...args.slice(at + 1)], env, state);
}

function pipInstall(
  program: string,
  through: PipInstall['through'],
  args: readonly string[],
  env: ShellState['env'],
  state: ShellState,
): readonly DependencyAction[] | NotRecognised {
  const configured = pipConfiguration(state.run.pipConfigurations, env);
  if ('reason' in configured) return configured;
  const parsed = parsePipArguments(args, configured);
  if ('reason' in parsed) return parsed;
  const { requirementFiles, constraintFiles, ...options } = parsed.settings;
  if (requirementFiles.length === 0 && parsed.positional.length === 0)
    return { reason: 'pip install without a requirement' };
  const refused = refusedRequirement(parsed.positional) ?? refusedIndex(options);
  if (refused) return refused;
  const searchPath = searchPathOf(through, env, state.run.workdir);
  const requirements = parsed.positional;
  return [
    {
      ...{ kind: 'pip-install', tool: 'pip', destination: { kind: 'environment' }, exact: false },
      ...{ program, through, requirements, requirementFiles, constraintFiles },
      ...{ options, env, searchPath },
    },
  ];
}

/** `python -m` puts the working directory in front of PYTHONPATH. */
function searchPathOf(
  through: PipInstall['through'],
  env: ShellState['env'],
  workdir: string,
): readonly string[] {
  const own = through === 'python' && !env.PYTHONSAFEPATH ? [workdir] : [];
  const named = env.PYTHONPATH ? env.PYTHONPATH.split(':') : [];
  return [...new Set([...own, ...named.map((path) => posix.resolve(workdir, path))])];
}

/** What is no requirement of an index, found before anything is read. */
function refusedRequirement(requirements: readonly string[]): NotRecognised | undefined {
  for (const text of requirements) {
    const parsed = parseRequirement(text);
    if ('reason' in parsed)
      return { reason: `pip install: ${parsed.reason}`, hint: sourceHint(text, requirements.length) };
    if ('invalid' in parsed) return { reason: `pip install: ${parsed.invalid}` };
  }
  return undefined;
}

function sourceHint(text: string, count: number): string {
  if (/:\/\//.test(text)) return 'A version from a package index would be composed.';
  const first = 'Install the dependencies first, by a RUN of their own: pip install -r requirements.txt.';
  return count > 1 ? 'Give what comes from a package index a RUN of its own.' : first;
}

/** pip passes over an index in plain HTTP unless its host is trusted; an index of the image's files is not reached. */
function refusedIndex(options: PipOptions): NotRecognised | undefined {
  for (const index of [options.indexUrl ?? [], options.extraIndexUrls].flat()) {
    const url = URL.canParse(index) ? new URL(index) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol))
      return { reason: 'an index that is no web address' };
    const { hostname, host } = url;
    const trusted = [hostname, host].some((name) => options.trustedHosts.includes(name));
    if (url.protocol === 'http:' && !trusted && !/^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname))
      return {
        reason: `the index at ${host} is plain HTTP and its host is not trusted, so pip passes over it`,
        hint: `Give --trusted-host ${hostname}, or use https.`,
      };
  }
  return undefined;
}
