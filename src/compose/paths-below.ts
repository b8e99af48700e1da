import type { PathEntry } from '../image/path-entry.ts';
import type { PathIndex } from '../image/path-index.ts';

/** A path of an index, if it is there, and all that is below it. */
export function* entriesBelow(index: PathIndex, path: string): Generator<PathEntry> {
  const entry = index.get(path);
  if (entry === undefined) return;
  yield entry;
  for (const name of index.children(path)) yield* entriesBelow(index, `${path}/${name}`);
}

/** True if a path (without a leading slash) is at or below one of these absolute ones. */
export function isBelow(path: string, roots: readonly string[]): boolean {
  return roots.some((root) => `/${path}` === root || `/${path}`.startsWith(`${root}/`));
}
