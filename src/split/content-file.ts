import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { knownError } from '../errors.ts';

/** A stretch of the file. */
export interface Stretch {
  readonly at: number;
  /** Bytes. */
  readonly size: number;
}

/** Contents of files one after the other, on disk: memory does not depend on how many there are, nor how large. */
export interface ContentFile {
  /** Where the next byte will be. */
  readonly end: () => number;
  /** Adds to the end; takes a copy. One call at a time. */
  readonly add: (piece: Uint8Array) => Promise<void>;
  /** To be called when all was added, and before anything is read. */
  readonly flush: () => Promise<void>;
  readonly read: (stretch: Stretch) => Promise<Buffer>;
  /** Pieces of a stretch; each is valid until the next one is asked for. */
  readonly chunks: (stretch: Stretch) => AsyncGenerator<Buffer>;
  /** Removes the file. */
  readonly close: () => Promise<void>;
}

const CHUNK = 512 * 1024;

/**
 * @param directory where the file is made
 * @throws LayerwrightError `DISK_FULL` (75), `FILE_UNUSABLE` (2), from any of the functions
 */
export async function contentFile(directory: string): Promise<ContentFile> {
  const path = join(directory, `${randomBytes(12).toString('hex')}.content`);
  // Writing to a handle gives errors without a path.
  const known = (error: unknown) => knownError(Object.assign(error as Error, { path }));
  const handle = await open(path, 'wx+').catch((error: unknown) => {
    throw known(error);
  });
  const buffer = Buffer.allocUnsafeSlow(CHUNK);
  /** Buffers of streams that have ended: what waits for the collector would be most of the memory. */
  const free: Buffer[] = [];
  let written = 0;
  let filled = 0;
  const flush = async (): Promise<void> => {
    for (let at = 0; at < filled; ) {
      const { bytesWritten } = await handle
        .write(buffer, at, filled - at, written)
        .catch((error: unknown) => {
          throw known(error);
        });
      at += bytesWritten;
      written += bytesWritten;
    }
    filled = 0;
  };
  return {
    end: () => written + filled,
    async add(piece) {
      for (let at = 0; at < piece.length; ) {
        const part = piece.subarray(at, at + CHUNK - filled);
        buffer.set(part, filled);
        filled += part.length;
        at += part.length;
        if (filled === CHUNK) await flush();
      }
    },
    flush,
    async read({ at, size }) {
      const whole = Buffer.allocUnsafe(size);
      await readInto(handle, whole, at);
      return whole;
    },
    async *chunks({ at, size }) {
      const own = free.pop() ?? Buffer.allocUnsafeSlow(CHUNK);
      try {
        for (let done = 0; done < size; done += CHUNK) {
          const part = own.subarray(0, Math.min(CHUNK, size - done));
          await readInto(handle, part, at + done);
          yield part;
        }
      } finally {
        free.push(own);
      }
    },
    async close() {
      await handle.close();
      await rm(path, { force: true });
    },
  };
}

async function readInto(handle: FileHandle, buffer: Buffer, position: number): Promise<void> {
  for (let at = 0; at < buffer.length; ) {
    const { bytesRead } = await handle.read(buffer, at, buffer.length - at, position + at);
    if (bytesRead === 0) throw new Error('a temporary file became shorter');
    at += bytesRead;
  }
}
