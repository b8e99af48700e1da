import { posix } from 'node:path';
import { launcherNames } from './entry-points.ts';
import type { InstallScheme } from './facts.ts';
import type { WheelFacts } from './lock.ts';
import { normaliseName } from './names.ts';
import { type RefuseWheel, refusalOf } from './wheel-error.ts';

/** What decides where a wheel's files go. */
export interface WheelShape {
  readonly name: string;
  readonly purelib: boolean;
  /** Names of its entry points for scripts, as in `entry_points.txt`. */
  readonly scripts: ReadonlySet<string>;
}

/** Where a member goes. */
export interface Placement {
  /** Absolute. */
  readonly path: string;
  /** True for a file of `*.data/scripts`, whose first line may have to name the interpreter. */
  readonly script: boolean;
}

/** The directory of the distribution's modules and its `*.dist-info`: where RECORD's paths begin. */
export function libraryOf({ purelib }: { readonly purelib: boolean }, scheme: InstallScheme): string {
  return purelib ? scheme.purelib : scheme.platlib;
}

/**
 * Where a member of a wheel is installed, as pip decides it; undefined for a script of `*.data/scripts` that only stands for
 * an entry point.
 *
 * @param path a member's path that has been checked: relative, without `.` and `..`
 * @throws LayerwrightError `WHEEL_INVALID` (1) for a place in `*.data` that no scheme has
 */
export function placementOf(
  path: string,
  shape: WheelShape,
  scheme: InstallScheme,
  refuse: RefuseWheel,
): Placement | undefined {
  const [first = '', key = '', ...rest] = path.split('/');
  if (!first.endsWith('.data')) return { path: `${libraryOf(shape, scheme)}/${path}`, script: false };
  const root = schemeDirectory(key, shape.name, scheme);
  if (root === undefined || rest.length === 0)
    throw refuse('files of *.data are in one of purelib, platlib, headers, scripts and data', path);
  const script = key === 'scripts';
  if (script && shape.scripts.has(entryPointOf(rest.at(-1) as string))) return undefined;
  return { path: `${root}/${rest.join('/')}`, script };
}

function schemeDirectory(key: string, name: string, scheme: InstallScheme): string | undefined {
  if (key === 'headers') return `${scheme.headers}/${normaliseName(name)}`;
  return key === 'purelib' || key === 'platlib' || key === 'scripts' || key === 'data'
    ? scheme[key]
    : undefined;
}

/** The entry point that a script file of an old setuptools stands for. */
function entryPointOf(file: string): string {
  return file.replace(/(?:\.exe|-script\.py|\.pya)$/i, '');
}

/** The minor version in a scheme's directories, `3.11`; undefined if they name none. */
export function pythonOfScheme({ purelib, platlib }: InstallScheme): string | undefined {
  return /\/python(\d+\.\d+)\//.exec(`${purelib}/`)?.[1] ?? /\/python(\d+\.\d+)\//.exec(`${platlib}/`)?.[1];
}

/**
 * Every path that installing a wheel may write, bytecode aside, sorted, without a leading slash: its files, launchers, INSTALLER
 * and REQUESTED.
 *
 * @throws LayerwrightError `WHEEL_INVALID` (1) for files that have no place in the scheme
 */
export function placedPaths(facts: WheelFacts, scheme: InstallScheme): readonly string[] {
  const refuse = refusalOf(`${facts.name} ${facts.version}`);
  const shape = { name: facts.name, purelib: facts.purelib, scripts: new Set(facts.scripts) };
  const library = libraryOf(facts, scheme);
  const distInfo = facts.paths.find((path) => /^[^/]+\.dist-info\//.test(path))?.split('/', 1)[0];
  const found = [
    ...facts.paths.flatMap((path) => placementOf(path, shape, scheme, refuse)?.path ?? []),
    ...launcherNames(facts.scripts, pythonOfScheme(scheme), refuse).map(
      (name) => `${scheme.scripts}/${name}`,
    ),
    ...(distInfo === undefined ? [] : ['INSTALLER', 'REQUESTED', 'RECORD']).map(
      (name) => `${library}/${distInfo}/${name}`,
    ),
  ];
  return [...new Set(found.map((path) => posix.normalize(path).replace(/^\/+/, '')))].sort();
}
