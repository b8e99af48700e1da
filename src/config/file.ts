import { dirname, join, relative, resolve } from 'node:path';
import { usageError } from '../errors.ts';
import { kindOf, readTextIfThere } from '../host/files.ts';
import { keyOf } from './keys.ts';
import type { Problem } from './node.ts';
import type { Setting, Value } from './setting.ts';

/** What a configuration file says. */
export interface ConfigFile {
  /** Absolute. */
  readonly path: string;
  readonly settings: readonly Setting[];
}

const NAMES = ['layerwright.yml', 'layerwright.yaml'] as const;

/** How many problems of a file are told at once. */
const TOLD = 8;

/**
 * Finds and reads the configuration file: the one that is named, else `layerwright.yml` or `layerwright.yaml` in the
 * first of the directories that has one.
 *
 * @param named a path, `none` for no file, undefined to look for one
 * @param directories absolute or relative to `cwd`
 * @returns undefined if there is none
 * @throws LayerwrightError `CONFIG_NOT_FOUND`, `CONFIG_INVALID` (2)
 */
export async function readConfigFile(
  cwd: string,
  named: string | undefined,
  directories: readonly string[],
): Promise<ConfigFile | undefined> {
  if (named === 'none') return undefined;
  const path = named ? resolve(cwd, named) : await findConfigFile(cwd, directories);
  if (path === undefined) return undefined;
  const text = await readTextIfThere(path);
  if (text === undefined)
    throw usageError(
      'CONFIG_NOT_FOUND',
      `no configuration file at ${path}`,
      'Correct --config or LAYERWRIGHT_CONFIG; "none" is for no file.',
    );
  const settings = await parseConfig(text, shownPath(cwd, path));
  return { path, settings: settings.map((setting) => withPaths(setting, cwd, dirname(path))) };
}

async function findConfigFile(cwd: string, directories: readonly string[]): Promise<string | undefined> {
  for (const directory of new Set(directories.map((one) => resolve(cwd, one)))) {
    const kinds = await Promise.all(NAMES.map((name) => kindOf(join(directory, name))));
    const there = NAMES.filter((_name, index) => kinds[index] === 'file');
    if (there.length > 1)
      throw usageError(
        'CONFIG_INVALID',
        `${directory} has both ${there.join(' and ')}`,
        'Remove one of them, or name the one that counts with --config.',
      );
    if (there[0] !== undefined) return join(directory, there[0]);
  }
  return undefined;
}

/**
 * Reads the text of a configuration file.
 *
 * @param file as shown in messages
 * @throws LayerwrightError `CONFIG_INVALID` (2) with every problem as `file:line:column: what was expected`
 */
export async function parseConfig(text: string, file: string): Promise<readonly Setting[]> {
  // Most projects have no configuration file: only those that do pay for the YAML parser.
  const [{ LineCounter, parseAllDocuments }, { settingsIn }, { unresolvedAliases }] = await Promise.all([
    import('./yaml.ts'),
    import('./document.ts'),
    import('./node.ts'),
  ]);
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text.replace(/^\uFEFF/, ''), {
    lineCounter: lines,
    prettyErrors: false,
    // Told by our own reader, which knows where the first one is.
    uniqueKeys: false,
  });
  const documents = Array.isArray(parsed) ? parsed : [];
  const refuseIf = (problems: readonly Problem[]) => {
    if (problems.length === 0) return;
    throw invalid(
      file,
      [...problems].sort((a, b) => a.offset - b.offset),
      lines,
    );
  };
  refuseIf(documents.flatMap((one) => [...one.errors, ...one.warnings]).map(yamlProblem));
  const [document, another] = documents;
  if (document === undefined) return [];
  if (another !== undefined)
    refuseIf([{ offset: another.range[0], message: 'a second document begins; expected a single one' }]);
  refuseIf(unresolvedAliases(document));
  const { settings, problems } = settingsIn(document, file, (offset) => lines.linePos(offset).line);
  refuseIf(problems);
  return settings;
}

function yamlProblem(error: { code: string; message: string; pos: [number, number] }): Problem {
  const message =
    error.code === 'TAB_AS_INDENT'
      ? 'a tab; expected spaces for indentation'
      : `${error.message.charAt(0).toLowerCase()}${error.message.slice(1)}`;
  return { offset: error.pos[0], message };
}

function invalid(
  file: string,
  problems: readonly Problem[],
  places: { linePos: (offset: number) => { line: number; col: number } },
) {
  const told = problems.slice(0, TOLD).map(({ offset, message }) => {
    const { line, col } = places.linePos(offset);
    return `${file}:${line}:${col}: ${message}`;
  });
  const more = problems.length > TOLD ? [`and ${problems.length - TOLD} more`] : [];
  return usageError(
    'CONFIG_INVALID',
    told.length === 1
      ? (told[0] as string)
      : [`${problems.length} problems in ${file}`, ...told, ...more].join('\n  '),
    'See docs/reference/config.md for the keys; --config none goes without the file.',
  );
}

/** A path in a file is relative to the file; from here on to the current directory, as one on the command line is. */
function withPaths(setting: Setting, cwd: string, directory: string): Setting {
  if (!keyOf(setting.key).path) return setting;
  const moved = (path: string) => (path === '-' ? path : relative(cwd, resolve(directory, path)) || '.');
  const { value } = setting;
  const paths: Value =
    typeof value === 'string' ? moved(value) : typeof value === 'boolean' ? value : value.map(moved);
  return { ...setting, value: paths };
}

/** Relative to the current directory for what is below it. */
function shownPath(cwd: string, path: string): string {
  const shown = relative(cwd, path);
  return shown.startsWith('..') ? path : shown;
}
