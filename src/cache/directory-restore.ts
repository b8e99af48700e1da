import { interruptedError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { archiveCorrupt } from './archive-header.ts';
import { unpackArchive } from './archive-read.ts';
import { decompressed } from './archive-zstd.ts';
import { verified } from './directory-content.ts';
import { type Manifest, readManifest, readNewest } from './directory-manifest.ts';
import { place, stage, unstage } from './directory-place.ts';
import { downloadsInto, type Tally } from './directory-tally.ts';
import { archiveName } from './store/keys.ts';
import type { Store } from './store/store.ts';

/** What a key holds, or else the newest key that starts with the first fallback key that leads to one. */
export async function findManifest(
  store: Store,
  request: { readonly key: string; readonly fallbackKeys: readonly string[] },
  tally: Tally,
): Promise<Manifest | undefined> {
  const exact = await readManifest(store, request.key, downloadsInto(tally));
  if (exact !== undefined) return exact;
  for (const prefix of request.fallbackKeys) {
    const newest = await readNewest(store, prefix, downloadsInto(tally));
    if (newest !== undefined) return newest;
  }
  return undefined;
}

/** What is put where. */
export interface Restoring {
  readonly host: Host;
  readonly store: Store;
  readonly directory: string;
  readonly manifest: Manifest;
  readonly tally: Tally;
}

/**
 * Unpacks a copy beside the directory, verifies it, and puts it into place.
 *
 * @throws LayerwrightError `CACHE_CORRUPT` (1), what the store and the file system throw: then nothing is changed
 */
export async function restoreContent({ host, store, directory, manifest, tally }: Restoring): Promise<void> {
  const archive = await store.read(archiveName(manifest.sha256));
  if (archive === undefined) throw archiveCorrupt('it is not in the store any more');
  const asOwner = process.getuid?.() === 0;
  const staging = await stage(host, directory);
  try {
    const received = counted(host.signal, archive, downloadsInto(tally));
    const content = verified(decompressed(received), manifest);
    const { files, directories } = await unpackArchive(content, staging.content, asOwner);
    await place({ staging, directories, asOwner, cwd: host.cwd });
    tally.files = files;
  } finally {
    await unstage(staging);
  }
}

async function* counted(
  signal: AbortSignal,
  source: AsyncIterable<Uint8Array>,
  onRead: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    if (signal.aborted) throw interruptedError();
    onRead(chunk.length);
    yield chunk;
  }
}
