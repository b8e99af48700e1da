import type { PathIndex } from '../image/path-index.ts';
import { isSameEntry } from './added-files.ts';
import { isVolatile } from './places.ts';
import type { NotSplit } from './request.ts';

/** A layer of less is sent again as fast as it is split. */
const WORTH_BYTES = 1024 * 1024;

/**
 * Whether what a segment added is worth being split, by the files' names and sizes alone: at least one distribution, or wheel, and more than
 * 1 MiB beside it.
 *
 * @param below files of the image that the segment was solved upon
 * @param after files of the solved one
 * @returns a reason if it is not
 */
export function isWorthSplitting(below: PathIndex, after: PathIndex): NotSplit | undefined {
  const sites = new Set<string>();
  const added: { readonly path: string; readonly size: number }[] = [];
  let bytes = 0;
  for (const entry of after.entries()) {
    const { path, type, size } = entry;
    if (type !== 'file' || isVolatile(path)) continue;
    const before = below.get(path);
    if (before !== undefined && isSameEntry(before, entry)) continue;
    const site = /^(?:(.+)\/)?[^/]+\.dist-info\/RECORD$/.exec(path);
    if (site !== null) sites.add(site[1] ?? '');
    if (path.endsWith('.whl')) bytes += size;
    else added.push({ path, size });
  }
  if (sites.size === 0 && bytes === 0)
    return { reason: 'it installs no distribution that can be told by its RECORD', hint: undefined };
  for (const { path, size } of added) if (isInOneOf(sites, path)) bytes += size;
  return bytes > WORTH_BYTES
    ? undefined
    : { reason: 'what it installs is too small to be worth it', hint: undefined };
}

function isInOneOf(sites: ReadonlySet<string>, path: string): boolean {
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1))
    if (sites.has(path.slice(0, at))) return true;
  return sites.has('');
}
