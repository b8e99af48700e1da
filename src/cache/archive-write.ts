import { constants, lstat, open, readdir, readlink } from 'node:fs/promises';
import { EXIT, knownError, LayerwrightError } from '../errors.ts';
import { type ArchiveEntry, BLOCK, encodeHeader, paddingAfter } from './archive-header.ts';
import { inOrder } from './archive-order.ts';

/** What went into an archive; complete when the archive is. */
export interface ArchiveTally {
  /** Files and symbolic links. */
  files: number;
  /** Sockets, devices and pipes, which are left out. */
  skipped: number;
}

/** Bytes a chunk of the archive has; zstd and the hash work best on large ones. */
const CHUNK = 256 * 1024;

/** Files up to this size are read whole, several at a time: opening them takes longer than reading them. */
const SMALL = 64 * 1024;
const AHEAD = 24;

/** How names begin that a restore uses while it works; what a killed one left is no content. */
export const STAGING_PREFIX = '.layerwright-restore-';

/**
 * The tree below a directory as a tar archive, in chunks. The same tree, times of last change included, gives the same bytes:
 * entries are in the order of their names' bytes. The directory itself is there with its mode but without a time: what
 * somebody made and deleted in it is not content. A chunk is valid until the one after the next is asked for.
 *
 * @param directory absolute path
 * @throws LayerwrightError `DIRECTORY_CHANGED` (75) if something vanished or shrank meanwhile, `FILE_UNUSABLE` (2)
 */
export async function* archiveOf(
  directory: string,
  tally: ArchiveTally = { files: 0, skipped: 0 },
): AsyncGenerator<Buffer> {
  yield* inChunks(piecesOf(Buffer.from(directory).toString('latin1'), tally));
}

async function* piecesOf(root: string, tally: ArchiveTally): AsyncGenerator<Buffer> {
  try {
    for await (const found of inOrder(walk(root, ''), AHEAD, (path) => look(root, path))) {
      if (found === undefined) {
        tally.skipped++;
        continue;
      }
      const { entry, content } = found;
      yield encodeHeader(entry);
      if (entry.type !== 'directory') tally.files++;
      if (entry.type !== 'file') continue;
      if (content) yield content;
      else yield* contentOf(bytes(`${root}/${entry.path}`), entry.size);
      yield Buffer.alloc(paddingAfter(entry.size));
    }
    yield Buffer.alloc(2 * BLOCK);
  } catch (error) {
    throw changedOr(error);
  }
}

/** The paths below a directory, each directory before what is in it, sorted by bytes. */
async function* walk(root: string, path: string): AsyncGenerator<string> {
  yield path;
  const found = await readdir(bytes(`${root}/${path}`), { encoding: 'buffer', withFileTypes: true });
  const entries = found
    .map((one) => ({ name: one.name.toString('latin1'), isDirectory: one.isDirectory() }))
    .filter(({ name }) => !name.startsWith(STAGING_PREFIX))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { name, isDirectory } of entries) {
    const below = path === '' ? name : `${path}/${name}`;
    if (isDirectory) yield* walk(root, below);
    else yield below;
  }
}

/** An entry, with its content if that is small; undefined for what an archive does not hold. */
async function look(
  root: string,
  path: string,
): Promise<{ readonly entry: ArchiveEntry; readonly content?: Buffer } | undefined> {
  const place = bytes(`${root}/${path}`);
  const status = await lstat(place, { bigint: true });
  const type = status.isFile()
    ? 'file'
    : status.isDirectory()
      ? 'directory'
      : status.isSymbolicLink()
        ? 'symlink'
        : undefined;
  if (type === undefined) return undefined;
  const size = type === 'file' ? Number(status.size) : 0;
  const entry: ArchiveEntry = {
    path,
    type,
    mode: Number(status.mode) & 0o7777,
    uid: Number(status.uid),
    gid: Number(status.gid),
    mtimeUs: path === '' ? 0 : floorToMicroseconds(status.mtimeNs),
    size,
    link: type === 'symlink' ? (await readlink(place, { encoding: 'buffer' })).toString('latin1') : '',
  };
  if (type !== 'file' || size > SMALL) return { entry };
  const content = Buffer.allocUnsafe(size);
  let filled = 0;
  for await (const chunk of contentOf(place, size)) filled += chunk.copy(content, filled);
  return { entry, content };
}

/** Exactly `size` bytes of a file, in a buffer that is used again: a chunk is valid until the next one is asked for. */
async function* contentOf(place: Buffer, size: number): AsyncGenerator<Buffer> {
  if (size === 0) return;
  const handle = await open(place, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const buffer = Buffer.allocUnsafe(Math.min(size, CHUNK));
    for (let left = size; left > 0; ) {
      const { bytesRead } = await handle.read(buffer, 0, Math.min(left, buffer.length));
      if (bytesRead === 0) throw changed(`${place} became shorter`);
      left -= bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

/**
 * The same bytes in chunks of one size. Two buffers take turns: made anew, gigabytes of them would wait for the garbage
 * collector, which sees only how small their handles are.
 */
async function* inChunks(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let chunk = Buffer.allocUnsafe(CHUNK);
  let other = Buffer.allocUnsafe(CHUNK);
  let filled = 0;
  for await (const piece of pieces)
    for (let at = 0; at < piece.length; ) {
      const copied = piece.copy(chunk, filled, at);
      at += copied;
      filled += copied;
      if (filled < CHUNK) continue;
      yield chunk;
      [chunk, other] = [other, chunk];
      filled = 0;
    }
  if (filled > 0) yield chunk.subarray(0, filled);
}

/** An error for a directory that somebody else changes while it is read. */
export function changed(what: string, cause?: unknown): LayerwrightError {
  return new LayerwrightError(`the directory changed while it was being saved: ${what}`, {
    code: 'DIRECTORY_CHANGED',
    exit: EXIT.temporary,
    hint: 'Save it when the programs that write to it have ended.',
    cause,
  });
}

function changedOr(error: unknown): unknown {
  const { code = '', path } = error as NodeJS.ErrnoException;
  return ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(code)
    ? changed(`${path} is gone`, error)
    : knownError(error);
}

function bytes(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}

function floorToMicroseconds(nanoseconds: bigint): number {
  const rest = ((nanoseconds % 1000n) + 1000n) % 1000n;
  return Number((nanoseconds - rest) / 1000n);
}
