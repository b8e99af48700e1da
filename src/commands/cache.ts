import {
  type RestoreOutcome,
  type RestoreResult,
  restoreDirectory,
  type SaveOutcome,
  type SaveResult,
  saveDirectory,
} from '../cache/directory.ts';
import { EXIT, type ExitCode, type LayerwrightError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { formatBytes, formatSeconds } from '../report/format.ts';

/** The options of `cache save` and `cache restore`. */
export interface CacheOptions {
  /** `s3://BUCKET/PREFIX` or `file:///DIR`. */
  readonly store: string;
  readonly key: string;
  readonly fallbackKeys: readonly string[];
  readonly directory: string;
  /** A store that fails is an error. */
  readonly strict: boolean;
}

/** What went wrong, for machines. */
export interface CacheProblem {
  /** Stable, listed in errors.md. */
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  /** Whether the same call may succeed later. */
  readonly temporary: boolean;
}

interface CacheRecord<Outcome> {
  readonly schemaVersion: 1;
  readonly outcome: Outcome;
  /** The key that was asked for. */
  readonly key: string;
  /** The key that was written or found; null if there is none. */
  readonly matchedKey: string | null;
  readonly bytesUploaded: number;
  readonly bytesDownloaded: number;
  /** Files and symbolic links. */
  readonly files: number;
  readonly seconds: number;
  readonly problem: CacheProblem | null;
}

/** `cache save --json`. */
export interface CacheSaveRecord extends CacheRecord<SaveOutcome> {
  /** Sockets, devices and pipes that were left out. */
  readonly skipped: number;
}

/** `cache restore --json`. */
export type CacheRestoreRecord = CacheRecord<RestoreOutcome>;

/** A record for machines, lines for people, and the exit code. */
export interface CacheCommandResult<T> {
  readonly record: T;
  readonly text: string;
  readonly exit: ExitCode;
}

/** Saves a directory in a store. Throws as `saveDirectory`; what the store does is told in the result. */
export async function cacheSave(
  host: Host,
  options: CacheOptions,
): Promise<CacheCommandResult<CacheSaveRecord>> {
  const result = await saveDirectory(host, options);
  const record = { ...recordOf(options, result), skipped: result.skipped };
  return { record, text: renderSave(options, result), exit: exitOf(options, result.problem) };
}

/** Restores a directory from a store. Throws as `restoreDirectory`; what the store does is told in the result. */
export async function cacheRestore(
  host: Host,
  options: CacheOptions,
): Promise<CacheCommandResult<CacheRestoreRecord>> {
  const result = await restoreDirectory(host, options);
  return {
    record: recordOf(options, result),
    text: renderRestore(options, result),
    exit: exitOf(options, result.problem),
  };
}

function recordOf<Outcome>(
  { key }: CacheOptions,
  result: Omit<RestoreResult, 'outcome'> & { readonly outcome: Outcome },
): CacheRecord<Outcome> {
  const { outcome, matchedKey, bytesUploaded, bytesDownloaded, files, seconds, problem } = result;
  return {
    schemaVersion: 1,
    outcome,
    key,
    matchedKey: matchedKey ?? null,
    bytesUploaded,
    bytesDownloaded,
    files,
    seconds: Math.round(seconds * 1000) / 1000,
    problem: problem
      ? {
          code: problem.code,
          message: problem.message,
          hint: problem.hint ?? null,
          temporary: problem.temporary,
        }
      : null,
  };
}

function exitOf({ strict }: CacheOptions, problem: LayerwrightError | undefined): ExitCode {
  return strict && problem ? problem.exit : EXIT.ok;
}

/** `cache save: saved wheels-abc, 182.0 MB in 1.9 s, 1,204 files`. */
export function renderSave({ key }: Pick<CacheOptions, 'key'>, result: SaveResult): string {
  const { outcome, bytesUploaded, files, skipped, seconds, problem } = result;
  const took = `in ${formatSeconds(seconds)}, ${fileCount(files)}`;
  const line = {
    saved: `saved ${shown(key)}, ${formatBytes(bytesUploaded)} ${took}`,
    unchanged: `unchanged ${shown(key)}, nothing uploaded ${took}`,
    nothing: `nothing saved under ${shown(key)}`,
    unauthorized: `not saved ${shown(key)}`,
    unreachable: `not saved ${shown(key)}`,
  }[outcome];
  const leftOut =
    skipped > 0 && problem === undefined
      ? `cache save: left out what is no file, directory or link: ${skipped}\n`
      : '';
  return `cache save: ${line}${told(problem)}\n${leftOut}`;
}

/** `cache restore: hit wheels-abc (exact), 182.0 MB in 1.9 s, 1,204 files`. */
export function renderRestore({ key }: Pick<CacheOptions, 'key'>, result: RestoreResult): string {
  const { outcome, matchedKey, bytesDownloaded, files, seconds, problem } = result;
  const how = matchedKey === key ? 'exact' : `fallback for ${shown(key)}`;
  const line = {
    hit: `hit ${shown(matchedKey ?? key)} (${how}), ${formatBytes(bytesDownloaded)} in ${formatSeconds(seconds)}, ${fileCount(files)}`,
    miss: `miss ${shown(key)}`,
    corrupt: `corrupt ${shown(matchedKey ?? key)}, nothing restored`,
    unauthorized: `not restored ${shown(key)}`,
    unreachable: `not restored ${shown(key)}`,
  }[outcome];
  return `cache restore: ${line}${told(problem)}\n`;
}

function told(problem: LayerwrightError | undefined): string {
  if (problem === undefined) return '';
  return `: ${problem.message} [${problem.code}]${problem.hint === undefined ? '' : `\nhint: ${problem.hint}`}`;
}

function fileCount(files: number): string {
  return `${files.toLocaleString('en-US')} file${files === 1 ? '' : 's'}`;
}

/** A key on one line of a terminal, whatever characters it has. */
function shown(key: string): string {
  return /^[\p{L}\p{N}\p{P}\p{S}]+$/u.test(key) ? key : JSON.stringify(key);
}
