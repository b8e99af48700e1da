import { createHash, type Hash } from 'node:crypto';
import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { layerUnreadable } from '../image/layer-unreadable.ts';
import type { PathEntry } from '../image/path-entry.ts';
import { type ScanLimits, tarScanner } from '../image/tar-read-scan.ts';
import { isZstd, zstdFrames } from './zstd-frames.ts';

/** What a scan keeps of a layer: 2 MiB a file, 16 MiB in all. */
export const SCAN_LIMITS: ScanLimits = { fileBytes: 2 * 1024 ** 2, totalBytes: 16 * 1024 ** 2 };

/** What a layer blob holds. */
export interface LayerScan {
  /** In the order of the archive, whiteouts as they are written. */
  readonly entries: readonly PathEntry[];
  /** Of the wanted files that fit the limits, by path. */
  readonly contents: Map<string, Buffer>;
  /** Digest of the tar archive, `sha256:...`. */
  readonly diffId: string;
  /** Digest of the blob as it came, `sha256:...`. */
  readonly digest: string;
}

/** Large pieces: each one is a trip to another thread and back. */
const CHUNK = 512 * 1024;

/**
 * Reads a layer blob once, as it comes. How it is compressed is told by its first bytes, as container runtimes do it, not by its
 * media type, which only has to be a layer's.
 *
 * The caller compares `digest` and `diffId` with what the image says.
 *
 * @param wanted which files' contents are kept
 * @throws LayerwrightError `LAYER_UNREADABLE` (1) for what is no layer; what `stream` throws
 */
export async function scanLayer(
  stream: AsyncIterable<Uint8Array>,
  mediaType: string,
  wanted: (path: string) => boolean,
  limits: ScanLimits = SCAN_LIMITS,
): Promise<LayerScan> {
  if (
    !/^application\/vnd\.(?:oci|docker)\.image\.(?:layer|rootfs)[a-z0-9.]*(?:\+(?:gzip|zstd))?$/.test(
      mediaType,
    )
  )
    throw layerUnreadable(`its type is ${mediaType}`);
  const blob = createHash('sha256');
  const tar = createHash('sha256');
  const scanner = tarScanner(wanted, limits);
  const source = await startOf(hashed(stream, blob));
  try {
    for await (const piece of archiveOf(source.head, source.all)) {
      tar.update(piece);
      scanner.push(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
    }
  } catch (error) {
    throw asUnreadable(error);
  }
  const { entries, contents } = scanner.end();
  return { entries, contents, diffId: digestOf(tar), digest: digestOf(blob) };
}

async function* hashed(stream: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const piece of stream) {
    hash.update(piece);
    yield piece;
  }
}

/** The first four bytes or more, and a stream of all. */
async function startOf(
  stream: AsyncGenerator<Uint8Array>,
): Promise<{ head: Buffer; all: AsyncGenerator<Uint8Array> }> {
  let head = Buffer.alloc(0);
  while (head.length < 4) {
    const { done, value } = await stream.next();
    if (done) break;
    head = Buffer.concat([head, value]);
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      if (head.length > 0) yield head;
      yield* stream;
    } finally {
      await stream.return(undefined);
    }
  }
  return { head, all: all() };
}

/** The archive as it comes out of the blob. */
function archiveOf(head: Buffer, blob: AsyncGenerator<Uint8Array>): AsyncIterable<Uint8Array> {
  if (head[0] === 0x1f && head[1] === 0x8b) return through(blob, createGunzip({ chunkSize: CHUNK }));
  if (isZstd(head)) return through(zstdFrames(blob), createZstdDecompress({ chunkSize: CHUNK }));
  return blob;
}

async function* through(
  source: AsyncGenerator<Uint8Array>,
  transform: Transform,
): AsyncGenerator<Uint8Array> {
  const piped = pipeline(Readable.from(source, { objectMode: false, highWaterMark: CHUNK }), transform);
  // Awaited below; a scan that ends early must not leave an unhandled rejection.
  piped.catch(() => {});
  try {
    for await (const piece of transform) yield piece as Uint8Array;
    await piped;
  } finally {
    transform.destroy();
    await piped.catch(() => {});
  }
}

/** zlib's own errors are the blob's fault; they have no system call behind them. */
function asUnreadable(error: unknown): unknown {
  const { code = '', message } = error as { code?: string; message: string };
  return /^(?:Z_|ZSTD_|ERR_ZSTD|ERR_ZLIB)/.test(code)
    ? layerUnreadable(`it cannot be decompressed (${message})`)
    : error;
}

function digestOf(hash: Hash): string {
  return `sha256:${hash.digest('hex')}`;
}
