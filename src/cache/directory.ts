import { resolve } from 'node:path';
import { interruptedError, knownError, LayerwrightError, usageError } from '../errors.ts';
import { kindOf } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import { noteCorrupt } from './directory-content.ts';
import type { Manifest } from './directory-manifest.ts';
import { findManifest, restoreContent } from './directory-restore.ts';
import { saveContent } from './directory-save.ts';
import { newTally } from './directory-tally.ts';
import { requireKey } from './store/keys.ts';
import { openStore } from './store/open.ts';

/** Where a copy of a directory is kept, and of which one. */
export interface DirectoryRequest {
  /** `s3://BUCKET/PREFIX` or `file:///DIR`. */
  readonly store: string;
  /** Name of the copy: any characters, at most 512 bytes of UTF-8. */
  readonly key: string;
  /** Absolute, or relative to `host.cwd`. */
  readonly directory: string;
}

/** What a save did. None of these is an error: a cache never fails a build. */
export type SaveOutcome =
  /** The key has this content now. */
  | 'saved'
  /** The key had this content already: nothing was written. */
  | 'unchanged'
  /** There was nothing to save: the directory is not there, or it changed all the time. `problem` says which. */
  | 'nothing'
  | 'unauthorized'
  | 'unreachable';

/** What a restore found. Only `hit` has changed the directory. */
export type RestoreOutcome = 'hit' | 'miss' | 'corrupt' | 'unauthorized' | 'unreachable';

interface Transfer {
  /** The key that was written or found, e.g. a longer one that a fallback key led to; undefined if there is none. */
  readonly matchedKey: string | undefined;
  /** Bytes of the objects that were sent to the store, the small ones too. */
  readonly bytesUploaded: number;
  /** Bytes of the objects that were read from the store, the small ones too. */
  readonly bytesDownloaded: number;
  /** Files and links in the copy, directories not counted; 0 where there is none. */
  readonly files: number;
  readonly seconds: number;
  /** Why it is neither saved nor a hit or miss. Its `exit` is the exit code with `--strict`. */
  readonly problem: LayerwrightError | undefined;
}

export interface SaveResult extends Transfer {
  readonly outcome: SaveOutcome;
  /** Sockets, devices and pipes that were left out. */
  readonly skipped: number;
}

export interface RestoreResult extends Transfer {
  readonly outcome: RestoreOutcome;
}

/**
 * Saves a directory under a key, whose content it replaces.
 *
 * @throws LayerwrightError for what is wrong with the request (`STORE_UNKNOWN`, `STORE_INVALID`, `KEY_INVALID`: 2) or with
 *   this machine's own files (`FILE_UNUSABLE` 2, `DISK_FULL` 75), `INTERRUPTED` (130)
 */
export async function saveDirectory(host: Host, request: DirectoryRequest): Promise<SaveResult> {
  const started = host.clock.monotonicMs();
  requireKey(request.key, '--key');
  const store = await openStore(host, request.store);
  const directory = resolve(host.cwd, request.directory);
  const tally = newTally();
  const result = (outcome: SaveOutcome, problem?: LayerwrightError): SaveResult => ({
    outcome,
    matchedKey: outcome === 'saved' || outcome === 'unchanged' ? request.key : undefined,
    ...tally,
    seconds: (host.clock.monotonicMs() - started) / 1000,
    problem,
  });
  try {
    await requireDirectory(directory);
    return result(await saveContent({ host, store, key: request.key, directory, tally }));
  } catch (thrown) {
    const problem = asProblem(host, thrown);
    return result((SAVE_OUTCOMES[problem.code] as SaveOutcome | undefined) ?? raise(problem), problem);
  }
}

/**
 * Puts the content of a key into a directory: its files win, other files stay. Until all of it is there and verified the
 * directory is as it was. Without that key the newest one is taken that starts with the first fallback key, then with the
 * second one, and so on.
 *
 * @throws as `saveDirectory`
 */
export async function restoreDirectory(
  host: Host,
  request: DirectoryRequest & { readonly fallbackKeys: readonly string[] },
): Promise<RestoreResult> {
  const started = host.clock.monotonicMs();
  requireKey(request.key, '--key');
  for (const key of request.fallbackKeys) requireKey(key, '--fallback-key');
  const store = await openStore(host, request.store);
  const directory = resolve(host.cwd, request.directory);
  const tally = newTally();
  let manifest: Manifest | undefined;
  const result = (outcome: RestoreOutcome, problem?: LayerwrightError): RestoreResult => ({
    outcome,
    matchedKey: manifest?.key,
    bytesUploaded: 0,
    bytesDownloaded: tally.bytesDownloaded,
    files: outcome === 'hit' ? tally.files : 0,
    seconds: (host.clock.monotonicMs() - started) / 1000,
    problem,
  });
  try {
    if ((await kindOf(directory)) !== undefined) await requireDirectory(directory);
    manifest = await findManifest(store, request, tally);
    if (manifest === undefined) return result('miss');
    await restoreContent({ host, store, directory, manifest, tally });
    return result('hit');
  } catch (thrown) {
    const problem = asProblem(host, thrown);
    if (problem.code === 'CACHE_CORRUPT' && manifest) await noteCorrupt(host, manifest.sha256);
    return result((RESTORE_OUTCOMES[problem.code] as RestoreOutcome | undefined) ?? raise(problem), problem);
  }
}

const STORE_OUTCOMES = {
  STORE_UNAUTHORIZED: 'unauthorized',
  STORE_UNREACHABLE: 'unreachable',
  STORE_MISSING: 'unreachable',
  STORE_REFUSED: 'unreachable',
} as const;
const SAVE_OUTCOMES: Readonly<Record<string, SaveOutcome>> = {
  ...STORE_OUTCOMES,
  DIRECTORY_MISSING: 'nothing',
  DIRECTORY_CHANGED: 'nothing',
};
const RESTORE_OUTCOMES: Readonly<Record<string, RestoreOutcome>> = {
  ...STORE_OUTCOMES,
  CACHE_CORRUPT: 'corrupt',
};

/** @throws LayerwrightError `DIRECTORY_MISSING` (2), `FILE_UNUSABLE` (2) */
async function requireDirectory(directory: string): Promise<void> {
  const kind = await kindOf(directory);
  if (kind === undefined)
    throw usageError('DIRECTORY_MISSING', `${directory} is not there`, 'Is it made later, or elsewhere?');
  if (kind !== 'directory')
    throw usageError('FILE_UNUSABLE', `${directory} is no directory`, 'Name a directory.');
}

/** What was thrown, as an error of ours; anything else goes on as what it is. */
function asProblem(host: Host, thrown: unknown): LayerwrightError {
  if (host.signal.aborted) throw interruptedError();
  const known = knownError(thrown);
  if (known instanceof LayerwrightError) return known;
  throw known;
}

function raise(problem: LayerwrightError): never {
  throw problem;
}
