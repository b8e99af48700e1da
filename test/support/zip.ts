import { crc32, deflateRawSync } from 'node:zlib';

/** Fields of a zip header that a test can falsify. */
interface HeaderFields {
  readonly name?: string | Buffer;
  readonly flags?: number;
  readonly method?: number;
  readonly crc?: number;
  readonly size?: number;
  readonly compressedSize?: number;
  readonly offset?: number;
  readonly extra?: Buffer;
}

/** A member of a zip archive that a test makes; also one that no honest program would make. */
export interface ZipPart {
  readonly name: string;
  readonly content?: string | Uint8Array;
  /** Unix mode with its type; default a regular file 0644. */
  readonly mode?: number;
  readonly stored?: boolean;
  /** Sizes and checksum behind the content, as programs write that cannot seek. */
  readonly streamed?: boolean;
  /** Sizes in zip64 fields. */
  readonly zip64?: boolean;
  /** Replaces what stands in the directory. */
  readonly central?: HeaderFields;
  /** Replaces what stands before the content. */
  readonly local?: HeaderFields;
  /** Replaces the compressed bytes. */
  readonly packed?: Uint8Array;
}

interface EndFields {
  readonly zip64?: boolean;
  readonly count?: number;
  readonly offset?: number;
  readonly comment?: string;
}

/** The bytes of a zip archive. */
export function zipOf(parts: readonly ZipPart[], end: EndFields = {}): Buffer {
  const pieces: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const part of parts) {
    const facts = factsOf(part, offset);
    const local = localHeader(part, facts);
    const trailer = part.streamed ? dataDescriptor(facts) : Buffer.alloc(0);
    pieces.push(local, facts.packed, trailer);
    directory.push(centralHeader(part, facts));
    offset += local.length + facts.packed.length + trailer.length;
  }
  const central = Buffer.concat(directory);
  return Buffer.concat([...pieces, central, endOf(parts.length, central.length, offset, end)]);
}

function factsOf(part: ZipPart, offset: number) {
  const content = Buffer.from(part.content ?? '');
  const packed = Buffer.from(part.packed ?? (part.stored ? content : deflateRawSync(content)));
  return {
    ...{ name: part.name, packed, offset, crc: crc32(content), size: content.length },
    compressedSize: packed.length,
    method: part.stored ? 0 : 8,
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is ASCII
    flags: (part.streamed ? 8 : 0) | (/^[\x00-\x7f]*$/.test(part.name) ? 0 : 0x800),
  };
}

type Facts = ReturnType<typeof factsOf>;

function largeField(part: ZipPart, ...numbers: number[]): Buffer {
  if (!part.zip64) return Buffer.alloc(0);
  const field = Buffer.alloc(4 + 8 * numbers.length);
  field.writeUInt16LE(1, 0);
  field.writeUInt16LE(8 * numbers.length, 2);
  for (const [index, number] of numbers.entries()) field.writeBigUInt64LE(BigInt(number), 4 + 8 * index);
  return field;
}

function localHeader(part: ZipPart, facts: Facts): Buffer {
  const seen = part.streamed ? { ...facts, crc: 0, size: 0, compressedSize: 0 } : facts;
  const said = { ...seen, extra: largeField(part, seen.size, seen.compressedSize), ...part.local };
  const name = Buffer.from(said.name);
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(20, 4);
  header.writeUInt16LE(said.flags, 6);
  header.writeUInt16LE(said.method, 8);
  header.writeUInt32LE(said.crc, 14);
  header.writeUInt32LE(part.zip64 ? 0xffffffff : said.compressedSize, 18);
  header.writeUInt32LE(part.zip64 ? 0xffffffff : said.size, 22);
  header.writeUInt16LE(name.length, 26);
  header.writeUInt16LE(said.extra.length, 28);
  return Buffer.concat([header, name, said.extra]);
}

function centralHeader(part: ZipPart, facts: Facts): Buffer {
  const said = {
    ...{ ...facts, extra: largeField(part, facts.size, facts.compressedSize, facts.offset) },
    ...part.central,
  };
  const name = Buffer.from(said.name);
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE((3 << 8) | 20, 4);
  header.writeUInt16LE(20, 6);
  header.writeUInt16LE(said.flags, 8);
  header.writeUInt16LE(said.method, 10);
  header.writeUInt32LE(said.crc, 16);
  header.writeUInt32LE(part.zip64 ? 0xffffffff : said.compressedSize, 20);
  header.writeUInt32LE(part.zip64 ? 0xffffffff : said.size, 24);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt16LE(said.extra.length, 30);
  header.writeUInt32LE(((part.mode ?? 0o100644) << 16) >>> 0, 38);
  header.writeUInt32LE(part.zip64 ? 0xffffffff : said.offset, 42);
  return Buffer.concat([header, name, said.extra]);
}

function dataDescriptor({ crc, compressedSize, size }: Facts): Buffer {
  const record = Buffer.alloc(16);
  record.writeUInt32LE(0x08074b50, 0);
  record.writeUInt32LE(crc, 4);
  record.writeUInt32LE(compressedSize, 8);
  record.writeUInt32LE(size, 12);
  return record;
}

function endOf(count: number, bytes: number, offset: number, end: EndFields): Buffer {
  const comment = Buffer.from(end.comment ?? '');
  const record = Buffer.alloc(22);
  record.writeUInt32LE(0x06054b50, 0);
  record.writeUInt16LE(end.zip64 ? 0xffff : (end.count ?? count), 8);
  record.writeUInt16LE(end.zip64 ? 0xffff : (end.count ?? count), 10);
  record.writeUInt32LE(end.zip64 ? 0xffffffff : bytes, 12);
  record.writeUInt32LE(end.zip64 ? 0xffffffff : (end.offset ?? offset), 16);
  record.writeUInt16LE(comment.length, 20);
  return Buffer.concat([end.zip64 ? end64(count, bytes, offset) : Buffer.alloc(0), record, comment]);
}

function end64(count: number, bytes: number, offset: number): Buffer {
  const record = Buffer.alloc(56 + 20);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4);
  record.writeBigUInt64LE(BigInt(count), 24);
  record.writeBigUInt64LE(BigInt(count), 32);
  record.writeBigUInt64LE(BigInt(bytes), 40);
  record.writeBigUInt64LE(BigInt(offset), 48);
  record.writeUInt32LE(0x07064b50, 56);
  record.writeBigUInt64LE(BigInt(offset + bytes), 64);
  record.writeUInt32LE(1, 72);
  return record;
}
