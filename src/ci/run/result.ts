import type { CacheOutcome } from './cache.ts';

/** A phase that ran, or one try of it. */
export interface PhaseRecord {
  /** As CodeBuild calls it: `DOWNLOAD_SOURCE`, `INSTALL`, `PRE_BUILD`, `BUILD`, `POST_BUILD`, `UPLOAD_ARTIFACTS`. */
  readonly name: string;
  readonly state: 'SUCCEEDED' | 'FAILED';
  /** Counts from 1; more than 1 after a retry. */
  readonly attempt: number;
  readonly seconds: number;
  /** `COMMAND_EXECUTION_ERROR`, `CLIENT_ERROR` ...; empty if the phase succeeded. */
  readonly statusCode: string;
  readonly message: string;
}

/** What became of one path of the cache. */
export interface CachePathRecord {
  readonly path: string;
  /** null if nothing was tried. */
  readonly restored: CacheOutcome | null;
  /** The key that was found: the key itself, or one that a fallback key leads to. */
  readonly restoredKey: string | null;
  readonly saved: CacheOutcome | null;
  /** Why one of them did not work. */
  readonly problem: string | null;
}

export interface CacheRecord {
  /** With its variables expanded; null without a store. */
  readonly key: string | null;
  /** Of all paths the outcome that is the worst; null if nothing was tried. */
  readonly restored: CacheOutcome | null;
  readonly saved: CacheOutcome | null;
  readonly paths: readonly CachePathRecord[];
}

export interface ArtifactRecord {
  /** null for the primary artifact. */
  readonly identifier: string | null;
  readonly name: string | null;
  readonly directory: string;
  readonly files: readonly string[];
  readonly bytes: number;
}

/** `ci run --json`. */
export interface CiRunRecord {
  readonly schemaVersion: 1;
  readonly outcome: 'succeeded' | 'failed';
  readonly buildId: string;
  readonly phases: readonly PhaseRecord[];
  /** Without those whose value is hidden. */
  readonly exportedVariables: Readonly<Record<string, string>>;
  readonly artifacts: readonly ArtifactRecord[];
  /** null if the buildspec has no cache. */
  readonly cache: CacheRecord | null;
  /** What CodeBuild has and this run has not. */
  readonly notAvailable: readonly string[];
}
