import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';
import { archiveCorrupt } from './archive-header.ts';

const CHUNK = 128 * 1024;

/** Compresses as it is read: level 3, with zstd's own checksum. */
export function compressed(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  return through(
    source,
    createZstdCompress({
      chunkSize: CHUNK,
      params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_checksumFlag]: 1 },
    }),
  );
}

/**
 * Decompresses as it is read.
 *
 * @throws LayerwrightError `CACHE_CORRUPT` (1) if the bytes are no whole zstd frame, or its checksum does not match; what `source` throws
 */
export async function* decompressed(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  try {
    yield* through(source, createZstdDecompress({ chunkSize: CHUNK }));
  } catch (error) {
    const { code = '', errno } = error as { code?: string; errno?: unknown };
    // zlib's own errors have no system call behind them.
    if (/^(?:ZSTD_|Z_|ERR_ZSTD)/.test(code) || (errno !== undefined && !('syscall' in (error as object))))
      throw archiveCorrupt(`it cannot be decompressed (${(error as Error).message})`);
    throw error;
  }
}

/** What comes out of a transform that a source is piped through; an error of either is thrown. */
async function* through(source: AsyncIterable<Uint8Array>, transform: Transform): AsyncGenerator<Buffer> {
  const piped = pipeline(source, transform);
  // It is awaited below; a reader that stops early must not leave an unhandled rejection.
  piped.catch(() => {});
  try {
    for await (const chunk of transform) yield chunk as Buffer;
    await piped;
  } finally {
    transform.destroy();
    // The source has let go of what it holds, e.g. a file.
    await piped.catch(() => {});
  }
}
