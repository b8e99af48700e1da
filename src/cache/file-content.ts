import { open } from 'node:fs/promises';

const CHUNK_BYTES = 256 * 1024;

/**
 * The content of a file, read anew each time it is asked for; what a blob is put from.
 *
 * @param range first and last byte, both included
 */
export function fileContent(
  path: string,
  range?: readonly [first: number, last: number],
): () => AsyncIterable<Uint8Array> {
  return async function* () {
    const handle = await open(path);
    try {
      let [position, last] = range ?? [0, Number.POSITIVE_INFINITY];
      while (position <= last) {
        const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, last - position + 1));
        const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
        if (bytesRead === 0) return;
        position += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await handle.close();
    }
  };
}
