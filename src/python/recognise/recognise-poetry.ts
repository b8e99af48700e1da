import { posix } from 'node:path';
import { isName, normaliseName } from '../names.ts';
import { DEFAULT_SELECTION, type LockSelection } from './lock-selection.ts';
import { poetrySettings } from './poetry-settings.ts';
import type { DependencyAction, LockedInstall, NotRecognised, WriteSettings } from './recognise.ts';
import { type Call, type ShellState, toolCall, withChangedVariables } from './recognise-state.ts';
import {
  allValues,
  type GivenOption,
  isGiven,
  lastValue,
  type OptionTable,
  optionTable,
  parseToolOptions,
} from './tool-options.ts';

const IGNORED = {
  flags: '--no-interaction --no-ansi --ansi --quiet --verbose --no-cache --no-plugins',
};

const ALIASES = {
  '-n': '--no-interaction',
  '-q': '--quiet',
  '-v': '--verbose',
  '-E': '--extras',
  '-C': '--directory',
  '-P': '--project',
  '--remove-untracked': '--sync',
};

const MORE = { 'it is more than an installation': { flags: '--dry-run --help --version -h -V' } };

const GLOBAL: OptionTable = optionTable({ values: '--directory --project' }, IGNORED, MORE, ALIASES);

const INSTALL: OptionTable = optionTable(
  {
    flags: '--no-root --no-dev --dev --sync --no-directory --all-extras --all-groups --compile',
    values: '--only --with --without --extras --directory --project',
  },
  IGNORED,
  { ...MORE, 'it installs the project without what it needs': { flags: '--only-root' } },
  ALIASES,
);

/** `poetry install`, `poetry sync`, `poetry config virtualenvs.create false`. */
export function poetryCommand(call: Call, state: ShellState): readonly DependencyAction[] | NotRecognised {
  const { before, command, second, rest } = toolCall(call.args, GLOBAL);
  const words = [...before, ...rest];
  if (command === undefined) return /^(?:--version|-V)$/.test(before.join(' ')) ? [] : onlyPoetry('');
  if (command === 'install' || command === 'sync') return poetryInstall(command, words, call, state);
  if (command === 'config') return poetryConfig(words, call, state);
  if (command === 'cache' && second === 'clear') return [];
  if (command === 'about') return [];
  return onlyPoetry(command);
}

function onlyPoetry(command: string): NotRecognised {
  const hint =
    command === 'export'
      ? 'In place of poetry export and pip: poetry install --only main --no-root.'
      : 'Give poetry install a RUN of its own, so that it is recognised.';
  return { reason: `it runs poetry ${command}`.trim().concat(', which only BuildKit can do'), hint };
}

function poetryInstall(
  command: 'install' | 'sync',
  words: readonly string[],
  { program, env }: Call,
  state: ShellState,
): readonly LockedInstall[] | NotRecognised {
  const name = `poetry ${command}`;
  const parsed = parseToolOptions(name, words, INSTALL);
  if ('reason' in parsed) return parsed;
  const { given, positional } = parsed;
  if (positional.length > 0) return { reason: `${name} with "${positional[0]}"` };
  const selection = selectionOf(given);
  if ('reason' in selection) return selection;
  const { poetryConfigurations } = state.run;
  if (poetryConfigurations === undefined)
    return { reason: "poetry's configuration in the image is not known" };
  const settings = poetrySettings(poetryConfigurations, env, state.poetry);
  if ('reason' in settings) return settings;
  const directory = posix.resolve(state.cwd, lastValue(given, '--directory') ?? '.');
  const project = posix.resolve(directory, lastValue(given, '--project') ?? '.');
  const environment = environmentOf(settings, project, env);
  if ('reason' in environment) return environment;
  const created = environment.kind === 'directory' && !env.VIRTUAL_ENV;
  return [
    {
      ...{ kind: 'locked-install', tool: 'poetry', command: name, program, environment },
      ...{ lock: { kind: 'poetry', path: posix.join(project, 'poetry.lock') }, project, selection },
      own: isGiven(given, '--no-root') ? 'none' : 'editable',
      exact: command === 'sync' || isGiven(given, '--sync'),
      compile: isGiven(given, '--compile'),
      indexes: { indexUrl: undefined, extraIndexUrls: [], trustedHosts: [] },
      ...{ env, freshness: 'locked', workdir: directory, python: undefined, configured: false },
      buildOptions: [],
      skeleton: created ? skeletonOf(program, project, env, state) : undefined,
    },
  ];
}

/**
 * Makes the environment as every command of poetry does that needs one, and runs nothing in it. Every command of poetry reads the project
 * first.
 */
function skeletonOf(
  program: string,
  project: string,
  env: ShellState['env'],
  { run }: ShellState,
): readonly string[] {
  const elsewhere = project === run.workdir ? [] : ['--directory', project];
  return withChangedVariables([program, ...elsewhere, 'run', 'true'], env, run);
}

/** Names of groups: each word and each part between commas. `main` is what the project itself needs. */
function selectionOf(given: readonly GivenOption[]): LockSelection | NotRecognised {
  const names = (option: string) => {
    const texts = allValues(given, option).flatMap((text) => text.trim().split(/[\s,]+/));
    return [...new Set(texts.filter((text) => text !== '').map(normaliseName))].sort();
  };
  const all = ['--only', '--with', '--without', '--extras'].flatMap(names);
  const wrong = all.find((text) => !isName(text));
  if (wrong !== undefined) return { reason: `"${wrong}" is no name of a group or extra` };
  // --no-dev was left over from the time when there were two groups.
  const only = [...names('--only'), ...(isGiven(given, '--no-dev') ? ['main'] : [])];
  const besides = [...names('--with'), ...names('--without')];
  if (only.length > 0 && (besides.length > 0 || isGiven(given, '--dev')))
    return { reason: 'poetry with --only beside --with or --without' };
  return {
    ...DEFAULT_SELECTION,
    extras: isGiven(given, '--all-extras') ? 'all' : names('--extras'),
    groups: isGiven(given, '--all-groups')
      ? 'all'
      : [...names('--with'), ...(isGiven(given, '--dev') ? ['dev'] : [])],
    withoutGroups: names('--without'),
    onlyGroups: only.length === 0 ? undefined : [...new Set(only)].sort(),
    withoutMembers: false,
    withoutDirectories: isGiven(given, '--no-directory'),
  };
}

/** An active environment comes first, then `.venv` in the project, then poetry's own Python; else it is in poetry's cache. */
function environmentOf(
  settings: { readonly create: boolean | undefined; readonly inProject: boolean | undefined },
  project: string,
  env: ShellState['env'],
): LockedInstall['environment'] | NotRecognised {
  if (env.CONDA_PREFIX || env.CONDA_DEFAULT_ENV) return { reason: 'poetry in an environment of conda' };
  if (env.VIRTUAL_ENV) return { kind: 'directory', path: posix.resolve('/', env.VIRTUAL_ENV) };
  if (settings.create === false) return { kind: 'python', program: 'poetry' };
  if (settings.inProject === true) return { kind: 'directory', path: posix.join(project, '.venv') };
  return {
    reason: 'poetry makes an environment in its cache, unless it is told otherwise',
    hint: 'Set ENV POETRY_VIRTUALENVS_CREATE=false (or POETRY_VIRTUALENVS_IN_PROJECT=true) above.',
  };
}

/** Settings that say where environments are, as `poetry config` writes them to a file. */
function poetryConfig(
  words: readonly string[],
  { program, env }: Call,
  state: ShellState,
): readonly WriteSettings[] | NotRecognised {
  const parsed = parseToolOptions('poetry config', words, GLOBAL);
  if ('reason' in parsed) return parsed;
  const [key = '', value = '', ...more] = parsed.positional;
  const known = /^virtualenvs\.(?:create|in-project)$/.test(key) && /^(?:true|false)$/.test(value);
  if (!known || more.length > 0 || parsed.given.length > 0)
    return {
      reason: `it runs poetry config ${key}`.trimEnd().concat(', which only BuildKit can do'),
      hint: 'Set it by ENV: POETRY_VIRTUALENVS_CREATE=false.',
    };
  // What comes after in the step reads it: as a variable would say it, which none of the same name contradicts.
  const variable = `POETRY_${key.toUpperCase().replaceAll(/[.-]/g, '_')}`;
  if (state.env[variable] !== undefined && state.env[variable] !== value)
    return { reason: `${variable} is set, which takes the effect of poetry config ${key} away` };
  state.poetry.push(`[virtualenvs]\n${key.slice('virtualenvs.'.length)} = ${value}\n`);
  const command = withChangedVariables([program, 'config', key, value], env, state.run);
  return [{ kind: 'settings', tool: 'poetry', command, workdir: state.run.workdir }];
}
