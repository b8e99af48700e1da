import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { knownError } from '../errors.ts';

/** A piece that was put aside. */
export interface Spilled {
  readonly size: number;
  readonly read: () => Promise<Buffer>;
}

/** Keeps pieces for later: in memory first, then in a file, so that memory stays bounded. */
export interface Spill {
  /** Takes a copy. */
  readonly add: (piece: Uint8Array) => Promise<Spilled>;
  /** Removes the file. */
  readonly close: () => Promise<void>;
}

const IN_MEMORY = 4 * 1024 * 1024;

/** @param directory where the file is made, if one is needed */
export function spillIn(directory: string): Spill {
  const file = join(directory, `${randomBytes(12).toString('hex')}.spill`);
  let kept = 0;
  let position = 0;
  let handle: FileHandle | undefined;
  const writeOut = async (piece: Uint8Array): Promise<Spilled> => {
    handle ??= await open(file, 'wx+').catch((error: unknown) => {
      throw knownError(error);
    });
    const opened = handle;
    const start = position;
    position += piece.length;
    await writeAll(opened, piece, start, file);
    return { size: piece.length, read: () => readAll(opened, start, piece.length) };
  };
  return {
    add: async (piece) => {
      if (kept + piece.length > IN_MEMORY) return writeOut(piece);
      kept += piece.length;
      const copy = Buffer.from(piece);
      return { size: copy.length, read: async () => copy };
    },
    close: async () => {
      if (handle === undefined) return;
      await handle.close();
      await rm(file, { force: true });
    },
  };
}

async function writeAll(handle: FileHandle, piece: Uint8Array, start: number, path: string): Promise<void> {
  try {
    for (let at = 0; at < piece.length; )
      at += (await handle.write(piece, at, piece.length - at, start + at)).bytesWritten;
  } catch (error) {
    // Writing to a handle gives errors without a path.
    throw knownError(Object.assign(error as Error, { path }));
  }
}

async function readAll(handle: FileHandle, start: number, length: number): Promise<Buffer> {
  const piece = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; ) {
    const { bytesRead } = await handle.read(piece, at, length - at, start + at);
    if (bytesRead === 0) throw new Error('a temporary file became shorter');
    at += bytesRead;
  }
  return piece;
}
