import type { InstallerTool } from './installer.ts';
import type { RefuseWheel } from './wheel-error.ts';

/** The scripts that `entry_points.txt` asks for, by name, each with `module:object` as written. */
export interface EntryPoints {
  readonly console: ReadonlyMap<string, string>;
  readonly gui: ReadonlyMap<string, string>;
}

/** A launcher to write. */
export interface Launcher {
  /** The file's name in the directory for scripts. */
  readonly name: string;
  readonly module: string;
  /** What is called, below the module: `main`, `Application.run`. */
  readonly object: string;
}

/** Where Python's `str.splitlines` ends a line. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it splits at
const LINE_END = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/;

/** The lines of a text, as Python's `str.splitlines` gives them. */
export function pythonLines(text: string): readonly string[] {
  const lines = text.split(LINE_END);
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

/**
 * Reads `entry_points.txt` as Python's importlib.metadata does: `[group]`, `name = value`, lines that start with `#` left
 * out; the last of equal names counts.
 *
 * @throws LayerwrightError `WHEEL_INVALID` (1) for a line that is none of these
 */
export function parseEntryPoints(text: string, refuse: RefuseWheel): EntryPoints {
  const groups = { console_scripts: new Map<string, string>(), gui_scripts: new Map<string, string>() };
  let group: string | undefined;
  for (const line of pythonLines(text).map((one) => one.trim())) {
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('[') && line.endsWith(']')) {
      group = line.replace(/^[[\]]+|[[\]]+$/g, '');
      continue;
    }
    if (group === undefined) continue;
    const equals = line.indexOf('=');
    if (equals < 0) throw refuse(`the line ${JSON.stringify(line)} has no value`, 'entry_points.txt');
    if (group === 'console_scripts' || group === 'gui_scripts')
      groups[group].set(line.slice(0, equals).trim(), line.slice(equals + 1).trim());
  }
  return { console: groups.console_scripts, gui: groups.gui_scripts };
}

/**
 * The launchers that are written for them, console scripts first. A wheel of pip or setuptools has the names of the Python
 * that it was made on; pip writes those of the Python that it installs for, uv some of them.
 *
 * @param python the image's minor version, `3.11`; undefined if it is not known
 * @throws LayerwrightError `WHEEL_INVALID` (1) for a name or value that pip refuses or reads in ways of its own
 */
export function launchersOf(
  { console, gui }: EntryPoints,
  python: string | undefined,
  refuse: RefuseWheel,
  tool: InstallerTool = 'pip',
): readonly Launcher[] {
  return [...namedBy(tool, console, python, refuse), ...gui].map(([name, value]) => {
    const [, module, object] =
      /^(\w+(?:\.\w+)*):(\w+(?:\.\w+)*)\s*(?:\[\s*[\w-]+(?:=\w+)?(?:,\s*\w+(?:=\w+)?)*\s*\])?$/.exec(value) ??
      [];
    if (!/^[\w.+-]+$/.test(name) || name === '.' || name === '..')
      throw refuse(`${JSON.stringify(name)} is no name of a script`, 'entry_points.txt');
    if (module === undefined || object === undefined)
      throw refuse(
        `the script ${name} has no module:function but ${JSON.stringify(value)}`,
        'entry_points.txt',
      );
    return { name, module, object };
  });
}

/** The names of the files that {@link launchersOf} writes. */
export function launcherNames(
  names: readonly string[],
  python: string | undefined,
  refuse: RefuseWheel,
  tool: InstallerTool = 'pip',
): readonly string[] {
  return namedBy(tool, new Map(names.map((name) => [name, ''])), python, refuse).map(([name]) => name);
}

function namedBy(
  tool: InstallerTool,
  console: ReadonlyMap<string, string>,
  python: string | undefined,
  refuse: RefuseWheel,
): readonly (readonly [string, string])[] {
  if (tool === 'pip') return versioned(console, python, refuse);
  const old = [...console.keys()].find((name) => tool === 'uv' && /^pip3\.\d+$/.test(name));
  if (old !== undefined) throw refuse(`uv gives its script ${old} another name`);
  return [...console];
}

function versioned(
  console: ReadonlyMap<string, string>,
  python: string | undefined,
  refuse: RefuseWheel,
): readonly (readonly [string, string])[] {
  const pip = console.get('pip');
  const easyInstall = console.get('easy_install');
  if (pip === undefined && easyInstall === undefined) return [...console];
  if (python === undefined)
    throw refuse('its scripts are named after the Python version, which the directories do not tell');
  const others = [...console].filter(
    ([name]) =>
      !(pip !== undefined && /^pip(?:\d+(?:\.\d+)?)?$/.test(name)) &&
      !(easyInstall !== undefined && /^easy_install(?:-\d+\.\d+)?$/.test(name)),
  );
  const [major] = python.split('.');
  return [
    ...(pip === undefined ? [] : ['pip', `pip${major}`, `pip${python}`].map((name) => [name, pip] as const)),
    ...(easyInstall === undefined
      ? []
      : ['easy_install', `easy_install-${python}`].map((name) => [name, easyInstall] as const)),
    ...others,
  ];
}
