import { posix } from 'node:path';
import type { LockedInstall, NotRecognised } from './recognise.ts';
import type { ShellState } from './recognise-state.ts';
import { uvSelection } from './recognise-uv-selection.ts';
import {
  refusedKeyring,
  refusedLinkMode,
  uvBuildOptions,
  uvDirectory,
  uvIndexes,
  uvPython,
} from './recognise-uv-told.ts';
import { type GivenOption, isGiven, isOn, lastValue } from './tool-options.ts';
import { uvArguments } from './uv-arguments.ts';
import { UV_SYNC } from './uv-options.ts';

type Env = ShellState['env'];

/** `uv sync`: a project's uv.lock. */
export function uvSync(
  program: string,
  words: readonly string[],
  env: Env,
  state: ShellState,
): readonly LockedInstall[] | NotRecognised {
  const parsed = uvArguments('uv sync', words, env, UV_SYNC);
  if ('reason' in parsed) return parsed;
  const { given, positional } = parsed;
  if (positional.length > 0) return { reason: `uv sync with "${positional[0]}"` };
  const refused = refusedLinkMode(given) ?? refusedKeyring(given) ?? refusedTogether(given);
  if (refused) return refused;
  const selection = uvSelection(given);
  if ('reason' in selection) return selection;
  const told = uvPython(given);
  if ('reason' in told) return told;
  const directory = uvDirectory(given, state);
  const project = posix.resolve(directory, lastValue(given, '--project') ?? '.');
  const environment = environmentOf(given, project, env);
  const action: LockedInstall = {
    ...{ kind: 'locked-install', tool: 'uv', command: 'uv sync', program, environment },
    ...{ lock: { kind: 'uv', path: posix.join(project, 'uv.lock') }, project, selection },
    own: ownOf(given),
    exact: !isOn(given, '--inexact', '--exact'),
    compile: isOn(given, '--compile-bytecode', '--no-compile-bytecode'),
    indexes: uvIndexes(given, env),
    env,
    freshness: isGiven(given, '--frozen') ? 'frozen' : isGiven(given, '--locked') ? 'locked' : 'unchecked',
    workdir: directory,
    python: told.python,
    configured: !isGiven(given, '--no-config'),
    buildOptions: uvBuildOptions(given),
    skeleton: undefined,
  };
  return [action];
}

/** Options that uv takes only one at a time, or whose order versions of uv see otherwise. */
function refusedTogether(given: readonly GivenOption[]): NotRecognised | undefined {
  const pairs: readonly [string, string][] = [
    ['--frozen', '--locked'],
    ['--only-dev', '--no-dev'],
    ['--only-dev', '--all-groups'],
    ['--package', '--all-packages'],
  ];
  const pair = pairs.find((names) => names.every((name) => isGiven(given, name)));
  return pair && { reason: `uv sync with ${pair[0]} and ${pair[1]} together` };
}

function ownOf(given: readonly GivenOption[]): LockedInstall['own'] {
  const without = ['--no-install-project', '--no-install-workspace', '--no-install-local'];
  if (without.some((name) => isGiven(given, name))) return 'none';
  return isGiven(given, '--no-editable') ? 'copied' : 'editable';
}

/**
 * The project's environment: `.venv` unless a variable says otherwise. A Python's own prefix is an environment as well, which uv
 * never makes.
 */
function environmentOf(
  given: readonly GivenOption[],
  project: string,
  env: Env,
): LockedInstall['environment'] {
  const active = isOn(given, '--active', '--no-active') ? env.VIRTUAL_ENV : undefined;
  const path = posix.resolve(project, active || env.UV_PROJECT_ENVIRONMENT || '.venv');
  const isSystem = path === '/usr/local' || path === '/usr';
  return isSystem ? { kind: 'python', program: `${path}/bin/python3` } : { kind: 'directory', path };
}
