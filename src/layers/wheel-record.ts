import { posix } from 'node:path';
import { type Installer, installerText, writesRequested } from '../python/installer.ts';
import {
  installedRows,
  type PoetryRow,
  poetryRecordText,
  type RecordedFile,
  type RecordRow,
  recordText,
} from '../python/record.ts';
import type { RefuseWheel } from '../python/wheel-error.ts';
import type { WheelFile } from './layer.ts';

/** A file that the installer writes itself, by its place as RECORD has it. */
export interface GeneratedFile {
  readonly place: string;
  readonly bytes: Buffer;
  readonly mode: number;
}

/** A member of a wheel as Poetry's RECORD has it: its name in a directory of the scheme, and the way there. */
export interface Placed {
  readonly prefix: string;
  readonly name: string;
  /** As RECORD has it. */
  readonly place: string;
}

/** What RECORD is made from. */
export interface RecordInput {
  readonly installer: Installer;
  readonly distInfo: string;
  readonly hasDirectUrl: boolean;
  /** The wheel's own. */
  readonly record: readonly RecordRow[];
  /** By a member's path. */
  readonly placed: ReadonlyMap<string, Placed>;
  /** By place. */
  readonly changed: ReadonlyMap<string, RecordedFile>;
  readonly compiled: readonly string[];
  readonly generated: readonly { readonly place: string; readonly file: RecordedFile }[];
}

/** INSTALLER, REQUESTED, `direct_url.json` and further files, as far as the program writes them. */
export function marksOf(
  { requested, directUrl, files = {} }: WheelFile,
  installer: Installer,
  distInfo: string,
  mode: number,
): readonly GeneratedFile[] {
  const file = (name: string, text: string) => ({
    place: `${distInfo}/${name}`,
    bytes: Buffer.from(text),
    mode,
  });
  return [
    file('INSTALLER', installerText(installer)),
    ...(writesRequested(installer, requested) ? [file('REQUESTED', '')] : []),
    ...(directUrl === undefined ? [] : [file('direct_url.json', directUrl)]),
    ...Object.keys(files)
      .sort()
      .map((name) => file(name, files[name] as string)),
  ];
}

/**
 * The text of RECORD after installing. pip lists what it compiled, uv and Poetry do not; Poetry hashes what it writes itself.
 *
 * @throws LayerwrightError `WHEEL_INVALID` (1) for a wheel that Poetry refuses
 */
export function installedRecord(input: RecordInput, refuse: RefuseWheel): string {
  const { installer, record, placed, changed, compiled, generated, distInfo } = input;
  if (installer.tool === 'poetry') return poetryRecord(input, refuse);
  const moved = new Map([...placed].map(([path, { place }]) => [path, place]));
  const written = generated.map(({ place, file }) => ({ path: place, file }));
  if (installer.tool === 'pip')
    return recordText(installedRows(record, { moved, changed, compiled, generated: written }));
  // What the wheel does not list is not known to uv; of its own files each has one row.
  const own = new Set(written.map(({ path }) => path));
  const rows = record.filter(([path]) => !own.has(path) && path !== `${distInfo}/RECORD`);
  const known = new Set(rows.map(([path]) => path));
  const listed = new Map([...moved].filter(([path]) => known.has(path)));
  const all = installedRows(rows, { moved: listed, changed, compiled: [], generated: written });
  return recordText([...all, [`${distInfo}/RECORD`, '', '']], '\n');
}

function poetryRecord(
  { distInfo, hasDirectUrl, record, placed, changed, generated }: RecordInput,
  refuse: RefuseWheel,
): string {
  const rows = new Map(record.map((row) => [row[0], row]));
  const directUrl = `${distInfo}/direct_url.json`;
  const own = generated.filter(({ place }) => place !== directUrl);
  const files = [...placed].filter(([path]) => path !== `${distInfo}/RECORD`);
  const members = files.map(([path, { prefix, name, place }]): PoetryRow => {
    const [, hash = '', size = ''] = rows.get(path) ?? [];
    const file = changed.get(place);
    if (file !== undefined) return { prefix, row: [name, file.hash, String(file.size)] };
    if (!hash.startsWith('sha256=') || size === '')
      throw refuse('Poetry takes only what RECORD has a SHA-256 for', path);
    return { prefix, row: [name, hash, size] };
  });
  return poetryRecordText(
    [
      ...own.map(({ place, file }): PoetryRow => rowOfOwn(place, file, distInfo)),
      ...members,
      { prefix: '', row: [`${distInfo}/RECORD`, '', ''] },
    ],
    hasDirectUrl ? directUrl : undefined,
  );
}

/** INSTALLER counts as a file of the library, a launcher as one of the directory of scripts. */
function rowOfOwn(place: string, { hash, size }: RecordedFile, distInfo: string): PoetryRow {
  if (place.startsWith(`${distInfo}/`)) return { prefix: '', row: [place, hash, String(size)] };
  const name = posix.basename(place);
  return { prefix: place.slice(0, -name.length), row: [name, hash, String(size)] };
}
