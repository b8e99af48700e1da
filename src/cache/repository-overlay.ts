import type { CacheRepository } from './repository.ts';

/**
 * A repository that is only read: what is written goes to another one, which is looked at where the first has nothing.
 *
 * @param isKept which tags may be taken from what was written; of all others only the first repository tells
 */
export function overlayRepository(
  read: CacheRepository,
  written: CacheRepository,
  isKept: (tag: string) => boolean,
): CacheRepository {
  return {
    name: read.name,
    async manifest(reference) {
      const found = await read.manifest(reference);
      return found ?? (isKept(reference) ? await written.manifest(reference) : undefined);
    },
    putManifest: written.putManifest,
    blob: async (digest, limit) => (await written.blob(digest, limit)) ?? (await read.blob(digest, limit)),
    openBlob: async (digest, options) =>
      (await written.openBlob(digest, options)) ?? (await read.openBlob(digest, options)),
    statBlob: read.statBlob,
    // What it mounts from is a registry: there is nothing to mount here.
    putBlob: (blob, { mountFrom: _, ...options } = {}) => written.putBlob(blob, options),
    mountBlob: async () => false,
  };
}
