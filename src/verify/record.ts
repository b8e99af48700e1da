import { parentOf } from './tree.ts';

/** The files that a distribution's RECORD names: path in the image -> `HASH,SIZE`. */
export type RecordedFiles = ReadonlyMap<string, string>;

/**
 * Reads a RECORD (https://packaging.python.org/en/latest/specifications/recording-installed-packages/): CSV with path, hash
 * and size. Lines of bytecode are left out: some installers list it, some do not.
 *
 * @param recordPath where the RECORD itself is in the image
 * @returns paths without a leading slash; undefined if it is no such file
 */
export function readRecord(text: string, recordPath: string): RecordedFiles | undefined {
  const base = parentOf(parentOf(recordPath));
  const files = new Map<string, string>();
  for (const row of csvRows(text)) {
    if (row.length === 1 && row[0] === '') continue;
    const [path = '', hash, size] = row;
    if (path === '' || hash === undefined || size === undefined || row.length > 3) return undefined;
    const resolved = resolvePath(base, path);
    if (!resolved.endsWith('.pyc')) files.set(resolved, `${hash},${size}`);
  }
  return files;
}

/** What differs between two RECORDs, as one line for people; `''` if nothing does. */
export function recordDifference(
  image: RecordedFiles,
  plain: RecordedFiles,
  isExcused: (path: string) => boolean,
): string {
  const missing = [...plain.keys()].filter((path) => !image.has(path));
  const added = [...image.keys()].filter((path) => !plain.has(path));
  const altered = [...image].filter(([path, value]) => {
    const other = plain.get(path);
    return other !== undefined && other !== value && !isExcused(path);
  });
  const told = (what: string, paths: readonly string[]) =>
    paths.length === 0 ? [] : [`${what} ${paths.slice(0, 3).join(', ')}${paths.length > 3 ? ', …' : ''}`];
  return [
    ...told('lacks', missing),
    ...told('has beside', added),
    ...told(
      'has another hash or size for',
      altered.map(([path]) => path),
    ),
  ].join('; ');
}

/** A path of RECORD is relative to the directory that the `.dist-info` is in, or absolute. */
function resolvePath(base: string, path: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith('/') ? path : `${base}/${path}`).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

function csvRows(text: string): readonly (readonly string[])[] {
  const rows: string[][] = [[]];
  const field = /(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r?\n|\r|$)/gy;
  for (;;) {
    const match = field.exec(text);
    if (match === null) return [[text.slice(0, 80), '', '', '']];
    (rows.at(-1) as string[]).push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[3] === '') return rows;
    if (match[3] !== ',') rows.push([]);
  }
}
