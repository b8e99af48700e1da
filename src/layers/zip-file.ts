import { type FileHandle, open } from 'node:fs/promises';
import { knownError } from '../errors.ts';
import type { RefuseWheel } from '../python/wheel-error.ts';
import { findDirectory } from './zip-end.ts';
import { readMembers, type ZipMember } from './zip-members.ts';

/** Reads a piece of a file; valid until the next call. */
export type ReadAt = (offset: number, length: number) => Promise<Buffer>;

/** An open zip archive, whose directory has been read and checked. */
export interface ZipFile {
  /** In the order of the directory, directories left out. */
  readonly members: readonly ZipMember[];
  readonly read: ReadAt;
  readonly refuse: RefuseWheel;
  readonly close: () => Promise<void>;
}

/** Most members lie one behind the other and are small: one read serves many. */
const WINDOW = 128 * 1024;

/**
 * Opens a wheel as a zip archive (APPNOTE.TXT 6.3.10), with its zip64 form. Only its directory is read; memory does not depend
 * on the contents.
 *
 * @throws LayerwrightError `WHEEL_INVALID` (1) as told in {@link readMembers}, `FILE_UNUSABLE` (2)
 */
export async function openZip(file: string, refuse: RefuseWheel): Promise<ZipFile> {
  const handle = await open(file, 'r').catch((error: unknown) => {
    throw knownError(error);
  });
  try {
    const { size } = await handle.stat();
    const read = windowedReader(handle, size, refuse);
    const directory = await findDirectory(read, size, refuse);
    const members = await readMembers(read, directory, refuse);
    return { members, read, refuse, close: () => handle.close() };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function windowedReader(handle: FileHandle, size: number, refuse: RefuseWheel): ReadAt {
  let buffer = Buffer.alloc(0);
  let start = 0;
  let end = 0;
  return async (offset, length) => {
    if (offset < 0 || offset + length > size) throw refuse('it is not complete');
    if (offset < start || offset + length > end) {
      const wanted = Math.min(Math.max(length, WINDOW), size - offset);
      if (buffer.length < wanted) buffer = Buffer.allocUnsafeSlow(Math.max(wanted, Math.min(WINDOW, size)));
      start = offset;
      end = offset;
      while (end < offset + wanted) {
        const { bytesRead } = await handle.read(buffer, end - start, offset + wanted - end, end);
        if (bytesRead === 0) throw refuse('it became shorter while it was read');
        end += bytesRead;
      }
    }
    return buffer.subarray(offset - start, offset - start + length);
  };
}
