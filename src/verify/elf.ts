import { createHash } from 'node:crypto';

interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags: bigint;
  readonly offset: number;
  readonly size: number;
  /** What the header says beside name and offset. */
  readonly rest: string;
}

const FILE_HEADER = 64;
const SECTION_HEADER = 64;
const PROGRAM_HEADER = 56;
const [NOTE, NOBITS, PROGBITS] = [7, 8, 1];
const LOADED = 2n;
const LOAD = 1;
/** Length of a name, of a build id by SHA-1, `NT_GNU_BUILD_ID`, the name (https://gabi.xinuos.com/elf/08-pheader.html#note-sections). */
const BUILD_ID_NOTE = Buffer.from('040000001400000003000000474e5500', 'hex');
const BUILD_ID = 20;

/**
 * SHA-256 of a library in ELF's form without what tells where it was compiled: the content of sections `.debug_*`, which is never
 * loaded, the build id, which is a hash of the whole, and the place of the section headers, which comes after. All else counts: whatever
 * is loaded, byte by byte, and symbols, and names, sizes and content of all other sections.
 *
 * @returns undefined for anything but such a library of 64 bits, little-endian, with such sections, that is read to the last byte
 */
export function withoutDebugInformation(bytes: Buffer): string | undefined {
  try {
    return digestOf(bytes);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function digestOf(bytes: Buffer): string | undefined {
  if (bytes.length < FILE_HEADER || bytes.readUInt32BE(0) !== 0x7f454c46) return undefined;
  if (bytes[4] !== 2 || bytes[5] !== 1) return undefined;
  if (bytes.readUInt16LE(0x36) !== PROGRAM_HEADER || bytes.readUInt16LE(0x3a) !== SECTION_HEADER)
    return undefined;
  const sections = sectionsOf(bytes);
  if (!sections.some(isDebug)) return undefined;
  const masked = Buffer.from(bytes);
  masked.fill(0, 0x28, 0x30);
  for (const section of sections) if (isBuildId(section, bytes)) blank(masked, section);
  const segments = segmentsOf(bytes);
  const headers: readonly Range[] = [
    [0, FILE_HEADER],
    [Number(bytes.readBigUInt64LE(0x20)), bytes.readUInt16LE(0x38) * PROGRAM_HEADER],
  ];
  const kept = sections.filter((section) => !isDebug(section) && section.type !== NOBITS);
  const table: Range = [Number(bytes.readBigUInt64LE(0x28)), sections.length * SECTION_HEADER];
  const inside = sections.filter(({ type }) => type !== NOBITS).map(rangeOf);
  if (!isAllZero(bytes, [...headers, ...segments, ...inside, table])) return undefined;
  const hash = createHash('sha256');
  for (const section of sections) hash.update(headerText(section));
  for (const range of [...headers, ...segments, ...kept.map(rangeOf)]) hash.update(partOf(masked, range));
  return hash.digest('hex');
}

/** First byte, and how many. */
type Range = readonly [offset: number, size: number];

/** What of a section's header counts: its place does not, nor how much debug information there is. */
function headerText(section: Section): string {
  const { name, type, flags, size, rest } = section;
  return JSON.stringify([name, type, String(flags), rest, isDebug(section) ? null : size]);
}

function rangeOf({ offset, size }: Section): Range {
  return [offset, size];
}

/** @throws RangeError for what is not in the file */
function partOf(bytes: Buffer, [offset, size]: Range): Buffer {
  if (offset + size > bytes.length) throw new RangeError('beyond the end of the file');
  return bytes.subarray(offset, offset + size);
}

function sectionsOf(bytes: Buffer): readonly Section[] {
  const count = bytes.readUInt16LE(0x3c);
  const table = partOf(bytes, [Number(bytes.readBigUInt64LE(0x28)), count * SECTION_HEADER]);
  const headers = Array.from({ length: count }, (_, index) =>
    table.subarray(index * SECTION_HEADER, (index + 1) * SECTION_HEADER),
  );
  const strings = headers[bytes.readUInt16LE(0x3e)];
  if (strings === undefined) return [];
  const names = partOf(bytes, placeIn(strings));
  return headers.map((header) => {
    const start = header.readUInt32LE(0);
    const [offset, size] = placeIn(header);
    return {
      name: names.toString('latin1', start, names.indexOf(0, start)),
      type: header.readUInt32LE(4),
      flags: header.readBigUInt64LE(8),
      ...{ offset, size },
      rest: header.toString('hex', 0x10, 0x18) + header.toString('hex', 0x28),
    };
  });
}

function placeIn(header: Buffer): Range {
  return [Number(header.readBigUInt64LE(0x18)), Number(header.readBigUInt64LE(0x20))];
}

/** What of the file is mapped when it is loaded. */
function segmentsOf(bytes: Buffer): readonly Range[] {
  const table = partOf(bytes, [
    Number(bytes.readBigUInt64LE(0x20)),
    bytes.readUInt16LE(0x38) * PROGRAM_HEADER,
  ]);
  const segments: Range[] = [];
  for (let start = 0; start < table.length; start += PROGRAM_HEADER)
    if (table.readUInt32LE(start) === LOAD)
      segments.push([
        Number(table.readBigUInt64LE(start + 0x08)),
        Number(table.readBigUInt64LE(start + 0x20)),
      ]);
  return segments;
}

function isDebug({ name, type, flags }: Section): boolean {
  return name.startsWith('.debug_') && type === PROGBITS && (flags & LOADED) === 0n;
}

function isBuildId(section: Section, bytes: Buffer): boolean {
  const { name, type, size } = section;
  if (name !== '.note.gnu.build-id' || type !== NOTE || size !== BUILD_ID_NOTE.length + BUILD_ID)
    return false;
  return partOf(bytes, rangeOf(section)).subarray(0, BUILD_ID_NOTE.length).equals(BUILD_ID_NOTE);
}

function blank(masked: Buffer, { offset, size }: Section): void {
  masked.fill(0, offset + BUILD_ID_NOTE.length, offset + size);
}

/** Whether there is nothing but zeros outside of the ranges: between sections there is room, behind them something may be hidden. */
function isAllZero(bytes: Buffer, ranges: readonly Range[]): boolean {
  let end = 0;
  for (const [offset, size] of [...ranges].sort(([a], [b]) => a - b)) {
    if (bytes.subarray(end, offset).some((byte) => byte !== 0)) return false;
    end = Math.max(end, offset + size);
  }
  return bytes.subarray(end).every((byte) => byte === 0);
}
