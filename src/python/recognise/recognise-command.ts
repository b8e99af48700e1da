import { posix } from 'node:path';
import { expandWord, type SimpleCommand } from '../../dockerfile/shell.ts';
import { parseRequirement } from '../requirements/requirement-line.ts';
import type { DependencyAction, NotRecognised } from './recognise.ts';
import { isHarmlessVariable, mentionsInstall } from './recognise-around.ts';
import { pipCommand } from './recognise-pip.ts';
import { pipenvCommand } from './recognise-pipenv.ts';
import { poetryCommand } from './recognise-poetry.ts';
import { patternReason } from './recognise-request.ts';
import { type Call, locate, nameOf, type ShellState } from './recognise-state.ts';
import { uvCommand } from './recognise-uv.ts';
import { venvCommand } from './recognise-venv.ts';

type Steps = readonly DependencyAction[] | NotRecognised;

/** What one command does; nothing for one that leaves no trace. */
export function commandSteps(command: SimpleCommand, state: ShellState): Steps {
  const assigned = assignmentsOf(command, state);
  if ('reason' in assigned) return assigned;
  const words = expandAll(command.words, state.values);
  if ('reason' in words) return words;
  const [program, ...args] = words.texts;
  const { values } = assigned;
  if (program === undefined) return assign(values, state);
  const call: Call = { program, args, patterns: words.patterns, env: { ...state.env, ...values } };
  const odd = oddVariable(values, call);
  if (odd) return odd;
  const own = shellCommand(call, state);
  if (own !== undefined) return own;
  const kind = kindOf(nameOf(program));
  const [pattern] = words.patterns;
  if (pattern !== undefined && kind !== 'pip' && kind !== 'python' && kind !== 'uv')
    return kind === undefined ? onlyBuildKit(nameOf(program), state) : patternReason(pattern);
  return kind === undefined ? onlyBuildKit(nameOf(program), state) : PROGRAMS[kind](call, state);
}

type Kind = 'pip' | 'python' | 'uv' | 'poetry' | 'pipenv' | 'virtualenv';

function kindOf(name: string): Kind | undefined {
  const [, pip, python] = /^(?:(pip)|(python))(?:3(?:\.\d+)?)?$/.exec(name) ?? [];
  if (pip !== undefined) return 'pip';
  if (python !== undefined) return 'python';
  return name === 'uv' || name === 'poetry' || name === 'pipenv' || name === 'virtualenv' ? name : undefined;
}

const PROGRAMS: Readonly<Record<Kind, (call: Call, state: ShellState) => Steps>> = {
  pip: (call, state) =>
    pipCommand(located(call, state), 'pip', state) ?? onlyBuildKit(pipWords(call.args), state),
  python: (call, state) => pythonCommand(located(call, state), state),
  uv: (call, state) => refusedPattern(call) ?? uvCommand(call, state),
  poetry: poetryCommand,
  pipenv: pipenvCommand,
  virtualenv: (call, state) => venvCommand('virtualenv', call, state),
};

/** Which uv or poetry runs changes nothing of the environment that it finds; of pip and Python it is all. */
function located(call: Call, state: ShellState): Call {
  return { ...call, program: locate(call.program, state) };
}

/** Only what pip and `uv pip` are told to install may be a pattern. */
function refusedPattern({ args, patterns }: Call): NotRecognised | undefined {
  const [pattern] = patterns;
  return pattern === undefined || args.includes('pip') ? undefined : patternReason(pattern);
}

function pipWords(args: readonly string[]): string {
  return `pip ${args.find((word) => !word.startsWith('-')) ?? args.join(' ')}`.trim();
}

/** A program that installs nothing for Python; what is around it in the RUN has to run with it. */
function onlyBuildKit(what: string, { run }: ShellState): NotRecognised {
  const hint = 'Give the installation a RUN of its own, so that it is recognised.';
  const reason = `it runs ${what}, which only BuildKit can do`;
  return mentionsInstall(run) ? { reason, hint } : { reason };
}

function assignmentsOf(
  command: SimpleCommand,
  state: ShellState,
): { readonly values: Readonly<Record<string, string>> } | NotRecognised {
  const assigned: Record<string, string> = {};
  for (const { name, value } of command.assignments) {
    const text = expandWord(value, { ...state.values, ...assigned });
    if ('reason' in text) return text;
    assigned[name] = text[0] ?? '';
  }
  const refused = refusedVariables(assigned);
  return refused ?? { values: assigned };
}

/** Variables that change how programs are found, or how Python and the shell work. */
function refusedVariables(values: Readonly<Record<string, string>>): NotRecognised | undefined {
  const name = Object.keys(values).find((one) =>
    /^(?:PATH|HOME|IFS|ENV|BASH_ENV|CDPATH|XDG_CONFIG_(?:HOME|DIRS))$/.test(one),
  );
  if (name !== undefined) return { reason: `${name} is set by the command`, hint: `Set ${name} by ENV.` };
  const odd = Object.entries(values).find(([one, value]) => !isHarmlessVariable(one, value))?.[0];
  return odd === undefined
    ? undefined
    : { reason: `the variable ${odd}, which may change what is installed`, hint: `Leave ${odd} out.` };
}

/** A variable in front of a command of the shell itself may outlive it. */
function oddVariable(values: Readonly<Record<string, string>>, { program }: Call): NotRecognised | undefined {
  const [name] = Object.keys(values);
  if (name === undefined || !/^(?:export|\.|source|set|cd|:|true|echo)$/.test(program)) return undefined;
  return { reason: `the variable ${name} in front of ${program}`, hint: 'Set it by ENV.' };
}

/** Without a command the shell keeps them; programs see those that they saw before. */
function assign(values: Readonly<Record<string, string>>, state: ShellState): readonly [] {
  for (const [name, value] of Object.entries(values)) {
    state.values[name] = value;
    if (state.env[name] !== undefined) state.env[name] = value;
  }
  return [];
}

function expandAll(
  words: SimpleCommand['words'],
  values: ShellState['values'],
): { readonly texts: readonly string[]; readonly patterns: ReadonlySet<string> } | NotRecognised {
  const texts: string[] = [];
  const patterns = new Set<string>();
  for (const word of words) {
    const found = expandWord(word, values);
    if ('reason' in found)
      return {
        reason: `the command holds ${found.reason}`,
        hint: 'Write the value itself, or declare the variable by ARG or ENV with a value above the step.',
      };
    texts.push(...found);
    const [text = ''] = found;
    if (!word.pattern || hasExtras(text)) continue;
    const literal = word.parts.some((part) => 'text' in part && part.quoted && /[*?[]/.test(part.text));
    if (literal || texts.length === 1) return patternReason(text);
    patterns.add(text);
  }
  return { texts, patterns };
}

/** Extras look like a pattern of file names. None fits: that file would be called like the package and one letter. */
function hasExtras(text: string): boolean {
  if (/[*?]/.test(text)) return false;
  if (/^[\w./-]+\[[A-Za-z0-9][\w.,-]*\]$/.test(text)) return true;
  const parsed = parseRequirement(text);
  return !('reason' in parsed) && !('invalid' in parsed) && parsed.extras.length > 0;
}

/** Commands of the shell, and such that leave nothing behind; undefined for others. */
function shellCommand(call: Call, state: ShellState): Steps | undefined {
  const { program, args } = call;
  switch (program) {
    case 'export':
      return exportVariables(args, state);
    case '.':
    case 'source':
      return activate(args, state);
    case 'cd':
      return changeDirectory(args, state);
    default:
      return isHarmless(call) ? [] : undefined;
  }
}

function exportVariables(args: readonly string[], state: ShellState): Steps {
  for (const argument of args) {
    const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)(?:=(.*))?$/s.exec(argument) ?? [];
    if (name === undefined)
      return { reason: `"export ${argument}" is not known`, hint: 'Set the variable by ENV.' };
    const text = value ?? state.values[name];
    if (text === undefined) continue;
    const refused = refusedVariables({ [name]: text });
    if (refused) return refused;
    state.values[name] = text;
    state.env[name] = text;
  }
  return [];
}

function activate(args: readonly string[], state: ShellState): Steps {
  const [, written] = /^(.+)\/bin\/activate$/.exec(args[0] ?? '') ?? [];
  if (written === undefined || args.length !== 1)
    return {
      reason: `the script ${args.join(' ')} is not known`,
      hint: 'Name a virtual environment by its whole path.',
    };
  const directory = posix.resolve(state.cwd, written);
  state.activated = directory;
  state.env.VIRTUAL_ENV = directory;
  state.values.VIRTUAL_ENV = directory;
  return [];
}

function changeDirectory(args: readonly string[], state: ShellState): Steps {
  const [directory, ...more] = args;
  if (directory === undefined || more.length > 0 || /^-|^$/.test(directory) || state.values.CDPATH)
    return { reason: `it runs cd ${args.join(' ')}`.trimEnd(), hint: 'Use WORKDIR in place of cd.' };
  state.cwd = posix.resolve(state.cwd, directory);
  return [];
}

/** Variables that name caches of the tools. */
const CACHES = ['PIP_CACHE_DIR', 'UV_CACHE_DIR', 'POETRY_CACHE_DIR', 'PIPENV_CACHE_DIR', 'XDG_CACHE_HOME'];

/** Commands that leave no file behind and nothing that the next one would see. */
function isHarmless({ program, args, env, patterns }: Call): boolean {
  switch (program) {
    case 'set':
      return args.every((word) => /^[-+][euxo]+$|^(?:pipefail|errexit|nounset|xtrace)$/.test(word));
    case 'echo':
    case 'true':
    case ':':
      return true;
    case 'rm': {
      const caches = CACHES.flatMap((name) => env[name] || []);
      const isCache = (word: string) =>
        /^\/(?:root|home\/[a-z0-9_-]+)\/\.cache(?:\/(?:pip|uv|pypoetry|pipenv|virtualenv))?\/?$/.test(word) ||
        caches.includes(word);
      const paths = args.filter((word) => !/^-[rf]+$/.test(word));
      return patterns.size === 0 && paths.length > 0 && paths.every(isCache);
    }
    default:
      return false;
  }
}

function pythonCommand(call: Call, state: ShellState): Steps {
  const { program, args } = call;
  if (args.length === 1 && /^(?:-V|--version)$/.test(args[0] as string)) return [];
  // -u only changes when output is written.
  const [flag, module, ...rest] = args[0] === '-u' ? args.slice(1) : args;
  const inner = { ...call, args: rest };
  if (flag === '-m' && module === 'pip')
    return pipCommand(inner, 'python', state) ?? onlyBuildKit(pipWords(rest), state);
  if (flag === '-m' && module === 'venv') {
    const [pattern] = call.patterns;
    if (pattern !== undefined) return patternReason(pattern);
    return venvCommand('python', inner, state);
  }
  const what = [nameOf(program), ...args.slice(0, flag === '-m' ? 2 : 1)].join(' ');
  return onlyBuildKit(what, state);
}
