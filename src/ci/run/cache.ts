import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { EXIT, LayerwrightError } from '../../errors.ts';
import { kindOf } from '../../host/files.ts';
import type { BuildspecCache } from '../buildspec/buildspec.ts';
import { filesMatching, isPattern } from './glob.ts';

/** What became of one restore or save: the words of `layerwright cache`, and `skipped` where nothing had to be done. */
export type CacheOutcome =
  | 'hit'
  | 'miss'
  | 'saved'
  | 'unchanged'
  | 'nothing'
  | 'skipped'
  | 'corrupt'
  | 'unauthorized'
  | 'unreachable'
  | 'failed';

/** A copy that was restored or saved. */
export interface CacheTransfer {
  readonly outcome: CacheOutcome;
  /** The key that was found or written. */
  readonly matchedKey: string | undefined;
  readonly bytes: number;
  /** Why it did not work. */
  readonly problem: string | undefined;
}

/** A store of directories. Neither of the two throws because the store is not there. */
export interface DirectoryStore {
  readonly save: (key: string, directory: string) => Promise<CacheTransfer>;
  readonly restore: (
    key: string,
    fallbackKeys: readonly string[],
    directory: string,
  ) => Promise<CacheTransfer>;
}

/** One of the paths of a buildspec's cache. */
export interface CachedPath {
  /** As the buildspec has it, with its variables expanded. */
  readonly path: string;
  /** Absolute: the directory that is saved as a whole, or that the pattern starts from. */
  readonly directory: string;
  /** Relative to the directory: only these files are saved; undefined for all. */
  readonly pattern: string | undefined;
  /** Name of this path among all that are cached together: the same path with other company is another cache. */
  readonly version: string;
}

/** A buildspec's cache with everything expanded. */
export interface CachePlan {
  readonly key: string;
  readonly fallbackKeys: readonly string[];
  /** A key of the user's own belongs to one content for ever; without one the cache follows the project. */
  readonly keyed: boolean;
  readonly action: BuildspecCache['action'];
  readonly paths: readonly CachedPath[];
}

/**
 * Works out what is cached under which key (Build specification reference, cache; AWS CodeBuild User Guide, "Amazon S3 caching").
 *
 * @param project names the cache of a buildspec without a key
 * @param expand expands variables and `$(...)`
 */
export async function planCache(
  cache: BuildspecCache,
  places: { readonly source: string; readonly home: string; readonly project: string },
  expand: (text: string) => Promise<string>,
): Promise<CachePlan> {
  const paths: string[] = [];
  for (const path of cache.paths) paths.push(path.includes('$') ? await expand(path) : path);
  const all = createHash('sha256').update(JSON.stringify(paths.toSorted()));
  const together = all.digest('hex').slice(0, 16);
  const fallbackKeys: string[] = [];
  // Without a key, fallback keys have no meaning.
  if (cache.key !== undefined)
    for (const key of cache.fallbackKeys) fallbackKeys.push(key.includes('$') ? await expand(key) : key);
  return {
    key: cache.key === undefined ? `project-${places.project}` : await expand(cache.key),
    fallbackKeys,
    keyed: cache.key !== undefined,
    action: cache.action,
    paths: paths.map((path) => cachedPath(path, places, together)),
  };
}

function cachedPath(
  path: string,
  { source, home }: { readonly source: string; readonly home: string },
  together: string,
): CachedPath {
  const clean = path.replace(/^~(?=\/|$)/, home);
  const own = createHash('sha256').update(path).digest('hex').slice(0, 8);
  const version = `${together}-${own}`;
  // `DIR/**/*`, `DIR/**`, `DIR/*` and `DIR/` all mean the directory with what is in it.
  const match = /^(?:([^*]*?)\/+)?(?:\*\*(?:\/\*)?|\*)$/.exec(clean) ?? /^(.*?)\/+$/.exec(clean);
  const whole = match === null ? undefined : match[1] || (clean.startsWith('/') ? '/' : '.');
  if (whole !== undefined && !isPattern(whole))
    return { path, directory: resolve(source, whole), pattern: undefined, version };
  const absolute = resolve(source, clean);
  const directory = isPattern(clean) ? plainDirectory(absolute) : dirname(absolute);
  return { path, directory, pattern: relative(directory, absolute), version };
}

function plainDirectory(pattern: string): string {
  let directory = pattern;
  while (isPattern(directory)) directory = dirname(directory);
  return directory;
}

/** Puts a path of the cache back where it was. Never fails but by an interrupt. */
export async function restorePath(
  store: DirectoryStore,
  plan: CachePlan,
  cached: CachedPath,
): Promise<CacheTransfer> {
  const restore = (kind: Kind, directory: string) =>
    store.restore(
      storeKey(cached, kind, plan.key),
      plan.fallbackKeys.map((key) => storeKey(cached, kind, key)),
      directory,
    );
  return await unlessItFails(async () => {
    const { directory, pattern } = cached;
    if (pattern === undefined) return await restore('directory', directory);
    // A path without a pattern is a file or a directory: only the store knows which.
    const asDirectory = isPattern(pattern) ? undefined : await restore('directory', join(directory, pattern));
    return asDirectory?.outcome === 'hit' ? asDirectory : await restore('files', directory);
  });
}

/**
 * Saves a path of the cache. Never fails but by an interrupt.
 *
 * @param temporary a directory of this run alone
 */
export async function savePath(
  store: DirectoryStore,
  plan: CachePlan,
  cached: CachedPath,
  temporary: string,
): Promise<CacheTransfer> {
  return await unlessItFails(async () => {
    const { directory, pattern } = cached;
    const absolute = join(directory, pattern ?? '.');
    if (pattern === undefined || (await kindOf(absolute)) === 'directory')
      return await store.save(storeKey(cached, 'directory', plan.key), absolute);
    const files = await filesMatching(directory, [pattern]);
    if (files.length === 0) return { ...NO_TRANSFER, outcome: 'nothing', problem: 'no file matches' };
    const staged = await mkdtemp(join(temporary, 'cache-'));
    try {
      for (const file of files) {
        await mkdir(dirname(join(staged, file)), { recursive: true });
        await copyFile(join(directory, file), join(staged, file));
      }
      return await store.save(storeKey(cached, 'files', plan.key), staged);
    } finally {
      await rm(staged, { recursive: true, force: true });
    }
  });
}

/** Nothing was moved. */
export const NO_TRANSFER = { matchedKey: undefined, bytes: 0, problem: undefined } as const;

type Kind = 'directory' | 'files';

/** The key comes last: a fallback key is the beginning of a key. */
function storeKey({ version }: CachedPath, kind: Kind, key: string): string {
  return `codebuild/${version}/${kind}/${key}`;
}

/** The key as the buildspec has it, from one of the store. */
export function plainKey(storeKey: string): string {
  return storeKey.split('/').slice(3).join('/');
}

async function unlessItFails(work: () => Promise<CacheTransfer>): Promise<CacheTransfer> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LayerwrightError && error.exit === EXIT.interrupted) throw error;
    const problem = error instanceof Error ? error.message : String(error);
    return { ...NO_TRANSFER, outcome: 'failed', problem };
  }
}
