import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { layerUnreadable } from '../image/layer-unreadable.ts';

/**
 * A layer's tar archive, of whatever media type: OCI's and Docker's, plain, gzip or zstd.
 *
 * @throws LayerwrightError `LAYER_UNREADABLE` (1) for another type, or bytes that are not of it; what `source` throws
 */
export async function* layerArchive(
  source: AsyncIterable<Uint8Array>,
  mediaType: string,
): AsyncGenerator<Uint8Array> {
  if (/[+.]gzip$/.test(mediaType)) yield* through(source, createGunzip({ chunkSize: 256 * 1024 }));
  else if (/[+.]zstd$/.test(mediaType))
    yield* through(source, createZstdDecompress({ chunkSize: 256 * 1024 }));
  else if (/[.]tar$/.test(mediaType)) yield* source;
  else throw layerUnreadable(`its media type ${mediaType} is none of a layer`);
}

async function* through(source: AsyncIterable<Uint8Array>, transform: Transform): AsyncGenerator<Uint8Array> {
  const piped = pipeline(source, transform);
  // It is awaited below; a reader that stops early must not leave an unhandled rejection.
  piped.catch(() => {});
  try {
    for await (const chunk of transform) yield chunk as Uint8Array;
    await piped;
  } catch (error) {
    throw isOfZlib(error) ? layerUnreadable((error as Error).message, error) : error;
  } finally {
    transform.destroy();
    await piped.catch(() => {});
  }
}

/** zlib's own errors have no system call behind them. */
function isOfZlib(error: unknown): boolean {
  const { code = '', syscall } = error as { code?: string; syscall?: string };
  return syscall === undefined && /^(?:Z_|ZSTD_|ERR_ZSTD)/.test(code);
}
