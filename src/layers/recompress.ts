import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { MEDIA } from '../image/oci.ts';
import { compressedBlob, type FinishedBlob, mediaTypeOf } from './compressed-blob.ts';
import type { Compression, MadeLayer } from './layer.ts';
import { layerArchive } from './layer-archive.ts';

/**
 * The same layer as another blob: its archive compressed in another way, so that it has another digest. For registries that have
 * something damaged under the first one, and keep what they have.
 *
 * @param directory where the blob is written: existing, absolute
 * @throws LayerwrightError `DISK_FULL` (75), `FILE_UNUSABLE` (2)
 */
export async function recompressed(made: MadeLayer, directory: string): Promise<MadeLayer> {
  const { mediaType } = made.descriptor;
  const compression = mediaType === MEDIA.layerGzip ? 'gzip' : 'zstd';
  return { ...made, ...(await compressedLayer(made.file, mediaType, { compression, directory }, 'other')) };
}

/**
 * A layer's archive compressed as it is wanted: the blob itself, if it is. So it has the digest of one that BuildKit has pushed.
 *
 * @param file the blob as it is, of that media type; it has to stay
 * @param into how, and where the blob is written: existing, absolute
 * @throws LayerwrightError `DISK_FULL` (75), `FILE_UNUSABLE` (2)
 */
export async function compressedLayer(
  file: string,
  mediaType: string,
  into: { readonly compression: Compression; readonly directory: string },
  variant: 'usual' | 'other' = 'usual',
): Promise<FinishedBlob> {
  if (variant === 'usual' && mediaType === mediaTypeOf(into.compression))
    return await asItIs(file, mediaType);
  const blob = await compressedBlob(into.directory, into.compression, variant);
  try {
    // The stream closes it.
    const stream = (await open(file)).createReadStream();
    for await (const chunk of layerArchive(stream, mediaType)) await blob.write(chunk);
    return await blob.finish();
  } catch (error) {
    await blob.discard();
    throw error;
  }
}

async function asItIs(file: string, mediaType: string): Promise<FinishedBlob> {
  const [whole, archive] = [createHash('sha256'), createHash('sha256')];
  let [size, tarBytes] = [0, 0];
  // The stream closes it.
  const stream: AsyncIterable<Buffer> = (await open(file)).createReadStream();
  const hashed = async function* () {
    for await (const chunk of stream) {
      whole.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  };
  for await (const chunk of layerArchive(hashed(), mediaType)) {
    archive.update(chunk);
    tarBytes += chunk.length;
  }
  const descriptor = { mediaType, digest: `sha256:${whole.digest('hex')}`, size };
  return { descriptor, diffId: `sha256:${archive.digest('hex')}`, tarBytes, file };
}
