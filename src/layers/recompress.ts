import { open } from 'node:fs/promises';
import { MEDIA } from '../image/oci.ts';
import { compressedBlob } from './compressed-blob.ts';
import type { MadeLayer } from './layer.ts';
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
  const blob = await compressedBlob(directory, compression, 'other');
  try {
    // The stream closes it.
    const stream = (await open(made.file)).createReadStream();
    for await (const chunk of layerArchive(stream, mediaType)) await blob.write(chunk);
    return { ...made, ...(await blob.finish()) };
  } catch (error) {
    await blob.discard();
    throw error;
  }
}
