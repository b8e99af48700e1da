import { chmod, constants, lchown, lutimes, mkdir, open, symlink, utimes } from 'node:fs/promises';
import {
  type ArchiveEntry,
  archiveCorrupt,
  BLOCK,
  decodeBlock,
  decodePax,
  paddingAfter,
  toEntry,
} from './archive-header.ts';
import { type SideWork, sideWork } from './archive-order.ts';

/** What was unpacked. */
export interface Unpacked {
  /** Files and symbolic links. */
  readonly files: number;
  /** In the archive's order; their modes and times are not set yet: see `finishDirectories`. */
  readonly directories: readonly ArchiveEntry[];
}

/** Files up to this size are written beside the reading of the next ones. */
const SMALL = 128 * 1024;
const AT_ONCE = 24;

/** A PAX header holds a few short records. */
const MAX_PAX = 1024 * 1024;

/**
 * Unpacks a tar archive into an empty directory. Every entry must lie in a directory that the archive made: nothing is ever
 * written through a symbolic link.
 *
 * @param into absolute path of a directory that nobody else writes to
 * @param asOwner whether owner and group are set, by number: only root may
 * @throws LayerwrightError `CACHE_CORRUPT` (1) for anything that `archiveOf` does not write; what `source` and the file
 *   system throw. When it throws nothing writes any more.
 */
export async function unpackArchive(
  source: AsyncIterable<Buffer>,
  into: string,
  asOwner: boolean,
): Promise<Unpacked> {
  const side = sideWork(AT_ONCE);
  const reader = byteReader(source);
  try {
    const unpacked = await unpackEntries(reader, Buffer.from(into).toString('latin1'), {
      side,
      asOwner,
    });
    await side.done();
    return unpacked;
  } finally {
    await side.settled();
    await reader.close();
  }
}

interface UnpackOptions {
  readonly side: SideWork;
  readonly asOwner: boolean;
}

async function unpackEntries(
  reader: ByteReader,
  root: string,
  { side, asOwner }: UnpackOptions,
): Promise<Unpacked> {
  const directories = new Map<string, ArchiveEntry>();
  const others = new Set<string>();
  for await (const entry of entriesOf(reader)) {
    const { path, type } = entry;
    if (directories.has(path) || others.has(path))
      throw archiveCorrupt(`${JSON.stringify(path)} comes twice`);
    const slash = path.lastIndexOf('/');
    if (slash >= 0 && !directories.has(path.slice(0, slash)))
      throw archiveCorrupt(`${JSON.stringify(path)} is in no directory of the archive`);
    const place = bytes(`${root}/${path}`);
    if (type === 'directory') {
      // Not readable by others, and writable by us, until everything is in it.
      if (path !== '') await mkdir(place, 0o700);
      directories.set(path, entry);
      continue;
    }
    others.add(path);
    if (type === 'symlink') await side.add(() => writeLink(place, entry, asOwner));
    else if (entry.size <= SMALL) {
      const content = await reader.take(entry.size);
      await side.add(() => writeFile(place, entry, only(content), asOwner));
    } else await writeFile(place, entry, reader.chunks(entry.size), asOwner);
    await reader.take(paddingAfter(entry.size));
  }
  return { files: others.size, directories: [...directories.values()] };
}

/** Gives directories their modes, owners and times, the innermost first: what is written into one changes its time. */
export async function finishDirectories(
  root: string,
  directories: readonly ArchiveEntry[],
  asOwner: boolean,
): Promise<void> {
  const base = Buffer.from(root).toString('latin1');
  for (const { path, uid, gid, mode, mtimeUs } of directories.toReversed()) {
    const place = bytes(path === '' ? base : `${base}/${path}`);
    if (asOwner) await lchown(place, uid, gid).catch(unlessNotMapped);
    await chmod(place, mode);
    if (path !== '') await utimes(place, seconds(mtimeUs), seconds(mtimeUs));
  }
}

async function writeFile(
  place: Buffer,
  entry: ArchiveEntry,
  content: AsyncIterable<Buffer>,
  asOwner: boolean,
): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  const handle = await open(place, flags, 0o600);
  try {
    for await (const chunk of content) await handle.appendFile(chunk);
    if (asOwner) await handle.chown(entry.uid, entry.gid).catch(unlessNotMapped);
    await handle.chmod(entry.mode);
    await handle.utimes(seconds(entry.mtimeUs), seconds(entry.mtimeUs));
  } finally {
    await handle.close();
  }
}

async function writeLink(place: Buffer, entry: ArchiveEntry, asOwner: boolean): Promise<void> {
  await symlink(bytes(entry.link), place);
  if (asOwner) await lchown(place, entry.uid, entry.gid).catch(unlessNotMapped);
  await lutimes(place, seconds(entry.mtimeUs), seconds(entry.mtimeUs));
}

/** Root within a user namespace, as in a rootless container, cannot give files to users that are not in it: they stay its own. */
function unlessNotMapped(error: NodeJS.ErrnoException): void {
  if (!['EPERM', 'EINVAL'].includes(error.code ?? '')) throw error;
}

async function* only(content: Buffer): AsyncGenerator<Buffer> {
  if (content.length > 0) yield content;
}

/** Seconds for Node, which cuts what is below its microseconds off: half of one more keeps the number whole. */
function seconds(microseconds: number): number {
  return (microseconds + 0.5) / 1e6;
}

function bytes(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}

/** The entries of an archive. Before the next one is asked for, the content of this one must be read. */
async function* entriesOf(reader: ByteReader): AsyncGenerator<ArchiveEntry> {
  let pax: ReadonlyMap<string, string> = new Map();
  for (;;) {
    const header = decodeBlock(await reader.take(BLOCK));
    if (header === undefined) break;
    if (header.type === 'x') {
      if (header.size > MAX_PAX) throw archiveCorrupt('an extended header is too long');
      pax = decodePax(await reader.take(header.size));
      await reader.take(paddingAfter(header.size));
      continue;
    }
    yield toEntry(header, pax);
    pax = new Map();
  }
  for await (const chunk of reader.chunks(Number.POSITIVE_INFINITY))
    if (chunk.some((byte) => byte !== 0)) throw archiveCorrupt('something follows its end');
}

interface ByteReader {
  /** Exactly so many bytes. */
  readonly take: (size: number) => Promise<Buffer>;
  /** So many bytes as they come; with infinity all that are left. */
  readonly chunks: (size: number) => AsyncGenerator<Buffer>;
  /** Reads no more: the source can let go of what it holds. */
  readonly close: () => Promise<void>;
}

function byteReader(source: AsyncIterable<Buffer>): ByteReader {
  const iterator = source[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  const next = async (): Promise<boolean> => {
    const { done, value } = await iterator.next();
    if (!done) rest = value as Buffer;
    return !done;
  };
  const cut = (size: number): Buffer => {
    const piece = rest.subarray(0, size);
    rest = rest.subarray(piece.length);
    return piece;
  };
  async function* chunks(size: number): AsyncGenerator<Buffer> {
    for (let left = size; left > 0; ) {
      if (rest.length === 0 && !(await next())) {
        if (size === Number.POSITIVE_INFINITY) return;
        throw archiveCorrupt('it ends too early');
      }
      const piece = cut(left);
      left -= piece.length;
      if (piece.length > 0) yield piece;
    }
  }
  return {
    chunks,
    async close() {
      await iterator.return?.();
    },
    async take(size) {
      if (size <= rest.length) return cut(size);
      const pieces: Buffer[] = [];
      for await (const piece of chunks(size)) pieces.push(piece);
      return Buffer.concat(pieces);
    },
  };
}
