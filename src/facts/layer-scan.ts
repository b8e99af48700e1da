import { createHash, type Hash } from 'node:crypto';
import type { PathEntry } from '../image/path-entry.ts';
import { type ScanLimits, tarScanner } from '../image/tar-read-scan.ts';
import { layerArchive } from '../layers/layer-archive.ts';

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

/**
 * Reads a layer blob once, as it comes. The caller compares `digest` and `diffId` with what the image says.
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
  const blob = createHash('sha256');
  const tar = createHash('sha256');
  const scanner = tarScanner(wanted, limits);
  for await (const piece of layerArchive(hashed(stream, blob), mediaType)) {
    tar.update(piece);
    scanner.push(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
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

function digestOf(hash: Hash): string {
  return `sha256:${hash.digest('hex')}`;
}
