import { usageError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { parseReference } from '../image/reference.ts';
import type { OpenBlobOptions } from '../registry/blobs.ts';
import { type RegistryClient, registryClient } from '../registry/client.ts';
import type { FoundManifest } from '../registry/manifests.ts';
import type { BlobSource, PutBlobOptions, PutBlobOutcome } from '../registry/uploads.ts';

/** One place that keeps manifests and blobs: a repository of a registry, or an image layout on disk. */
export interface CacheRepository {
  /** For people and for `mountFrom`: `registry.example.com/team/cache`, or a layout's absolute directory. */
  readonly name: string;
  /** The manifest under a tag or digest; undefined if it is not there. */
  readonly manifest: (reference: string) => Promise<FoundManifest | undefined>;
  /**
   * Puts a manifest under a tag or its own digest.
   *
   * @returns its digest
   * @throws LayerwrightError `MANIFEST_BLOB_UNKNOWN` (75) if what it names is not there
   */
  readonly putManifest: (
    reference: string,
    manifest: object | Uint8Array,
    mediaType: string,
  ) => Promise<string>;
  /** The bytes of a small blob, checked; undefined if it is not there. */
  readonly blob: (digest: string, limit?: number) => Promise<Uint8Array | undefined>;
  /** The bytes of a blob as they come, checked at the end unless it is a range; undefined if it is not there. */
  readonly openBlob: (
    digest: string,
    options?: OpenBlobOptions,
  ) => Promise<ReadableStream<Uint8Array> | undefined>;
  /** A blob's size in bytes; undefined if it is not there. */
  readonly statBlob: (digest: string) => Promise<number | undefined>;
  /** Puts a blob. `mountFrom` is another repository's name; one that nothing can be mounted from is passed over. */
  readonly putBlob: (blob: BlobSource, options?: PutBlobOptions) => Promise<PutBlobOutcome>;
  /** Takes over a blob that another repository has, by its name; false if that is not possible. */
  readonly mountBlob: (digest: string, from: string) => Promise<boolean>;
}

/**
 * A repository of a registry.
 *
 * @param name `HOST/PATH`
 * @param client for that host; one for all that is asked of it saves logins
 * @throws LayerwrightError `BAD_REFERENCE` (2)
 */
export function registryRepository(
  host: Host,
  name: string,
  client: RegistryClient = registryClient(host, parseReference(name).domain),
): CacheRepository {
  const { domain, path, tag, digest } = parseReference(name);
  if (tag !== undefined || digest !== undefined)
    throw usageError('BAD_REFERENCE', `${name} is no repository`, 'Write it as HOST/PATH, without a tag.');
  /** The path of another repository of the same host. */
  const pathOf = (other: string): string | undefined => {
    const parsed = other.startsWith('/') ? undefined : parseReference(other);
    return parsed?.domain === domain ? parsed.path : undefined;
  };
  return {
    name: `${domain}/${path}`,
    manifest: (reference) => client.manifest(path, reference),
    putManifest: (reference, manifest, mediaType) => client.putManifest(path, reference, manifest, mediaType),
    blob: (wanted, limit) => client.blob(path, wanted, limit),
    openBlob: (wanted, options) => client.openBlob(path, wanted, options),
    statBlob: (wanted) => client.statBlob(path, wanted),
    putBlob(blob, { mountFrom, ...options } = {}) {
      const from = mountFrom === undefined ? undefined : pathOf(mountFrom);
      return client.putBlob(path, blob, { ...options, mountFrom: from });
    },
    async mountBlob(wanted, from) {
      const other = pathOf(from);
      return other === undefined ? false : await client.mountBlob(path, wanted, other);
    },
  };
}
