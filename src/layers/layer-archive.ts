import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { layerUnreadable } from '../image/layer-unreadable.ts';
import { isZstd, zstdFrames } from './zstd-frames.ts';

/** Media types of layers, OCI's and Docker's: plain, gzip or zstd, and nothing that is encrypted. */
const LAYER_TYPE =
  /^application\/vnd\.(?:oci|docker)\.image\.(?:layer|rootfs)[a-z0-9.]*(?:\+(?:gzip|zstd))?$/;

/** Large pieces: each one is a trip to another thread and back. */
const CHUNK = 512 * 1024;

/**
 * The tar archive in a layer's blob, as it comes. How the blob is compressed is told by its first bytes, as container runtimes do
 * it, not by its media type, which only has to be a layer's. The blob is read to its end.
 *
 * @throws LayerwrightError `LAYER_UNREADABLE` (1) for another type, or a blob that cannot be decompressed; what `blob` throws
 */
export async function* layerArchive(
  blob: AsyncIterable<Uint8Array>,
  mediaType: string,
): AsyncGenerator<Uint8Array> {
  if (!LAYER_TYPE.test(mediaType)) throw layerUnreadable(`its media type ${mediaType} is none of a layer`);
  const { head, all } = await startOf(blob);
  if (head[0] === 0x1f && head[1] === 0x8b) yield* through(all, createGunzip({ chunkSize: CHUNK }));
  else if (isZstd(head)) yield* through(zstdFrames(all), createZstdDecompress({ chunkSize: CHUNK }));
  else yield* all;
}

/** The first four bytes or more, and a stream of all. */
async function startOf(
  stream: AsyncIterable<Uint8Array>,
): Promise<{ head: Buffer; all: AsyncGenerator<Uint8Array> }> {
  const iterator = stream[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.length < 4) {
    const { done, value } = await iterator.next();
    if (done) break;
    head = Buffer.concat([head, value]);
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      if (head.length > 0) yield head;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } finally {
      // A reader that stops early lets the connection go.
      await iterator.return?.();
    }
  }
  return { head, all: all() };
}

async function* through(
  source: AsyncGenerator<Uint8Array>,
  transform: Transform,
): AsyncGenerator<Uint8Array> {
  const piped = pipeline(Readable.from(source, { objectMode: false, highWaterMark: CHUNK }), transform);
  // It is awaited below; a reader that stops early must not leave an unhandled rejection.
  piped.catch(() => {});
  try {
    for await (const piece of transform) yield piece as Uint8Array;
    await piped;
  } catch (error) {
    throw isOfZlib(error)
      ? layerUnreadable(`it cannot be decompressed (${(error as Error).message})`, error)
      : error;
  } finally {
    transform.destroy();
    await piped.catch(() => {});
  }
}

/** zlib's own errors are the blob's fault; they have no system call behind them. */
function isOfZlib(error: unknown): boolean {
  const { code = '', syscall } = error as { code?: string; syscall?: string };
  return syscall === undefined && /^(?:Z_|ZSTD_|ERR_ZSTD|ERR_ZLIB)/.test(code);
}
