import { interruptedError } from '../errors.ts';
import type { PathEntry } from '../image/path-entry.ts';
import { BLOCK, paddingAfter } from '../image/tar-header.ts';
import { type BlobWriter, compressedBlob } from './compressed-blob.ts';
import type { Compression, MadeLayer } from './layer.ts';
import { tarEntryHeader } from './tar-entry.ts';

/** An entry of a layer; `content` only for files with a size above 0, exactly that many bytes. */
export interface LayerEntry {
  readonly entry: PathEntry;
  /** Chunks are copied before the next one is asked for. */
  readonly content?: AsyncIterable<Uint8Array> | Uint8Array;
  /** Seconds since 1970, where it is another than that of the whole layer. */
  readonly mtime?: number;
}

export interface WriteLayerOptions {
  /** Where the blob is written: an existing directory, absolute. */
  readonly directory: string;
  readonly compression: Compression;
  /** Seconds since 1970 for every entry. */
  readonly mtime: number;
  readonly signal?: AbortSignal;
}

/**
 * Writes a layer: a tar archive of the entries in the order given (parents before what is in them is the caller's matter),
 * compressed and hashed on the way. The archive's bytes depend on entries, contents and `mtime` only; memory on none of them.
 * If it fails, no file stays.
 *
 * @throws LayerwrightError `DISK_FULL` (75), `FILE_UNUSABLE` (2), `INTERRUPTED` (130); what `entries` and the contents throw
 */
export async function writeLayer(
  entries: AsyncIterable<LayerEntry> | Iterable<LayerEntry>,
  options: WriteLayerOptions,
): Promise<MadeLayer> {
  const blob = await compressedBlob(options.directory, options.compression);
  try {
    const written: PathEntry[] = [];
    for await (const { entry, content, mtime = options.mtime } of entries) {
      if (options.signal?.aborted) throw interruptedError();
      await blob.write(tarEntryHeader(entry, mtime));
      await writeContent(blob, entry, content, options.signal);
      written.push(entry);
    }
    await blob.write(Buffer.alloc(2 * BLOCK));
    return { ...(await blob.finish()), entries: written };
  } catch (error) {
    await blob.discard();
    throw error;
  }
}

async function writeContent(
  blob: BlobWriter,
  entry: PathEntry,
  content: LayerEntry['content'],
  signal: AbortSignal | undefined,
): Promise<void> {
  const size = entry.type === 'file' ? entry.size : 0;
  let seen = 0;
  const take = async (chunk: Uint8Array) => {
    seen += chunk.length;
    // More than the header says would be read as the next entry.
    if (seen <= size) await blob.write(chunk);
  };
  if (content instanceof Uint8Array) await take(content);
  else if (content !== undefined)
    for await (const chunk of content) {
      if (signal?.aborted) throw interruptedError();
      await take(chunk);
    }
  if (seen !== size) throw new Error(`${entry.path}: ${seen} bytes of content, but its entry says ${size}`);
  await blob.write(Buffer.alloc(paddingAfter(size)));
}
