import type { PathEntry } from '../image/path-entry.ts';
import { makeDirectories, type Owner, type PathLookup, resolvePath, treeOver, Unsure } from './tree.ts';

/** What `WORKDIR` adds to an image. */
export type WorkdirPlan =
  | { readonly entries: readonly PathEntry[]; readonly reason?: undefined }
  /** Why it is not ours to compose. */
  | { readonly entries: readonly []; readonly reason: string };

/**
 * The directories that `WORKDIR` makes: 0755, of the image's user as it is at that instruction (BuildKit gives them to `USER`),
 * with every directory above them as it is. None if the directory is there.
 *
 * @param path absolute
 * @param owner of the `USER` in force; undefined if there is none
 */
export function planWorkdir(path: string, lower: PathLookup, owner: Owner | undefined): WorkdirPlan {
  const tree = treeOver<never>(lower);
  try {
    makeDirectories(tree, resolvePath(tree.get, path), 0o755, owner);
  } catch (error) {
    if (error instanceof Unsure) return { entries: [], reason: error.message };
    throw error;
  }
  return { entries: tree.written().map(({ entry }) => entry) };
}
