import type { RefuseWheel } from '../python/wheel-error.ts';
import type { ReadAt } from './zip-file.ts';

/** Where the directory of a zip archive is. */
export interface DirectoryPlace {
  readonly offset: number;
  readonly bytes: number;
  readonly count: number;
}

const END = { signature: 0x06054b50, bytes: 22 } as const;
const LOCATOR = { signature: 0x07064b50, bytes: 20 } as const;
const END_64 = { signature: 0x06064b50, bytes: 56 } as const;
const LONGEST_COMMENT = 0xffff;
/** Of directories: far above any wheel's, far below what would hurt. */
const MAX_DIRECTORY = 256 * 1024 * 1024;

/**
 * Finds the directory from the end of the archive. There must be exactly one way to read it: what Python's zipfile and others
 * might see differently is refused.
 *
 * @throws LayerwrightError `WHEEL_INVALID` (1)
 */
export async function findDirectory(
  read: ReadAt,
  size: number,
  refuse: RefuseWheel,
): Promise<DirectoryPlace> {
  const tailBytes = Math.min(size, END.bytes + LONGEST_COMMENT);
  const tail = Buffer.from(await read(size - tailBytes, tailBytes));
  const mark = Buffer.alloc(4);
  mark.writeUInt32LE(END.signature);
  const at = tail.lastIndexOf(mark);
  if (at < 0 || at + END.bytes > tail.length) throw refuse('it is no zip archive, or its end is missing');
  const record = tail.subarray(at);
  if (END.bytes + record.readUInt16LE(20) !== record.length)
    throw refuse('there is something behind its end');
  const place = {
    disks: record.readUInt32LE(4),
    here: record.readUInt16LE(8),
    count: record.readUInt16LE(10),
    bytes: record.readUInt32LE(12),
    offset: record.readUInt32LE(16),
  };
  const endAt = size - record.length;
  const large = await readLarge(read, endAt, refuse);
  const found = large ?? { ...place, end: endAt };
  if (large !== undefined) {
    const agree = (plain: number, real: number, full: number) => plain === full || plain === real;
    if (
      !agree(place.count, large.count, 0xffff) ||
      !agree(place.bytes, large.bytes, 0xffffffff) ||
      !agree(place.offset, large.offset, 0xffffffff)
    )
      throw refuse('its two end records disagree');
  }
  if (found.disks !== 0 || found.here !== found.count) throw refuse('it is a part of a divided archive');
  if (found.offset + found.bytes !== found.end) throw refuse('its directory is not where its end says');
  if (found.bytes > MAX_DIRECTORY) throw refuse('its directory is too large');
  return { offset: found.offset, bytes: found.bytes, count: found.count };
}

async function readLarge(read: ReadAt, endAt: number, refuse: RefuseWheel) {
  const at = endAt - LOCATOR.bytes - END_64.bytes;
  if (at < 0) return undefined;
  const records = await read(at, END_64.bytes + LOCATOR.bytes);
  const locator = records.subarray(END_64.bytes);
  if (locator.readUInt32LE(0) !== LOCATOR.signature) return undefined;
  if (
    records.readUInt32LE(0) !== END_64.signature ||
    records.readBigUInt64LE(4) !== BigInt(END_64.bytes - 12) ||
    locator.readUInt32LE(4) !== 0 ||
    locator.readBigUInt64LE(8) !== BigInt(at) ||
    locator.readUInt32LE(16) !== 1
  )
    throw refuse('its zip64 end record is damaged');
  return {
    disks: records.readUInt32LE(16) | records.readUInt32LE(20),
    here: numberAt(records, 24, refuse),
    count: numberAt(records, 32, refuse),
    bytes: numberAt(records, 40, refuse),
    offset: numberAt(records, 48, refuse),
    end: at,
  };
}

/** A 64-bit number that a program can count with. */
export function numberAt(buffer: Buffer, offset: number, refuse: RefuseWheel): number {
  const value = Number(buffer.readBigUInt64LE(offset));
  if (!Number.isSafeInteger(value)) throw refuse('a number in it is too large');
  return value;
}
