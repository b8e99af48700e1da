import type { RefuseWheel } from '../python/wheel-error.ts';
import { type DirectoryPlace, numberAt } from './zip-end.ts';
import type { ReadAt } from './zip-file.ts';
import { checkPaths, decodeName } from './zip-names.ts';

/** A file in a zip archive, as its directory says. */
export interface ZipMember {
  /** Relative, `/`-separated, checked. */
  readonly path: string;
  readonly method: 'stored' | 'deflated';
  /** The general purpose flags. */
  readonly flags: number;
  readonly crc: number;
  readonly compressedSize: number;
  readonly size: number;
  /** Where its local header begins. */
  readonly offset: number;
  /** True if it is a regular file that somebody may execute. */
  readonly executable: boolean;
}

const SIGNATURE = 0x02014b50;
const HEADER = 46;
const LOCAL_HEADER = 30;
/** A deflate stream cannot grow more than this when it is read. */
const MAX_RATIO = 1032;
const MAX_TOTAL = 16 * 1024 ** 3;

/** Flags of members that cannot be read: encrypted (0, 6, 13), patches (5). */
const UNREADABLE = 0x1 | 0x20 | 0x40 | 0x2000;

/** Types of files in Unix modes. */
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;

/**
 * Reads the directory of a wheel and refuses what no builder of wheels makes and what readers may understand differently: paths that
 * lead out of it or that are there twice (letter case aside), links and devices, encryption, unknown compression, members
 * that overlap, sizes that deflate cannot reach, more than 16 GiB.
 *
 * @throws LayerwrightError `WHEEL_INVALID` (1)
 */
export async function readMembers(
  read: ReadAt,
  place: DirectoryPlace,
  refuse: RefuseWheel,
): Promise<readonly ZipMember[]> {
  const directory = Buffer.from(await read(place.offset, place.bytes));
  const members: ZipMember[] = [];
  const directories: string[] = [];
  let at = 0;
  for (let index = 0; index < place.count; index++) {
    if (at + HEADER > directory.length || directory.readUInt32LE(at) !== SIGNATURE)
      throw refuse('its directory is damaged');
    const { record, next } = recordAt(directory, at, refuse);
    const member = memberOf(record, refuse);
    if (member === undefined) directories.push(record.name.slice(0, -1));
    else members.push(member);
    at = next;
  }
  if (at !== directory.length) throw refuse('its directory holds more than its end says');
  checkPaths(
    members.map(({ path }) => path),
    directories,
    refuse,
  );
  checkPlaces(members, place.offset, refuse);
  return members;
}

type CentralRecord = ReturnType<typeof recordAt>['record'];

function recordAt(directory: Buffer, at: number, refuse: RefuseWheel) {
  const nameBytes = directory.readUInt16LE(at + 28);
  const extraBytes = directory.readUInt16LE(at + 30);
  const next = at + HEADER + nameBytes + extraBytes + directory.readUInt16LE(at + 32);
  if (next > directory.length) throw refuse('its directory is damaged');
  const flags = directory.readUInt16LE(at + 8);
  const extra = extraFields(directory, at + HEADER + nameBytes, extraBytes, refuse);
  const name = decodeName(directory.subarray(at + HEADER, at + HEADER + nameBytes), flags, extra, refuse);
  const large = largeNumbers(extra.get(1), refuse, name);
  const record = {
    name,
    flags,
    method: directory.readUInt16LE(at + 10),
    crc: directory.readUInt32LE(at + 16),
    size: large(directory.readUInt32LE(at + 24)),
    compressedSize: large(directory.readUInt32LE(at + 20)),
    offset: large(directory.readUInt32LE(at + 42)),
    disk: directory.readUInt16LE(at + 34),
    mode: directory.readUInt32LE(at + 38) >>> 16,
  };
  return { record, next };
}

/** The extra fields of a header by their id; the first of equal ones counts, as two of them are refused elsewhere. */
export function extraFields(
  buffer: Buffer,
  start: number,
  bytes: number,
  refuse: RefuseWheel,
): ReadonlyMap<number, Buffer> {
  const fields = new Map<number, Buffer>();
  const end = start + bytes;
  // Fewer than four bytes at the end are padding.
  for (let at = start; at + 4 <= end; ) {
    const id = buffer.readUInt16LE(at);
    const next = at + 4 + buffer.readUInt16LE(at + 2);
    if (next > end) throw refuse('an extra field in it is damaged');
    if (fields.has(id) && (id === 1 || id === 0x7075)) throw refuse('an extra field in it is there twice');
    fields.set(id, buffer.subarray(at + 4, next));
    at = next;
  }
  return fields;
}

/** Takes what does not fit into a header's fields from its zip64 field, in the order of the calls. */
export function largeNumbers(
  field: Buffer | undefined,
  refuse: RefuseWheel,
  name: string,
): (plain: number) => number {
  let at = 0;
  return (plain) => {
    if (plain !== 0xffffffff) return plain;
    if (field === undefined || at + 8 > field.length) throw refuse('its zip64 field is missing', name);
    at += 8;
    return numberAt(field, at - 8, refuse);
  };
}

/** Undefined for a directory. */
function memberOf(record: CentralRecord, refuse: RefuseWheel): ZipMember | undefined {
  const { name, flags, crc, compressedSize, size, offset, mode } = record;
  if (record.disk !== 0) throw refuse('it is on another part of a divided archive', name);
  if (flags & UNREADABLE) throw refuse('it is encrypted', name);
  if (record.method !== 0 && record.method !== 8)
    throw refuse(`its compression (method ${record.method}) is not one of wheels`, name);
  const method = record.method === 0 ? 'stored' : 'deflated';
  if (method === 'stored' ? size !== compressedSize : size > compressedSize * MAX_RATIO)
    throw refuse(`${size} bytes cannot come out of ${compressedSize}`, name);
  const type = mode & S_IFMT;
  if (type !== 0 && type !== S_IFREG && !(type === S_IFDIR && name.endsWith('/')))
    throw refuse('it is a link or a device, not a file', name);
  if (name.endsWith('/')) {
    if (size !== 0) throw refuse('it is a directory with content', name);
    return undefined;
  }
  // As pip: a mode without a type makes nothing executable.
  const executable = type === S_IFREG && (mode & 0o111) !== 0;
  return { path: name, method, flags, crc, compressedSize, size, offset, executable };
}

/** No two members share bytes, and all end before the directory. */
function checkPlaces(members: readonly ZipMember[], end: number, refuse: RefuseWheel): void {
  let total = 0;
  let free = 0;
  for (const { path, offset, compressedSize, size } of [...members].sort((a, b) => a.offset - b.offset)) {
    if (offset < free) throw refuse('it overlaps another member', path);
    free = offset + LOCAL_HEADER + Buffer.byteLength(path) + compressedSize;
    total += size;
  }
  if (free > end) throw refuse('its last member overlaps its directory');
  if (total > MAX_TOTAL) throw refuse(`it unpacks to more than ${MAX_TOTAL / 1024 ** 3} GiB`);
}
