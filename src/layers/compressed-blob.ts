import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Transform } from 'node:stream';
import { constants, createGzip, createZstdCompress } from 'node:zlib';
import { knownError } from '../errors.ts';
import { type Descriptor, MEDIA } from '../image/oci.ts';
import type { Compression } from './layer.ts';

/** Bytes that go to hash and compressor at a time; fixed, so that the compressor sees the same whatever the pieces were. */
const CHUNK = 128 * 1024;

/** A blob that is done. */
export interface FinishedBlob {
  readonly descriptor: Descriptor;
  /** Digest of what was written, before compression. */
  readonly diffId: string;
  /** Bytes of what was written. */
  readonly tarBytes: number;
  readonly file: string;
}

/** A compressed blob in the making. */
export interface BlobWriter {
  /** Takes a copy: the bytes may be used again when the promise has resolved. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  readonly finish: () => Promise<FinishedBlob>;
  /** Ends it and removes the file; harmless after `finish` has failed, and never after it was successful. */
  readonly discard: () => Promise<void>;
}

/**
 * Compresses what is written to a new file in `directory`, and hashes it before and after. Compression runs beside the caller,
 * a chunk behind; memory does not depend on the size.
 *
 * @param variant another one gives other bytes of the same archive, and so another digest: see `recompressed`
 * @throws LayerwrightError `DISK_FULL` (75), `FILE_UNUSABLE` (2), from any of the functions
 */
export async function compressedBlob(
  directory: string,
  compression: Compression,
  variant: 'usual' | 'other' = 'usual',
): Promise<BlobWriter> {
  const file = join(directory, `${randomBytes(12).toString('hex')}.layer`);
  const handle = await open(file, 'wx').catch((error: unknown) => {
    throw knownError(error);
  });
  const compressor = compressorFor(compression, variant === 'usual');
  // A write after it has failed: `failed` says why.
  compressor.on('error', () => {});
  const output = hashedOutput(compressor, handle, file);
  const input = hashedInput(compressor);
  const failed = async (error: unknown): Promise<never> => {
    // What went wrong on the way to the file is why the compressor was closed.
    throw (await output.failure()) ?? error;
  };
  return {
    write: (bytes) => input.write(bytes).catch(failed),
    finish: async () => {
      const { diffId, tarBytes } = await input.finish().catch(failed);
      const { digest, size } = await output.done;
      await handle.close();
      return { descriptor: { mediaType: mediaTypeOf(compression), digest, size }, diffId, tarBytes, file };
    },
    discard: async () => {
      compressor.destroy();
      await output.failure();
      await handle.close();
      await rm(file, { force: true });
    },
  };
}

/** The media type of a layer's blob. */
export function mediaTypeOf(compression: Compression): string {
  return compression === 'zstd' ? MEDIA.layerZstd : MEDIA.layerGzip;
}

/** Where it is not the usual one, even an empty archive has other bytes: gzip notes its best level, zstd whether it has a checksum. */
function compressorFor(compression: Compression, isUsual: boolean): Transform {
  if (compression === 'gzip')
    return createGzip({
      chunkSize: CHUNK,
      level: isUsual ? constants.Z_DEFAULT_COMPRESSION : constants.Z_BEST_COMPRESSION,
    });
  return createZstdCompress({
    chunkSize: CHUNK,
    params: {
      [constants.ZSTD_c_compressionLevel]: 3,
      [constants.ZSTD_c_checksumFlag]: isUsual ? 1 : 0,
    },
  });
}

/** Cuts into chunks, hashes them and hands them on; two buffers take turns, one filled while the other is compressed. */
function hashedInput(compressor: Transform) {
  const hash = createHash('sha256');
  let buffer = Buffer.allocUnsafeSlow(CHUNK);
  let other = Buffer.allocUnsafeSlow(CHUNK);
  let filled = 0;
  let tarBytes = 0;
  let before: Promise<void> = Promise.resolve();
  const send = async () => {
    const chunk = buffer.subarray(0, filled);
    hash.update(chunk);
    tarBytes += filled;
    await before;
    before = new Promise<void>((resolve, reject) => {
      compressor.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
    // It is awaited with the next chunk; until then nobody listens.
    before.catch(() => {});
    [buffer, other] = [other, buffer];
    filled = 0;
  };
  return {
    write: async (bytes: Uint8Array) => {
      for (let at = 0; at < bytes.length; ) {
        const part = bytes.subarray(at, at + CHUNK - filled);
        buffer.set(part, filled);
        filled += part.length;
        at += part.length;
        if (filled === CHUNK) await send();
      }
    },
    finish: async () => {
      if (filled > 0) await send();
      await before;
      compressor.end();
      return { diffId: `sha256:${hash.digest('hex')}`, tarBytes };
    },
  };
}

/** Writes what comes out of the compressor to the file. */
function hashedOutput(compressor: Transform, handle: FileHandle, file: string) {
  const hash = createHash('sha256');
  const drain = async () => {
    let size = 0;
    for await (const chunk of compressor as AsyncIterable<Buffer>) {
      hash.update(chunk);
      await handle.writeFile(chunk);
      size += chunk.length;
    }
    return { digest: `sha256:${hash.digest('hex')}`, size };
  };
  const done = drain().catch((error: NodeJS.ErrnoException) => {
    compressor.destroy(error);
    // Writing to a handle gives errors without a path.
    throw knownError(Object.assign(error, { path: error.path ?? file }));
  });
  // It is awaited at the end, or when writing fails; until then nobody listens.
  done.catch(() => {});
  return {
    done,
    /** What went wrong; undefined if nothing did. Waits for the end. */
    failure: () =>
      done.then(
        () => undefined,
        (error: unknown) => error,
      ),
  };
}
