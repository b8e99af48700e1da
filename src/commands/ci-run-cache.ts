import { type RestoreResult, restoreDirectory, type SaveResult, saveDirectory } from '../cache/directory.ts';
import { parseStore } from '../cache/store/open.ts';
import type { CacheTransfer, DirectoryStore } from '../ci/run/cache.ts';
import type { Host } from '../host/host.ts';

/**
 * The directory cache, as a build's cache uses it.
 *
 * @param store `s3://BUCKET/PREFIX` or `file:///DIR`
 * @throws LayerwrightError `STORE_UNKNOWN`, `STORE_INVALID` (2)
 */
export function directoryStore(host: Host, store: string): DirectoryStore {
  parseStore(store);
  return {
    save: async (key, directory) => transferOf(await saveDirectory(host, { store, key, directory })),
    restore: async (key, fallbackKeys, directory) =>
      transferOf(await restoreDirectory(host, { store, key, fallbackKeys, directory })),
  };
}

function transferOf(result: SaveResult | RestoreResult): CacheTransfer {
  return {
    outcome: result.outcome,
    matchedKey: result.matchedKey,
    bytes: Math.max(result.bytesUploaded, result.bytesDownloaded),
    problem: result.problem?.message,
  };
}
