import { posix } from 'node:path';
import { normaliseName } from '../names.ts';
import { DEFAULT_SELECTION } from './lock-selection.ts';
import { DEFAULT_PIP_OPTIONS, type PipOptions } from './pip-options.ts';
import type { DependencyAction, Destination, LockedInstall, NotRecognised, PipInstall } from './recognise.ts';
import { asksNothing, indexesOf, isPylock, refusedIndex, requestedOf } from './recognise-request.ts';
import { type Call, placed, type ShellState } from './recognise-state.ts';
import {
  refusedKeyring,
  refusedLinkMode,
  uvBuildOptions,
  uvDirectory,
  uvIndexes,
  uvPython,
} from './recognise-uv-told.ts';
import { allValues, type GivenOption, isGiven, isOn, lastValue } from './tool-options.ts';
import { uvArguments } from './uv-arguments.ts';
import { UV_PIP_INSTALL, UV_PIP_SYNC } from './uv-options.ts';

/** `uv pip install` and `uv pip sync`. */
export function uvPipInstall(
  command: 'install' | 'sync',
  { args, env, patterns }: Call,
  state: ShellState,
): readonly DependencyAction[] | NotRecognised {
  const name = `uv pip ${command}`;
  const parsed = uvArguments(name, args, env, command === 'install' ? UV_PIP_INSTALL : UV_PIP_SYNC);
  if ('reason' in parsed) return parsed;
  const { given } = parsed;
  const refused = refusedLinkMode(given) ?? refusedKeyring(given) ?? refusedSetting(given);
  if (refused) return refused;
  const at = { ...state, cwd: uvDirectory(given, state) };
  const program = programOf(given, env, at);
  if (typeof program !== 'string') return program;
  // What `uv pip sync` is given are files.
  const isSync = command === 'sync';
  const positional = isSync ? [] : parsed.positional;
  const files = isSync ? parsed.positional : allValues(given, '--requirements');
  const options = uvPipOptions(given, env);
  if ('reason' in options) return options;
  const destination = destinationOf(given, at);
  if ('reason' in destination) return destination;
  const exact = isSync || isOn(given, '--exact', '--inexact');
  const install = { name, program, given, env, exact, options, at };
  if (files.some(isPylock)) return uvPylock(install, [...files, ...positional], destination);
  const sources = { positional, patterns, editables: allValues(given, '--editable') };
  const requested = requestedOf({ ...sources, groups: allValues(given, '--group') }, at.cwd);
  if ('reason' in requested) return requested;
  const projects = dependenciesOf(files, given, at);
  if ('reason' in projects) return projects;
  const action: PipInstall = {
    ...{ kind: 'pip-install', tool: 'uv', destination, exact, ...projects, ...requested },
    reinstall: destination.kind === 'target' ? 'ignore' : isGiven(given, '--reinstall') ? 'force' : 'keep',
    ...{ program, through: 'pip', options, env, workdir: at.cwd, searchPath: [] },
    configured: !isGiven(given, '--no-config'),
    constraintFiles: allValues(given, '--constraints').map((path) => placed(path, at)),
  };
  return asksNothing(action) ? { reason: `${name} without a requirement` } : [action];
}

function refusedSetting(given: readonly GivenOption[]): NotRecognised | undefined {
  const prerelease = lastValue(given, '--prerelease');
  if (prerelease !== undefined && !/^(?:allow|if-necessary-or-explicit)$/.test(prerelease))
    return { reason: `uv's --prerelease ${prerelease}` };
  if (allValues(given, '--no-binary').some((value) => value !== ':none:'))
    return { reason: "uv's --no-binary: it builds from source" };
  if (isGiven(given, '--no-editable')) return { reason: "uv's --no-editable with pip install" };
  if (lastValue(given, '--project') !== undefined) return { reason: "uv's --project with pip install" };
  return undefined;
}

/**
 * The Python that uv installs into: the one it is told, the system's, the active environment's, or `.venv` where it runs (uv looks
 * in the directories above as well, which then is not found here). Of an environment that it finds it starts `python3`: launchers
 * name that.
 */
function programOf(
  given: readonly GivenOption[],
  env: ShellState['env'],
  state: ShellState,
): string | NotRecognised {
  const told = uvPython(given);
  if ('reason' in told) return told;
  const system = isOn(given, '--system', '--no-system');
  const { python } = told;
  if (python?.startsWith('/'))
    return /\/(?:bin\/)?python[\d.]*$/.test(python) ? python : `${python}/bin/python3`;
  if (python !== undefined) {
    if (!system)
      return {
        reason: `uv looks for an environment of the Python "${python}"`,
        hint: "Name the Python by its path, or the image's own by --system alone.",
      };
    return /^\d/.test(python) ? `python${python.split('.').slice(0, 2).join('.')}` : python;
  }
  if (system) return 'uv';
  if (env.VIRTUAL_ENV) return `${posix.resolve(state.cwd, env.VIRTUAL_ENV)}/bin/python3`;
  if (env.CONDA_PREFIX) return { reason: 'uv installs into an environment of conda' };
  return `${posix.join(state.cwd, '.venv')}/bin/python3`;
}

function uvPipOptions(given: readonly GivenOption[], env: ShellState['env']): PipOptions | NotRecognised {
  const strategy = lastValue(given, '--index-strategy') ?? 'first-index';
  if (!isStrategy(strategy)) return { reason: `uv's --index-strategy ${strategy} is not known` };
  const onlyBinary = isGiven(given, '--no-build') ? [':all:'] : allValues(given, '--only-binary');
  const names = onlyBinary.flatMap((text) => text.split(',')).filter((name) => name !== ':none:');
  const options: PipOptions = {
    ...DEFAULT_PIP_OPTIONS,
    ...uvIndexes(given, env),
    noDeps: isGiven(given, '--no-deps'),
    requireHashes: isGiven(given, '--require-hashes'),
    upgrade: isGiven(given, '--upgrade'),
    // uv takes the newest of all where it is told to upgrade.
    upgradeStrategy: 'eager',
    pre: isGiven(given, '--pre') || lastValue(given, '--prerelease') === 'allow',
    onlyBinary: names.includes(':all:') ? [':all:'] : [...new Set(names.map(normaliseName))].sort(),
    compile: isOn(given, '--compile-bytecode', '--no-compile-bytecode'),
    breakSystemPackages: isOn(given, '--break-system-packages', '--no-break-system-packages'),
    noIndex: isGiven(given, '--no-index'),
    findLinks: allValues(given, '--find-links'),
    buildOptions: uvBuildOptions(given),
    indexStrategy: strategy,
  };
  return refusedIndex(options) ?? options;
}

function isStrategy(text: string): text is NonNullable<PipOptions['indexStrategy']> {
  return /^(?:first-index|unsafe-first-match|unsafe-best-match)$/.test(text);
}

function destinationOf(given: readonly GivenOption[], { cwd }: ShellState): Destination | NotRecognised {
  const target = lastValue(given, '--target');
  const prefix = lastValue(given, '--prefix');
  if (target !== undefined && prefix !== undefined)
    return { reason: 'uv with --target and --prefix together' };
  if (target !== undefined) return { kind: 'target', directory: posix.resolve(cwd, target) };
  if (prefix !== undefined) return { kind: 'prefix', directory: posix.resolve(cwd, prefix) };
  return { kind: 'environment' };
}

/** Requirement files, and pyproject.toml files among them with the extras that are asked for. */
function dependenciesOf(
  files: readonly string[],
  given: readonly GivenOption[],
  state: ShellState,
): Pick<PipInstall, 'requirementFiles' | 'dependenciesOf'> | NotRecognised {
  const other = files.find((path) => /(?:^|\/)setup\.(?:py|cfg)$/.test(path) || path === '-');
  if (other !== undefined) return { reason: `uv reads requirements of ${other}` };
  const isProject = (path: string) => posix.basename(path) === 'pyproject.toml';
  const extras = isGiven(given, '--all-extras')
    ? 'all'
    : [...new Set(allValues(given, '--extra').map(normaliseName))].sort();
  const projects = files.filter(isProject);
  if (projects.length === 0 && extras.length > 0) return { reason: "uv's --extra without a pyproject.toml" };
  return {
    requirementFiles: files.filter((path) => !isProject(path)).map((path) => placed(path, state)),
    dependenciesOf: projects.map((path) => ({ path: posix.resolve(state.cwd, path), extras })),
  };
}

interface PylockInstall {
  readonly name: string;
  readonly program: string;
  readonly given: readonly GivenOption[];
  readonly env: ShellState['env'];
  readonly exact: boolean;
  readonly options: PipOptions;
  readonly at: ShellState;
}

function uvPylock(
  { name, program, given, env, exact, options, at }: PylockInstall,
  sources: readonly string[],
  destination: Destination,
): readonly LockedInstall[] | NotRecognised {
  const [file, ...more] = sources;
  const beside = ['--editable', '--constraints', '--reinstall', '--upgrade', '--no-deps'];
  const odd = beside.find((option) => isGiven(given, option));
  if (file === undefined || more.length > 0 || odd !== undefined || destination.kind !== 'environment')
    return { reason: `${name} of a pylock.toml and of something else` };
  if (/:\/\//.test(file)) return { reason: 'a pylock.toml from an address' };
  const extras = allValues(given, '--extra').map(normaliseName);
  const groups = allValues(given, '--group');
  if (groups.some((group) => group.includes(':'))) return { reason: `${name} with a group of another file` };
  const path = posix.resolve(at.cwd, file);
  return [
    {
      ...{ kind: 'locked-install', tool: 'uv', command: name, program: 'uv' },
      ...{ environment: { kind: 'python', program }, lock: { kind: 'pylock', path }, project: undefined },
      selection: {
        ...DEFAULT_SELECTION,
        extras: isGiven(given, '--all-extras') ? 'all' : [...new Set(extras)].sort(),
        groups: [...new Set(groups.map(normaliseName))].sort(),
      },
      ...{
        own: 'none',
        exact,
        compile: options.compile,
        indexes: indexesOf(options),
        env,
        freshness: 'frozen',
      },
      ...{ workdir: at.cwd, python: undefined, configured: !isGiven(given, '--no-config') },
      ...{ buildOptions: options.buildOptions, skeleton: undefined },
    },
  ];
}
