import { LayerwrightError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { compressed } from './archive-zstd.ts';
import {
  archiveOfMeasured,
  type Content,
  forgetCorrupt,
  isNotedCorrupt,
  measure,
} from './directory-content.ts';
import { type Manifest, readManifest, writeManifest } from './directory-manifest.ts';
import { downloadsInto, type Tally } from './directory-tally.ts';
import { archiveName } from './store/keys.ts';
import type { Store } from './store/store.ts';

/** What is saved where. */
export interface Saving {
  readonly host: Host;
  readonly store: Store;
  readonly key: string;
  readonly directory: string;
  readonly tally: Tally;
}

/** Tries to save a directory in which something still changes. */
const SAVE_TRIES = 3;

/**
 * Saves a directory unless the key holds the same already.
 *
 * @throws LayerwrightError `DIRECTORY_CHANGED` (75) if it changes all the time, what the store and the file system throw
 */
export async function saveContent(saving: Saving): Promise<'saved' | 'unchanged'> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await saveOnce(saving);
    } catch (error) {
      const isChanging = error instanceof LayerwrightError && error.code === 'DIRECTORY_CHANGED';
      if (!isChanging || attempt === SAVE_TRIES) throw error;
    }
  }
}

/** The archive first, then the manifest: there is never a manifest without a whole archive. */
async function saveOnce({ host, store, key, directory, tally }: Saving): Promise<'saved' | 'unchanged'> {
  const [content, before] = await Promise.all([measure(host, directory), manifestOrNone(store, key, tally)]);
  tally.files = content.files;
  tally.skipped = content.skipped;
  const { sha256, size, files } = content;
  const same = before?.sha256 === sha256 ? before : undefined;
  const doubted = await isNotedCorrupt(host, sha256);
  const there = doubted ? undefined : await store.size(archiveName(sha256));
  const isIntact = there !== undefined && there > 0 && (same === undefined || same.compressedSize === there);
  if (isIntact && same !== undefined) return 'unchanged';
  const compressedSize = isIntact ? there : await writeArchive({ store, directory, content, tally });
  if (doubted) await forgetCorrupt(host, sha256);
  const created = host.clock.now().toISOString();
  const manifest = { schemaVersion: 1, key, sha256, size, compressedSize, files, created } as const;
  await writeManifest(store, manifest, (bytes) => {
    tally.bytesUploaded += bytes;
  });
  return 'saved';
}

/** What the key holds now. One that cannot be read is written anew. */
async function manifestOrNone(store: Store, key: string, tally: Tally): Promise<Manifest | undefined> {
  try {
    return await readManifest(store, key, downloadsInto(tally));
  } catch (error) {
    if (error instanceof LayerwrightError && error.code === 'CACHE_CORRUPT') return undefined;
    throw error;
  }
}

/** Returns the bytes that the archive has in the store. */
async function writeArchive({
  store,
  directory,
  content,
  tally,
}: Pick<Saving, 'store' | 'directory' | 'tally'> & { readonly content: Content }): Promise<number> {
  let size = 0;
  const counted = async function* (archive: AsyncIterable<Buffer>) {
    for await (const chunk of archive) {
      size += chunk.length;
      yield chunk;
    }
  };
  await store.write(archiveName(content.sha256), {
    content: counted(compressed(archiveOfMeasured(directory, content))),
    limit: content.size,
    onSent: (bytes) => {
      tally.bytesUploaded += bytes;
    },
  });
  return size;
}
