import { closest, distance } from 'fastest-levenshtein';

/** The known name that somebody who wrote another one probably meant; undefined if none is near. */
export function nearest(written: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  // Spellings that differ in case and separators alone are the same word: cache_repo, cache-repo, cacheRepo.
  const plain = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, '');
  const same = known.find((name) => plain(name) === plain(written));
  if (same !== undefined) return same;
  const near = closest(written, known);
  return distance(written, near) <= Math.max(2, Math.floor(near.length / 3)) ? near : undefined;
}
