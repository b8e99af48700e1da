import { inflateRawSync } from 'node:zlib';
import type { Host } from '../host/host.ts';
import { type CoreMetadata, parseCoreMetadata } from '../python/core-metadata.ts';
import type { LockedWheel } from '../python/lock.ts';
import type { IndexCredential } from './index-url.ts';
import { requestBytes } from './request.ts';

/**
 * What a wheel's METADATA says, without fetching the wheel: the file beside it (PEP 658), else by ranges of the archive.
 *
 * @returns undefined if neither is served or it is not understood
 */
export async function remoteMetadata(
  host: Host,
  wheel: LockedWheel,
  credentials: readonly IndexCredential[],
): Promise<CoreMetadata | undefined> {
  // Tried whatever the index declares: some serve it without saying so.
  const address = new URL(wheel.url);
  address.pathname += '.metadata';
  const beside = await requestBytes(host, { url: address.href, credentials });
  if (beside.status === 200) return parseCoreMetadata(beside.bytes.toString('utf8'));
  const text = await metadataByRanges(host, wheel.url, credentials);
  return text === undefined ? undefined : parseCoreMetadata(text);
}

const TAIL_BYTES = 64 * 1024;
/** A central directory or METADATA beyond this is left to the full resolution. */
const LONGEST = 8 * 1024 * 1024;

async function metadataByRanges(
  host: Host,
  url: string,
  credentials: readonly IndexCredential[],
): Promise<string | undefined> {
  const range = async (value: string) => {
    const answer = await requestBytes(host, { url, credentials, headers: { range: `bytes=${value}` } });
    const [, start, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(answer.headers.get('content-range') ?? '') ?? [];
    if (answer.status !== 206 || start === undefined) return undefined;
    return { bytes: answer.bytes, start: Number(start), total: Number(total) };
  };
  const tail = await range(`-${TAIL_BYTES}`);
  const end = tail && endOfCentralDirectory(tail.bytes);
  if (tail === undefined || end === undefined || end.size > LONGEST) return undefined;
  const inTail = end.offset - tail.start;
  const directory =
    inTail >= 0
      ? tail.bytes.subarray(inTail, inTail + end.size)
      : (await range(`${end.offset}-${end.offset + end.size - 1}`))?.bytes;
  const entry = directory && metadataEntry(directory);
  if (entry === undefined || entry.packed > LONGEST || entry.size > LONGEST) return undefined;
  // The local header repeats the name; what else it holds has at most 64 KiB.
  const last = Math.min(tail.total, entry.offset + 30 + entry.nameLength + 1024 + entry.packed) - 1;
  const local = await range(`${entry.offset}-${last}`);
  return local && unpack(local.bytes, entry);
}

interface ZipEntry {
  readonly offset: number;
  readonly packed: number;
  readonly size: number;
  readonly method: number;
  readonly nameLength: number;
}

function endOfCentralDirectory(tail: Buffer): { offset: number; size: number } | undefined {
  const at = tail.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  if (at === -1 || at + 22 > tail.length) return undefined;
  const [size, offset] = [tail.readUInt32LE(at + 12), tail.readUInt32LE(at + 16)];
  // ZIP64 has its numbers elsewhere.
  return offset === 0xffffffff || size === 0xffffffff ? undefined : { offset, size };
}

function metadataEntry(directory: Buffer): ZipEntry | undefined {
  const found: ZipEntry[] = [];
  for (let at = 0; at + 46 <= directory.length && directory.readUInt32LE(at) === 0x02014b50; ) {
    const nameLength = directory.readUInt16LE(at + 28);
    const name = directory.toString('utf8', at + 46, at + 46 + nameLength);
    if (/^[^/]+\.dist-info\/METADATA$/.test(name))
      found.push({
        offset: directory.readUInt32LE(at + 42),
        packed: directory.readUInt32LE(at + 20),
        size: directory.readUInt32LE(at + 24),
        method: directory.readUInt16LE(at + 10),
        nameLength,
      });
    at += 46 + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return found.length === 1 ? found[0] : undefined;
}

function unpack(local: Buffer, entry: ZipEntry): string | undefined {
  if (local.length < 30 || local.readUInt32LE(0) !== 0x04034b50) return undefined;
  const start = 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
  const data = local.subarray(start, start + entry.packed);
  if (data.length !== entry.packed) return undefined;
  if (entry.method === 0) return data.toString('utf8');
  if (entry.method !== 8) return undefined;
  try {
    return inflateRawSync(data, { maxOutputLength: LONGEST }).toString('utf8');
  } catch {
    // A broken archive: the full resolution says so.
    return undefined;
  }
}
