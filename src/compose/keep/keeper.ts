import {
  type Artifact,
  type ArtifactLayer,
  type ArtifactPut,
  getArtifact,
  putArtifact,
  troubleOf,
} from '../../cache/artifacts.ts';
import type { CacheRepository } from '../../cache/repository.ts';
import type { FoundManifest } from '../../registry/manifests.ts';

/** What the cache repository could not do, for people. */
export interface KeeperTrouble {
  readonly outcome: string;
  readonly detail: string;
}

/** Kinds of what is kept; part of the tag and of the artifact's type. */
export type KeptKind = 'base' | 'lock' | 'recent' | 'layer' | 'plan' | 'last' | 'wheel';

/**
 * What a project's builds keep for each other, under tags in the cache repository. Nothing of it ever fails a build: what
 * cannot be read or written is told once, and made anew.
 */
export interface Keeper {
  readonly repository: CacheRepository;
  /** What is under a tag as it is; undefined, as of the next two, for whatever reason it cannot be had. */
  readonly manifest: (tag: string) => Promise<FoundManifest | undefined>;
  /** The bytes of a small blob. */
  readonly blob: (digest: string) => Promise<Uint8Array | undefined>;
  /** A blob's size in bytes. */
  readonly statBlob: (digest: string) => Promise<number | undefined>;
  /** Undefined for whatever reason it cannot be had. */
  readonly find: (kind: KeptKind, key: string) => Promise<Artifact | undefined>;
  /** @returns what became of it, with the bytes that were sent */
  readonly keep: (
    kind: KeptKind,
    key: string,
    config: object,
    layers?: readonly ArtifactLayer[],
  ) => Promise<ArtifactPut>;
  /** Each thing that went wrong once. */
  readonly troubles: () => readonly KeeperTrouble[];
}

/** The tag of what is kept: layers have the short form, since they are the most. */
export function keptTag(kind: KeptKind, key: string): string {
  return kind === 'layer' ? `lw-${key}` : `lw-${kind}-${key}`;
}

/** @param reads false if nothing that was kept may be used (`--no-cache`) */
export function keeper(repository: CacheRepository, reads: boolean): Keeper {
  const troubles = new Map<string, KeeperTrouble>();
  const note = (outcome: string, detail: string) => {
    if (!troubles.has(outcome)) troubles.set(outcome, { outcome, detail });
  };
  const attempt = async <T>(work: () => Promise<T | undefined>): Promise<T | undefined> => {
    // What does not answer is not asked again and again: each time takes all its retries.
    if (troubles.has('unreachable')) return undefined;
    try {
      return await work();
    } catch (error) {
      note(troubleOf(error), (error as Error).message);
      return undefined;
    }
  };
  return {
    repository,
    manifest: (tag) => attempt(() => repository.manifest(tag)),
    blob: (digest) => attempt(() => repository.blob(digest)),
    statBlob: (digest) => attempt(() => repository.statBlob(digest)),
    async find(kind, key) {
      if (!reads || troubles.has('unreachable')) return undefined;
      const looked = await getArtifact(repository, keptTag(kind, key), kind);
      if (looked.outcome === 'hit') return looked.artifact;
      if (looked.outcome !== 'miss') note(looked.outcome, looked.detail);
      return undefined;
    },
    async keep(kind, key, config, layers = []) {
      const unreachable = troubles.get('unreachable');
      if (unreachable) return { outcome: 'unreachable', detail: unreachable.detail };
      // Read beside everything else: nobody waits for it.
      const embeds = kind !== 'last';
      const put = await putArtifact(repository, keptTag(kind, key), { kind, config, layers, embeds });
      if (put.outcome !== 'put' && put.outcome !== 'missing') note(put.outcome, put.detail);
      return put;
    },
    troubles: () => [...troubles.values()],
  };
}
