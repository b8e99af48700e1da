import { crc32, createInflateRaw, inflateRawSync } from 'node:zlib';
import type { RefuseWheel } from '../python/wheel-error.ts';
import type { ReadAt, ZipFile } from './zip-file.ts';
import { extraFields, largeNumbers, type ZipMember } from './zip-members.ts';

const SIGNATURE = 0x04034b50;
const HEADER = 30;
/** Sizes and checksum stand behind the content. */
const STREAMED = 0x8;
/** Members up to this many bytes are read whole. */
export const SMALL = 512 * 1024;
const CHUNK = 128 * 1024;
/** What is inflated at a time: a thousandfold of it must fit into memory. */
const PIECE = 32 * 1024;

/**
 * Checks that every member's local header says what the directory says, and that no two members share bytes.
 *
 * @throws LayerwrightError `WHEEL_INVALID` (1)
 */
export async function checkLocalHeaders({ members, read, refuse }: ZipFile): Promise<void> {
  let free = 0;
  for (const member of [...members].sort((a, b) => a.offset - b.offset)) {
    if (member.offset < free) throw refuse('it overlaps another member', member.path);
    free = (await contentStart(read, member, refuse)) + member.compressedSize;
  }
}

/** Where a member's content begins. */
async function contentStart(read: ReadAt, member: ZipMember, refuse: RefuseWheel): Promise<number> {
  const { path, offset } = member;
  const name = Buffer.from(path);
  const fixed = await read(offset, HEADER + name.length);
  const extraBytes = fixed.readUInt16LE(28);
  const header = await read(offset, HEADER + name.length + extraBytes);
  const disagree = () => refuse('its two headers disagree', path);
  if (header.readUInt32LE(0) !== SIGNATURE) throw disagree();
  if (header.readUInt16LE(26) !== name.length || !header.subarray(HEADER, HEADER + name.length).equals(name))
    throw disagree();
  if (header.readUInt16LE(6) !== member.flags) throw disagree();
  if (header.readUInt16LE(8) !== (member.method === 'stored' ? 0 : 8)) throw disagree();
  const extra = extraFields(header, HEADER + name.length, extraBytes, refuse);
  const large = largeNumbers(extra.get(1), refuse, path);
  const said = [header.readUInt32LE(14), large(header.readUInt32LE(22)), large(header.readUInt32LE(18))];
  const real = [member.crc, member.size, member.compressedSize];
  const later = member.flags & STREAMED;
  if (said.some((value, index) => value !== real[index] && !(later && value === 0))) throw disagree();
  return offset + header.length;
}

/**
 * A small member's content, checked against its size and checksum.
 *
 * @throws LayerwrightError `WHEEL_INVALID` (1)
 */
export async function readMember(zip: ZipFile, member: ZipMember): Promise<Buffer> {
  const start = await contentStart(zip.read, member, zip.refuse);
  const packed = await zip.read(start, member.compressedSize);
  const content = member.method === 'stored' ? Buffer.from(packed) : inflated(packed, member, zip.refuse);
  checkEnd(member, content.length, crc32(content), zip.refuse);
  return content;
}

function inflated(packed: Buffer, { path, size }: ZipMember, refuse: RefuseWheel): Buffer {
  try {
    // Room for all of it at once, and for one byte too many.
    const limit = Math.max(size + 1, 64);
    return inflateRawSync(packed, { maxOutputLength: limit, chunkSize: limit });
  } catch (error) {
    if (/^ERR_BUFFER_TOO_LARGE$/.test((error as NodeJS.ErrnoException).code ?? ''))
      throw tooLong(path, refuse);
    throw refuse(`it cannot be decompressed (${(error as Error).message})`, path);
  }
}

function tooLong(path: string, refuse: RefuseWheel) {
  return refuse('it is larger than its header says', path);
}

function checkEnd({ path, size, crc }: ZipMember, length: number, sum: number, refuse: RefuseWheel): void {
  if (length > size) throw tooLong(path, refuse);
  if (length < size) throw refuse('it is smaller than its header says', path);
  if (sum !== crc) throw refuse('its checksum does not match', path);
}

/** A member's content: whole if it is small, else in chunks that are each valid until the next one is asked for. */
export async function memberContent(
  zip: ZipFile,
  member: ZipMember,
): Promise<Buffer | AsyncIterable<Uint8Array>> {
  return member.size <= SMALL && member.compressedSize <= SMALL
    ? readMember(zip, member)
    : chunksOf(zip, member);
}

/**
 * A member's content in chunks, checked against its size and checksum.
 *
 * @throws LayerwrightError `WHEEL_INVALID` (1)
 */
export async function* chunksOf(zip: ZipFile, member: ZipMember): AsyncGenerator<Buffer> {
  let length = 0;
  let sum = 0;
  for await (const chunk of member.method === 'stored'
    ? packedChunks(zip, member, CHUNK)
    : inflating(zip, member)) {
    length += chunk.length;
    if (length > member.size) throw tooLong(member.path, zip.refuse);
    sum = crc32(chunk, sum);
    yield chunk;
  }
  checkEnd(member, length, sum, zip.refuse);
}

async function* packedChunks(
  { read, refuse }: ZipFile,
  member: ZipMember,
  bytes: number,
): AsyncGenerator<Buffer> {
  const start = await contentStart(read, member, refuse);
  for (let at = 0; at < member.compressedSize; at += bytes)
    yield await read(start + at, Math.min(bytes, member.compressedSize - at));
}

/** Inflated on another thread, a piece at a time: nothing is read from the archive while a chunk is out. */
async function* inflating(zip: ZipFile, member: ZipMember): AsyncGenerator<Buffer> {
  const inflate = createInflateRaw({ chunkSize: CHUNK });
  const output: Buffer[] = [];
  let failure: Error | undefined;
  let fail = (error: Error): void => {
    failure = error;
  };
  inflate.on('data', (chunk: Buffer) => output.push(chunk)).on('error', (error) => fail(error));
  const step = (act: (done: () => void) => void) =>
    new Promise<void>((resolve, reject) => {
      fail = reject;
      if (failure !== undefined) reject(failure);
      else act(resolve);
    });
  try {
    for await (const chunk of packedChunks(zip, member, PIECE)) {
      await step((done) => inflate.write(chunk, () => done()));
      yield* output.splice(0);
    }
    await step((done) => inflate.once('end', done).end());
    yield* output;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw /^(?:Z_|ERR_STREAM|ERR_ZLIB)/.test(code)
      ? zip.refuse(`it cannot be decompressed (${(error as Error).message})`, member.path)
      : error;
  } finally {
    inflate.destroy();
  }
}
