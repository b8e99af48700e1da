import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { parseIndex, serialiseIndex } from '../image/path-index-text.ts';
import type { ImageFacts } from './image-facts.ts';

/** The last number is the format's version: one that is not ours is not read. */
const HEAD = 'layerwright facts 2\n';

const MAX_BYTES = 512 * 1024 ** 2;

/** Where the parts are, in the order in which they follow the line of this JSON. */
interface Parts {
  readonly layers: readonly string[];
  readonly architecture: string;
  readonly os: string;
  /** Bytes. */
  readonly index: number;
  /** Path and bytes. */
  readonly contents: readonly (readonly [string, number])[];
}

/** Facts as one small file: the same facts make the same bytes, given the same zstd. */
export function serialiseFacts(facts: ImageFacts): Buffer {
  const { layers, architecture, os } = facts;
  const index = serialiseIndex(facts.index);
  const contents = [...facts.contents]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([path, text]) => [path, Buffer.from(text)] as const);
  const parts: Parts = {
    ...{ layers, architecture, os, index: index.length },
    contents: contents.map(([path, bytes]) => [path, bytes.length] as const),
  };
  const all = [
    Buffer.from(`${HEAD}${JSON.stringify(parts)}\n`),
    index,
    ...contents.map(([, bytes]) => bytes),
  ];
  return zstdCompressSync(Buffer.concat(all), {
    params: { [constants.ZSTD_c_compressionLevel]: 9, [constants.ZSTD_c_checksumFlag]: 1 },
  });
}

/**
 * Reads what {@link serialiseFacts} wrote; directories are read when they are asked for.
 *
 * @returns undefined for anything else: damaged, cut off, or of another version
 */
export function parseFacts(bytes: Uint8Array): ImageFacts | undefined {
  try {
    const all = zstdDecompressSync(bytes, { maxOutputLength: MAX_BYTES });
    const line = all.indexOf('\n', HEAD.length);
    if (all.toString('latin1', 0, HEAD.length) !== HEAD || line < 0) return undefined;
    const parts = JSON.parse(all.toString('utf8', HEAD.length, line)) as Parts;
    let at = line + 1 + parts.index;
    const index = parseIndex(all.subarray(line + 1, at));
    const contents = new Map<string, string>();
    for (const [path, length] of parts.contents) {
      contents.set(path, all.toString('utf8', at, at + length));
      at += length;
    }
    if (at !== all.length) return undefined;
    const { layers, architecture, os } = parts;
    return { layers, architecture, os, index, contents };
  } catch {
    // Whatever it is, it is none of ours; the image is read again.
    return undefined;
  }
}
