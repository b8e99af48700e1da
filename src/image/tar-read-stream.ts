import { layerUnreadable } from './layer-unreadable.ts';
import type { PathEntry } from './path-entry.ts';
import {
  decodeTarHeader,
  decodeTarRecords,
  numberAt,
  TAR_BLOCK,
  type TarHeader,
  type TarRecords,
  tarEntry,
} from './tar-read.ts';

/** An entry with all that an archive says of it; whiteouts come as the files they are. */
export interface StreamedEntry extends PathEntry {
  /** Seconds since 1970, without the fraction. */
  readonly mtime: number;
  /** Extended attributes by name; a value has one character a byte. */
  readonly xattrs: Readonly<Record<string, string>>;
  /** `MAJOR:MINOR` of a device, else `''`. */
  readonly device: string;
}

/** An entry, and its content: empty unless it is a file. What is not read of it is passed over. */
export interface TarPart {
  readonly entry: StreamedEntry;
  readonly content: AsyncIterable<Uint8Array>;
}

/** Extended attributes are at most 64 KiB each; names are short. */
const MAX_EXTENDED = 4 * 1024 * 1024;

/**
 * The entries of a layer's archive with their content, streamed, in order.
 *
 * @throws LayerwrightError `LAYER_UNREADABLE` (1), and what `source` throws
 */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarPart> {
  const reader = byteReader(source);
  let records: TarRecords = new Map();
  let global: TarRecords = new Map();
  try {
    for (;;) {
      const block = await reader.take(TAR_BLOCK, true);
      const header = block && decodeTarHeader(block);
      if (block === undefined || header === undefined) break;
      if ('xgLK'.includes(header.type)) {
        const more = await readExtended(reader, header);
        if (header.type === 'g') global = new Map([...global, ...more]);
        else records = new Map([...records, ...more]);
        continue;
      }
      const all: TarRecords = new Map([...global, ...records]);
      const { entry, bytes } = tarEntry(header, all);
      records = new Map();
      const left = { bytes };
      yield { entry: { ...entry, ...restOf(block, entry, all) }, content: reader.chunks(left) };
      for await (const _rest of reader.chunks(left));
      await reader.take(paddingAfter(bytes), false);
    }
    // The rest belongs to the archive too: whoever hashes it must see it.
    for await (const _rest of reader.chunks({ bytes: Number.POSITIVE_INFINITY }));
  } finally {
    await reader.close();
  }
}

function paddingAfter(bytes: number): number {
  return (TAR_BLOCK - (bytes % TAR_BLOCK)) % TAR_BLOCK;
}

async function readExtended(reader: ByteReader, { type, size }: TarHeader): Promise<TarRecords> {
  if (size > MAX_EXTENDED) throw layerUnreadable('an extended tar header is too long');
  const content = (await reader.take(size, false)) as Buffer;
  await reader.take(paddingAfter(size), false);
  if (type === 'x' || type === 'g') return decodeTarRecords(content);
  const end = content.indexOf(0);
  // A copy: the block's memory is used again.
  const name = Buffer.from(end < 0 ? content : content.subarray(0, end));
  return new Map([[type === 'L' ? 'path' : 'linkpath', name]]);
}

/** What a path index has no need of. */
function restOf(
  block: Buffer,
  { type }: PathEntry,
  records: TarRecords,
): Pick<StreamedEntry, 'mtime' | 'xattrs' | 'device'> {
  const isDevice = type === 'character' || type === 'block';
  return {
    mtime: mtimeOf(block, records),
    xattrs: xattrsIn(records),
    device: isDevice ? `${numberAt(block, 329, 8)}:${numberAt(block, 337, 8)}` : '',
  };
}

function mtimeOf(block: Buffer, records: TarRecords): number {
  const text = records.get('mtime')?.toString('latin1');
  if (text === undefined) return numberAt(block, 136, 12);
  const seconds = Math.floor(Number(text));
  if (text === '' || !Number.isSafeInteger(seconds))
    throw layerUnreadable('a time in an extended tar header is none');
  return seconds;
}

const XATTR = 'SCHILY.xattr.';

function xattrsIn(records: TarRecords): Readonly<Record<string, string>> {
  const found = [...records].filter(([key]) => key.startsWith(XATTR));
  return Object.fromEntries(found.map(([key, value]) => [key.slice(XATTR.length), value.toString('latin1')]));
}

interface ByteReader {
  /** Exactly so many bytes; undefined at the archive's end, where that is allowed. */
  readonly take: (size: number, mayEnd: boolean) => Promise<Buffer | undefined>;
  /** What is left of `left`, as it comes; counts it down. Infinity: all there is. */
  readonly chunks: (left: { bytes: number }) => AsyncGenerator<Buffer>;
  readonly close: () => Promise<void>;
}

function byteReader(source: AsyncIterable<Uint8Array>): ByteReader {
  const iterator = source[Symbol.asyncIterator]();
  let rest = Buffer.alloc(0) as Buffer;
  const next = async (): Promise<boolean> => {
    const { done, value } = await iterator.next();
    if (!done) rest = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return !done;
  };
  const cut = (size: number): Buffer => {
    const piece = rest.subarray(0, size);
    rest = rest.subarray(piece.length);
    return piece;
  };
  async function* chunks(left: { bytes: number }): AsyncGenerator<Buffer> {
    while (left.bytes > 0) {
      if (rest.length === 0 && !(await next())) {
        if (left.bytes === Number.POSITIVE_INFINITY) return;
        throw layerUnreadable('it ends too early');
      }
      const piece = cut(left.bytes);
      left.bytes -= piece.length;
      if (piece.length > 0) yield piece;
    }
  }
  return {
    chunks,
    async take(size, mayEnd) {
      if (size <= rest.length) return cut(size);
      const pieces: Buffer[] = [];
      let got = 0;
      while (got < size) {
        if (rest.length === 0 && !(await next())) {
          if (mayEnd && got === 0) return undefined;
          throw layerUnreadable('it ends too early');
        }
        const piece = cut(size - got);
        got += piece.length;
        pieces.push(piece);
      }
      return Buffer.concat(pieces);
    },
    async close() {
      await iterator.return?.();
    },
  };
}
