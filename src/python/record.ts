import { pythonLines } from './entry-points.ts';
import type { RefuseWheel } from './wheel-error.ts';

/** A line of RECORD: path, `sha256=...` or nothing, bytes or nothing. */
export type RecordRow = readonly [path: string, hash: string, size: string];

/** Reads a wheel's RECORD; more than three fields of a line are passed over. */
export function parseRecord(text: string, refuse: RefuseWheel): readonly RecordRow[] {
  return pythonLines(text)
    .filter((line) => line !== '')
    .map((line) => {
      const [path = '', hash = '', size = ''] = csvFields(line, refuse);
      return [path, hash, size];
    });
}

function csvFields(line: string, refuse: RefuseWheel): readonly string[] {
  if (!line.includes('"')) return line.split(',');
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (let more = true; more; ) {
    const found = field.exec(line);
    if (found === null) throw refuse(`the line ${JSON.stringify(line.slice(0, 200))} is not CSV`, 'RECORD');
    fields.push(found[1]?.replaceAll('""', '"') ?? found[2] ?? '');
    more = found[3] === ',';
  }
  return fields;
}

/** What installing a wheel changed; all paths as RECORD has them: relative to the directory of the `*.dist-info`. */
export interface InstalledFiles {
  /** By a member's path in the wheel, where it went. */
  readonly moved: ReadonlyMap<string, string>;
  /** Files that are not as in the wheel. */
  readonly changed: ReadonlyMap<string, RecordedFile>;
  /** Bytecode files. */
  readonly compiled: readonly string[];
  /** Files that the installer wrote itself. */
  readonly generated: readonly { readonly path: string; readonly file: RecordedFile }[];
}

/** What RECORD says of a file: `sha256=` and the digest in URL-safe base64 without padding, and its bytes. */
export interface RecordedFile {
  readonly hash: string;
  readonly size: number;
}

/** The rows that pip writes after it installed: those of the wheel with their new places, and what is new. */
export function installedRows(old: readonly RecordRow[], files: InstalledFiles): readonly RecordRow[] {
  const left = new Map(files.moved);
  const rows = old.map(([path, hash, size]): RecordRow => {
    const place = left.get(path) ?? path;
    left.delete(path);
    const changed = files.changed.get(place);
    return changed === undefined ? [place, hash, size] : rowOf(place, changed);
  });
  return [
    ...rows,
    ...files.generated.map(({ path, file }) => rowOf(path, file)),
    ...[...left.values(), ...files.compiled].map((path): RecordRow => [path, '', '']),
  ];
}

function rowOf(path: string, { hash, size }: RecordedFile): RecordRow {
  return [path, hash, String(size)];
}

/** RECORD's text, sorted by code points, with the line ends that Python's csv module writes, or those of the program that installs. */
export function recordText(rows: readonly RecordRow[], lineEnd: '\r\n' | '\n' = '\r\n'): string {
  const keyed = rows.map((row) => ({ row, keys: row.map((field) => Buffer.from(field)) }));
  keyed.sort((a, b) => compareKeys(a.keys, b.keys));
  return keyed.map(({ row }) => `${row.map(csvField).join(',')}${lineEnd}`).join('');
}

/** A row of Poetry's RECORD: sorted by the path in the file's own directory of the scheme, which `prefix` leads to. */
export interface PoetryRow {
  readonly prefix: string;
  readonly row: RecordRow;
}

/**
 * RECORD as Poetry writes it: sorted by paths without their prefixes.
 *
 * @param directUrl the path of `direct_url.json`, which is added as a line of its own
 */
export function poetryRecordText(rows: readonly PoetryRow[], directUrl: string | undefined): string {
  const keyed = rows.map(({ prefix, row }) => ({ prefix, row, key: Buffer.from(row[0]) }));
  keyed.sort((a, b) => Buffer.compare(a.key, b.key));
  const lines = keyed.map(({ prefix, row: [path, ...rest] }) =>
    [`${prefix}${path}`, ...rest].map(csvField).join(','),
  );
  return [...lines.map((line) => `${line}\n`), ...(directUrl ? [`${csvField(directUrl)},,\r\n`] : [])].join(
    '',
  );
}

/** UTF-8 sorts as code points do. */
function compareKeys(a: readonly Buffer[], b: readonly Buffer[]): number {
  for (let at = 0; at < a.length; at++) {
    const order = Buffer.compare(a[at] as Buffer, b[at] as Buffer);
    if (order !== 0) return order;
  }
  return 0;
}

function csvField(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}
