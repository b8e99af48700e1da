import { posix } from 'node:path';
import { launcherNames } from './entry-points.ts';
import type { InstallScheme } from './facts.ts';
import type { InstallerTool } from './installer.ts';
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
  /** Which directory of the scheme it is in: for `*.data/scripts` the first line may have to name the interpreter. */
  readonly key: keyof InstallScheme;
  /** Below that directory; a header's begins with the name of its distribution. */
  readonly name: string;
}

/** The absolute path of a placement. */
export function pathIn(scheme: InstallScheme, { key, name }: Placement): string {
  return `${scheme[key]}/${name}`;
}

const TARGET_ROOT = '/tmp/pip-target-00000000';

/**
 * The scheme in which `pip install --target` writes RECORD and compiles, before it moves the files to where they stay: its root stands for a temporary directory
 * of another name each time.
 */
export const TARGET_RECORD_SCHEME: InstallScheme = {
  ...{ purelib: `${TARGET_ROOT}/lib/python`, platlib: `${TARGET_ROOT}/lib/python` },
  ...{ headers: `${TARGET_ROOT}/include/python`, scripts: `${TARGET_ROOT}/bin`, data: TARGET_ROOT },
};

/** The directory of the distribution's modules and its `*.dist-info`: where RECORD's paths begin. */
export function libraryOf({ purelib }: { readonly purelib: boolean }, scheme: InstallScheme): string {
  return purelib ? scheme.purelib : scheme.platlib;
}

/**
 * Where a member of a wheel is installed; undefined for a script of `*.data/scripts` that only stands for an entry point.
 *
 * @param path a member's path that has been checked: relative, without `.` and `..`
 * @throws LayerwrightError `WHEEL_INVALID` (1) for a place in `*.data` that no scheme has, and scripts that the tool refuses
 */
export function placementOf(
  path: string,
  shape: WheelShape,
  refuse: RefuseWheel,
  tool: InstallerTool = 'pip',
): Placement | undefined {
  const [first = '', key = '', ...rest] = path.split('/');
  if (!first.endsWith('.data')) return { key: shape.purelib ? 'purelib' : 'platlib', name: path };
  if (!isKey(key) || rest.length === 0)
    throw refuse('files of *.data are in one of purelib, platlib, headers, scripts and data', path);
  const name = rest.join('/');
  if (key === 'headers') return { key, name: `${headersOf(first, shape, tool)}/${name}` };
  return key === 'scripts' && isEntryPoint(path, name, shape, refuse, tool) ? undefined : { key, name };
}

/** Poetry names the directory as the wheel does. */
function headersOf(data: string, { name }: WheelShape, tool: InstallerTool): string {
  return tool === 'poetry' ? (data.split('-', 1)[0] as string) : normaliseName(name);
}

function isKey(key: string): key is keyof InstallScheme {
  return ['purelib', 'platlib', 'headers', 'scripts', 'data'].includes(key);
}

function isEntryPoint(
  path: string,
  name: string,
  { scripts }: WheelShape,
  refuse: RefuseWheel,
  tool: InstallerTool,
): boolean {
  if (tool === 'uv' && name.includes('/')) throw refuse('uv takes no directories among scripts', path);
  const file = name.slice(name.lastIndexOf('/') + 1);
  if (tool !== 'poetry') return scripts.has(entryPointOf(file));
  if (scripts.has(name)) throw refuse('Poetry writes it over the launcher of that name', path);
  return false;
}

/** The entry point that a script file of an old setuptools stands for. */
function entryPointOf(file: string): string {
  return file.replace(/(?:\.exe|-script\.py|\.pya)$/i, '');
}

/** The minor version in a scheme's directories, `3.11`; undefined if they name none. */
export function pythonOfScheme({ purelib, platlib }: InstallScheme): string | undefined {
  return /\/python(\d+\.\d+)\//.exec(`${purelib}/`)?.[1] ?? /\/python(\d+\.\d+)\//.exec(`${platlib}/`)?.[1];
}

const ADDED = ['INSTALLER', 'REQUESTED', 'RECORD'];

/**
 * The scheme of a directory as uv has it, which puts headers elsewhere than pip.
 *
 * @param scheme as pip has it
 * @param python `3.11.2`
 */
export function uvScheme(
  scheme: InstallScheme,
  kind: 'user' | 'prefix' | 'target',
  python: string,
): InstallScheme {
  const own = kind === 'target' ? '' : `/site/python${/^\d+\.\d+/.exec(python)?.[0]}`;
  return { ...scheme, headers: `${scheme.data}/include${own}` };
}

/**
 * Every path that installing a wheel may write, bytecode and `direct_url.json` aside, sorted, without a leading slash: its files,
 * launchers, INSTALLER and REQUESTED.
 *
 * @throws LayerwrightError `WHEEL_INVALID` (1) for files that have no place in the scheme
 */
export function placedPaths(
  facts: WheelFacts,
  scheme: InstallScheme,
  tool: InstallerTool = 'pip',
): readonly string[] {
  const refuse = refusalOf(`${facts.name} ${facts.version}`);
  const shape = { name: facts.name, purelib: facts.purelib, scripts: new Set(facts.scripts) };
  const library = libraryOf(facts, scheme);
  const distInfo = facts.paths.find((path) => /^[^/]+\.dist-info\//.test(path))?.split('/', 1)[0];
  const found = [
    ...facts.paths.flatMap((path) => {
      const placement = placementOf(path, shape, refuse, tool);
      return placement === undefined ? [] : [pathIn(scheme, placement)];
    }),
    ...launcherNames(facts.scripts, pythonOfScheme(scheme), refuse, tool).map(
      (name) => `${scheme.scripts}/${name}`,
    ),
    ...(distInfo === undefined ? [] : ADDED).map((name) => `${library}/${distInfo}/${name}`),
  ];
  return [...new Set(found.map((path) => posix.normalize(path).replace(/^\/+/, '')))].sort();
}
