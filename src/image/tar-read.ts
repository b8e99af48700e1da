import { layerUnreadable } from './layer-unreadable.ts';
import type { PathEntry } from './path-entry.ts';
import { textOf } from './tar-text.ts';

/** Everything in a tar archive comes in blocks of this many bytes. */
export const TAR_BLOCK = 512;

/** A header block as it stands in the archive. */
export interface TarHeader {
  /** `0` or NUL file, `1` hard link, `2` symbolic link, `3` `4` devices, `5` directory, `6` fifo, `x` `g` PAX, `L` `K` GNU's long names. */
  readonly type: string;
  readonly name: Buffer;
  readonly link: Buffer;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes that follow, without the padding. */
  readonly size: number;
}

/** What the headers before an entry's own say of it: raw bytes by PAX's keywords. */
export type TarRecords = ReadonlyMap<string, Buffer>;

/**
 * Decodes a header of the forms v7, ustar, GNU and PAX; undefined for a block of zeros, with which an archive ends.
 *
 * @param bytes holds the block at `offset`
 * @throws LayerwrightError `LAYER_UNREADABLE` (1) if its checksum is wrong or a number is none
 */
export function decodeTarHeader(bytes: Buffer, offset = 0): TarHeader | undefined {
  const block = bytes.subarray(offset, offset + TAR_BLOCK);
  let unsigned = 8 * 0x20;
  let negative = 0;
  let any = 0;
  for (let at = 0; at < TAR_BLOCK; at++) {
    const byte = block[at] as number;
    any |= byte;
    if (at >= 148 && at < 156) continue;
    unsigned += byte;
    if (byte > 127) negative += 256;
  }
  if (any === 0) return undefined;
  const sum = numberAt(block, 148, 8);
  // Some old programs summed signed bytes.
  if (sum !== unsigned && sum !== unsigned - negative)
    throw layerUnreadable("a tar header's checksum does not match");
  const name = fieldAt(block, 0, 100);
  const posix = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = posix ? fieldAt(block, 345, 155) : Buffer.alloc(0);
  return {
    type: String.fromCharCode(block[156] as number),
    name: prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name]),
    link: fieldAt(block, 157, 100),
    mode: numberAt(block, 100, 8) & 0o7777,
    uid: numberAt(block, 108, 8),
    gid: numberAt(block, 116, 8),
    size: numberAt(block, 124, 12),
  };
}

function fieldAt(block: Buffer, offset: number, length: number): Buffer {
  const end = block.indexOf(0, offset);
  // A copy: the block's memory is used again.
  return Buffer.from(block.subarray(offset, end < 0 ? offset + length : Math.min(end, offset + length)));
}

/** Octal digits, or with the highest bit set GNU's base 256. */
export function numberAt(block: Buffer, offset: number, length: number): number {
  const first = block[offset] as number;
  if (first & 0x80) {
    let value = first & 0x7f;
    for (let at = offset + 1; at < offset + length; at++) value = value * 256 + (block[at] as number);
    if (first & 0x40 || !Number.isSafeInteger(value))
      throw layerUnreadable('a number in a tar header is out of range');
    return value;
  }
  const digits = block
    .toString('latin1', offset, offset + length)
    .replace(/\0[\s\S]*$/, '')
    .trim();
  if (!/^[0-7]*$/.test(digits)) throw layerUnreadable('a number in a tar header is none');
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}

/**
 * The records of a PAX header's content.
 *
 * @throws LayerwrightError `LAYER_UNREADABLE` (1) if they are damaged
 */
export function decodeTarRecords(content: Buffer): TarRecords {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < content.length && content[at] !== 0; ) {
    const space = content.indexOf(0x20, at);
    const digits = space < 0 ? '' : content.toString('latin1', at, space);
    const end = at + Number(digits);
    const equals = content.indexOf(0x3d, space);
    if (!/^[1-9]\d{0,9}$/.test(digits) || equals < 0 || equals >= end || content[end - 1] !== 0x0a)
      throw layerUnreadable('an extended tar header is damaged');
    records.set(
      content.toString('utf8', space + 1, equals),
      Buffer.from(content.subarray(equals + 1, end - 1)),
    );
    at = end;
  }
  return records;
}

const TYPES: Readonly<Record<string, PathEntry['type']>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};

/**
 * The entry that a header stands for.
 *
 * @param records of the PAX and GNU headers before it, the global ones among them
 * @returns the entry, and the bytes of content that follow; undefined for the root of an archive that has an odd name
 * @throws LayerwrightError `LAYER_UNREADABLE` (1) for sparse files, unknown types, and paths that lead upwards
 */
export function tarEntry(header: TarHeader, records: TarRecords): { entry: PathEntry; bytes: number } {
  const rawName = records.get('path') ?? header.name;
  const name = textOf(rawName);
  // An old file with a slash at its end is a directory.
  const old = (header.type === '0' || header.type === '\0') && name.endsWith('/');
  const type = old ? 'directory' : TYPES[header.type];
  if (type === undefined)
    throw layerUnreadable(`${JSON.stringify(name)} is of the unknown type ${JSON.stringify(header.type)}`);
  if ([...records.keys()].some((key) => key.startsWith('GNU.sparse.')))
    throw layerUnreadable(`${JSON.stringify(name)} is a sparse file`);
  const bytes = numberOf(records.get('size')) ?? header.size;
  const link = textOf(records.get('linkpath') ?? header.link);
  const entry: PathEntry = {
    path: checkedPath(name),
    type,
    mode: header.mode,
    uid: numberOf(records.get('uid')) ?? header.uid,
    gid: numberOf(records.get('gid')) ?? header.gid,
    size: type === 'file' ? bytes : 0,
    link: type === 'symlink' ? link : type === 'hardlink' ? checkedPath(link) : '',
  };
  // Links, devices and directories have no content, whatever their size says.
  return { entry, bytes: type === 'file' ? bytes : 0 };
}

function numberOf(text: Buffer | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text.toString('latin1'));
  if (text.length === 0 || !Number.isSafeInteger(value) || value < 0)
    throw layerUnreadable('a number in an extended tar header is none');
  return value;
}

/** As in {@link PathEntry}: no slash at the ends, no `.`; one that leads upwards is refused. */
function checkedPath(raw: string): string {
  const parts = raw.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..') || raw.includes('\0'))
    throw layerUnreadable(`the path ${JSON.stringify(raw.slice(0, 200))} leads upwards`);
  return parts.join('/');
}
