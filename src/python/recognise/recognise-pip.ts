import { posix } from 'node:path';
import { DEFAULT_SELECTION } from './lock-selection.ts';
import type { PipArguments } from './pip-arguments.ts';
import { parsePipArguments } from './pip-arguments.ts';
import { pipConfiguration } from './pip-configuration.ts';
import { DEFAULT_PIP_OPTIONS, type PipOptions } from './pip-options.ts';
import type {
  DependencyAction,
  Destination,
  LockedInstall,
  NotRecognised,
  PipInstall,
  PipRequest,
} from './recognise.ts';
import { asksNothing, indexesOf, isPylock, refusedIndex, requestedOf } from './recognise-request.ts';
import { type Call, placed, type ShellState } from './recognise-state.ts';

type Through = PipRequest['through'];

/** `pip ...`: nothing for what leaves no trace; undefined for a command that only pip can do. */
export function pipCommand(
  call: Call,
  through: Through,
  state: ShellState,
): readonly DependencyAction[] | NotRecognised | undefined {
  const { args } = call;
  const at = args.findIndex((word) => !word.startsWith('-'));
  const command = args[at];
  if (['list', 'freeze', '--version', '-V'].includes(args[0] ?? '') && args.length === 1) return [];
  if (command === 'cache' && /^(?:purge|dir|list|info)$/.test(args[at + 1] ?? '') && args.length === at + 2)
    return [];
  if (command !== 'install' && command !== 'wheel') return undefined;
  const general = args.slice(0, at);
  const other = general.find(
    (word) =>
      !/^(?:-[qv]+|--quiet|--verbose|--no-cache-dir|--no-input|--disable-pip-version-check)$/.test(word),
  );
  if (other !== undefined) return { reason: `pip's option ${other} before "${command}"` };
  const words = [...general, ...args.slice(at + 1)];
  const configured = pipConfiguration(state.run.pipConfigurations, call.env, command);
  if ('reason' in configured) return configured;
  const parsed = parsePipArguments(words, configured);
  if ('reason' in parsed) return parsed;
  return command === 'install'
    ? pipInstall(call, through, parsed, state)
    : pipWheel(call, through, parsed, state);
}

function pipInstall(
  call: Call,
  through: Through,
  parsed: PipArguments,
  state: ShellState,
): readonly DependencyAction[] | NotRecognised {
  const { settings } = parsed;
  if (settings.wheelDirectory !== undefined)
    return { reason: "pip's option --wheel-dir is one of pip wheel" };
  if (settings.requirementFiles.some(isPylock)) return pylockInstall(call, through, parsed, state);
  const request = requestOf(call, through, parsed, state);
  if ('reason' in request) return request;
  const destination = destinationOf(parsed, call.env, state);
  if ('reason' in destination) return destination;
  const { ignoreInstalled, forceReinstall } = settings;
  // pip looks at nothing that is there when it installs to a directory.
  const ignores = ignoreInstalled || destination.kind === 'target';
  const action: PipInstall = {
    ...{ kind: 'pip-install', tool: 'pip', destination, exact: false, configured: false },
    reinstall: ignores ? 'ignore' : forceReinstall ? 'force' : 'keep',
    ...request,
  };
  return [action];
}

function pipWheel(
  call: Call,
  through: Through,
  parsed: PipArguments,
  state: ShellState,
): readonly DependencyAction[] | NotRecognised {
  const { settings } = parsed;
  const odd = (['user', 'target', 'prefix', 'forceReinstall', 'ignoreInstalled'] as const).find(
    (name) => settings[name],
  );
  if (odd !== undefined) return { reason: `pip wheel has no option --${odd}` };
  if (settings.requirementFiles.some(isPylock)) return { reason: 'pip wheel of a pylock.toml' };
  const request = requestOf(call, through, parsed, state);
  if ('reason' in request) return request;
  const wheelDirectory = posix.resolve(state.cwd, settings.wheelDirectory ?? '.');
  return [{ kind: 'pip-wheel', wheelDirectory, ...request }];
}

function requestOf(
  { program, env, patterns }: Call,
  through: Through,
  { settings, positional }: PipArguments,
  state: ShellState,
): PipRequest | NotRecognised {
  const { editables, groups } = settings;
  const requested = requestedOf({ positional, patterns, editables, groups }, state.cwd);
  if ('reason' in requested) return requested;
  const options = optionsOf(settings);
  const refused = refusedIndex(options);
  if (refused) return refused;
  const place = (path: string) => placed(path, state);
  const request: PipRequest = {
    ...{ program, through, ...requested, dependenciesOf: [], options, env },
    requirementFiles: settings.requirementFiles.map(place),
    constraintFiles: settings.constraintFiles.map(place),
    workdir: state.cwd,
    searchPath: searchPathOf(through, env, state.cwd),
  };
  return asksNothing(request) ? { reason: 'pip without a requirement' } : request;
}

/** Of the settings those that are options. */
function optionsOf(settings: PipArguments['settings']): PipOptions {
  const names = Object.keys(DEFAULT_PIP_OPTIONS) as (keyof PipOptions)[];
  return Object.fromEntries(names.map((name) => [name, settings[name]])) as unknown as PipOptions;
}

function destinationOf(
  { settings: { user, prefix, target } }: PipArguments,
  env: ShellState['env'],
  { cwd }: ShellState,
): Destination | NotRecognised {
  const given = [user ? '--user' : [], prefix ? '--prefix' : [], target ? '--target' : []].flat();
  if (given.length > 1) return { reason: `pip with ${given.join(' and ')} together` };
  if (prefix) return { kind: 'prefix', directory: posix.resolve(cwd, prefix) };
  if (target) return { kind: 'target', directory: posix.resolve(cwd, target) };
  if (!user) return { kind: 'environment', ...(user === false && { insisted: true }) };
  if (env.PYTHONNOUSERSITE) return { reason: 'PYTHONNOUSERSITE takes the effect of --user away' };
  const base = env.PYTHONUSERBASE;
  if (base && !base.startsWith('/')) return { reason: `PYTHONUSERBASE is "${base}", which is no whole path` };
  const home = env.HOME?.startsWith('/') ? posix.join(env.HOME, '.local') : undefined;
  return { kind: 'user', directory: base || home };
}

/** `python -m` puts the working directory in front of PYTHONPATH. */
function searchPathOf(through: Through, env: ShellState['env'], cwd: string): readonly string[] {
  const own = through === 'python' && !env.PYTHONSAFEPATH ? [cwd] : [];
  const named = env.PYTHONPATH ? env.PYTHONPATH.split(':') : [];
  return [...new Set([...own, ...named.map((path) => posix.resolve(cwd, path))])];
}

/** A lock that pip installs: it has to stand alone. */
function pylockInstall(
  { program, env, patterns }: Call,
  through: Through,
  { settings, positional }: PipArguments,
  state: ShellState,
): readonly LockedInstall[] | NotRecognised {
  const [file, ...more] = settings.requirementFiles;
  const others = [more, positional, settings.constraintFiles, settings.editables, settings.groups].flat();
  const options = optionsOf(settings);
  const { user, prefix, target, forceReinstall, ignoreInstalled } = settings;
  const changed = user || prefix || target || forceReinstall || ignoreInstalled || options.upgrade;
  if (file === undefined || others.length > 0 || changed || patterns.size > 0)
    return { reason: 'pip install of a pylock.toml and of something else' };
  if (through === 'python' && searchPathOf(through, env, state.cwd).length > 1)
    return { reason: 'PYTHONPATH beside a pylock.toml' };
  if (/:\/\//.test(file)) return { reason: 'a pylock.toml from an address' };
  const path = posix.resolve(state.cwd, file);
  return [
    {
      ...{ kind: 'locked-install', tool: 'pip', command: 'pip install', program },
      ...{ environment: { kind: 'python', program }, lock: { kind: 'pylock', path }, project: undefined },
      ...{ selection: DEFAULT_SELECTION, own: 'none', exact: false, compile: options.compile },
      indexes: indexesOf(options),
      ...{ env, freshness: 'frozen', workdir: state.cwd, python: undefined, configured: false },
      ...{ buildOptions: options.buildOptions, skeleton: undefined },
    },
  ];
}
