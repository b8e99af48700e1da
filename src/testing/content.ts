import { createHash } from 'node:crypto';
import type { Storage } from './storage.ts';

/** What a registry keeps: blobs once, and by repository which blobs, manifests and tags it has. */
export interface Content {
  readonly blob: (repository: string, digest: string) => Promise<Uint8Array | undefined>;
  readonly putBlob: (repository: string, digest: string, bytes: Uint8Array) => Promise<void>;
  /** False if `from` does not have it. */
  readonly mountBlob: (repository: string, digest: string, from: string) => Promise<boolean>;
  /** False if it is not there. The bytes stay: other repositories may have them. */
  readonly removeBlob: (repository: string, digest: string) => Promise<boolean>;
  /** By tag or digest. */
  readonly manifest: (repository: string, reference: string) => Promise<KeptManifest | undefined>;
  readonly putManifest: (
    repository: string,
    tag: string | undefined,
    mediaType: string,
    bytes: Uint8Array,
  ) => Promise<void>;
  /** A tag alone, or by digest a manifest with all its tags. False if it is not there. */
  readonly removeManifest: (repository: string, reference: string) => Promise<boolean>;
  /** Sorted; undefined if there is no such repository. */
  readonly tags: (repository: string) => Promise<readonly string[] | undefined>;
  /** All manifests of a repository. */
  readonly manifests: (repository: string) => Promise<readonly KeptManifest[]>;
}

export interface KeptManifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** The blobs and manifests of a registry by their digest, to be looked at, altered and taken away. */
export interface StoredBlobs {
  readonly digests: () => Promise<readonly string[]>;
  readonly read: (digest: string) => Promise<Uint8Array | undefined>;
  /** Other bytes under the same digest: what a broken disk does. */
  readonly replace: (digest: string, bytes: Uint8Array) => Promise<void>;
  /** What a garbage collection does that goes wrong. */
  readonly remove: (digest: string) => Promise<void>;
}

export const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** `sha256:` and 64 hex digits. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

const blobName = (digest: string) => `blobs/${digest.replace(':', '/')}`;

/** See {@link StoredBlobs}. */
export function storedBlobs(storage: Storage): StoredBlobs {
  return {
    digests: async () =>
      (await storage.list('blobs/')).map((name) => name.slice('blobs/'.length).replace('/', ':')),
    read: (digest) => storage.read(blobName(digest)),
    replace: (digest, bytes) => storage.write(blobName(digest), bytes),
    remove: (digest) => storage.remove(blobName(digest)),
  };
}

/** See {@link Content}. */
export function contentIn(storage: Storage): Content {
  const linkName = (repository: string, kind: '_blobs' | '_manifests', digest: string) =>
    `repositories/${repository}/${kind}/${digest.replace(':', '/')}`;
  const tagName = (repository: string, tag: string) => `repositories/${repository}/_tags/${tag}`;
  const textOf = async (name: string) => {
    const bytes = await storage.read(name);
    return bytes && Buffer.from(bytes).toString('utf8');
  };
  const has = async (repository: string, digest: string) =>
    (await storage.read(linkName(repository, '_blobs', digest))) !== undefined &&
    (await storage.read(blobName(digest))) !== undefined;
  const manifestOf = async (repository: string, digest: string): Promise<KeptManifest | undefined> => {
    const mediaType = await textOf(linkName(repository, '_manifests', digest));
    const bytes = await storage.read(blobName(digest));
    return mediaType === undefined || bytes === undefined ? undefined : { digest, mediaType, bytes };
  };
  const tags = async (repository: string) => {
    const prefix = tagName(repository, '');
    const found = (await storage.list(prefix)).map((name) => name.slice(prefix.length));
    const isThere = found.length > 0 || (await storage.list(`repositories/${repository}/_`)).length > 0;
    return isThere ? found : undefined;
  };

  return {
    tags,
    async blob(repository, digest) {
      return (await has(repository, digest)) ? await storage.read(blobName(digest)) : undefined;
    },
    async putBlob(repository, digest, bytes) {
      // As distribution: what is there under a digest is taken for it, damaged or not.
      if ((await storage.read(blobName(digest))) === undefined) await storage.write(blobName(digest), bytes);
      await storage.write(linkName(repository, '_blobs', digest), new Uint8Array());
    },
    async mountBlob(repository, digest, from) {
      if (!(await has(from, digest))) return false;
      await storage.write(linkName(repository, '_blobs', digest), new Uint8Array());
      return true;
    },
    async removeBlob(repository, digest) {
      if (!(await has(repository, digest))) return false;
      await storage.remove(linkName(repository, '_blobs', digest));
      return true;
    },
    async manifest(repository, reference) {
      const digest = DIGEST.test(reference) ? reference : await textOf(tagName(repository, reference));
      return digest === undefined ? undefined : await manifestOf(repository, digest);
    },
    async putManifest(repository, tag, mediaType, bytes) {
      const digest = digestOf(bytes);
      await storage.write(blobName(digest), bytes);
      await storage.write(linkName(repository, '_manifests', digest), Buffer.from(mediaType));
      if (tag !== undefined) await storage.write(tagName(repository, tag), Buffer.from(digest));
    },
    async removeManifest(repository, reference) {
      const isDigest = DIGEST.test(reference);
      const name = isDigest ? linkName(repository, '_manifests', reference) : tagName(repository, reference);
      if ((await storage.read(name)) === undefined) return false;
      await storage.remove(name);
      for (const tag of isDigest ? ((await tags(repository)) ?? []) : [])
        if ((await textOf(tagName(repository, tag))) === reference)
          await storage.remove(tagName(repository, tag));
      return true;
    },
    async manifests(repository) {
      const prefix = `repositories/${repository}/_manifests/`;
      const digests = (await storage.list(prefix)).map((name) => name.slice(prefix.length).replace('/', ':'));
      const found = await Promise.all(digests.map((digest) => manifestOf(repository, digest)));
      return found.filter((one) => one !== undefined);
    },
  };
}
