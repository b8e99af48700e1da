import type { PathEntry } from '../image/path-entry.ts';
import { belowRoot, joinPath, parentOf } from './go-path.ts';

/** The file system that a layer comes upon; a `PathIndex` is one. */
export interface PathLookup {
  /** What stands under a path as it is written, no link followed. */
  readonly get: (path: string) => PathEntry | undefined;
}

/** The owner of what is created. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** A path with what the layer must know of it, such as where its content is. */
export interface Placed<Source> {
  readonly entry: PathEntry;
  readonly source: Source | undefined;
}

/** An image's file system with what an instruction writes over it. */
export interface Tree<Source> {
  readonly get: (path: string) => PathEntry | undefined;
  readonly put: (entry: PathEntry, source?: Source) => void;
  /** What was written, and every directory above it as it is, in the order of a layer. */
  readonly written: () => readonly Placed<Source>[];
}

/** What BuildKit would fail at, or where it is not sure what it does: the instruction is not ours to compose. */
export class Unsure extends Error {
  override readonly name = 'Unsure';
}

/** The entry of a directory. */
export function directoryEntry(path: string, facts: Owner & { readonly mode: number }): PathEntry {
  const { mode, uid, gid } = facts;
  return { path, type: 'directory', mode, uid, gid, size: 0, link: '' };
}

/** A root directory with nothing in it. */
const EMPTY: PathLookup = { get: () => undefined };
const ROOT = directoryEntry('', { mode: 0o755, uid: 0, gid: 0 });

/** A tree over an image's file system, or over an empty one. */
export function treeOver<Source>(lower: PathLookup = EMPTY): Tree<Source> {
  const changed = new Map<string, Placed<Source>>();
  const get = (path: string) =>
    changed.get(path)?.entry ?? lower.get(path) ?? (path === '' ? ROOT : undefined);
  return {
    get,
    put: (entry, source) => void changed.set(entry.path, { entry, source }),
    written() {
      const all = new Map(changed);
      for (const path of changed.keys())
        for (let above = parentOf(path); above !== '' && !all.has(above); above = parentOf(above))
          all.set(above, { entry: get(above) as PathEntry, source: undefined });
      return [...all.values()].sort((a, b) => (a.entry.path < b.entry.path ? -1 : 1));
    },
  };
}

/** As in BuildKit; a kernel stops at 40. */
const MAX_LINKS = 40;

/**
 * The path without symbolic links, never above the root; what is not there counts as no link.
 *
 * @throws Unsure for a circle, and where BuildKit's own way through many links may end elsewhere
 */
export function resolvePath(
  get: (path: string) => { readonly type: string; readonly link: string } | undefined,
  path: string,
): string {
  let links = 0;
  let upward = false;
  let rest = belowRoot(path).split('/').filter(Boolean);
  let here = '';
  while (rest.length > 0) {
    const [part = '', ...more] = rest;
    rest = more;
    if (part === '..') {
      here = parentOf(here);
      continue;
    }
    const next = joinPath(here, part);
    const found = get(next);
    if (found?.type !== 'symlink') {
      here = next;
      continue;
    }
    links += 1;
    upward ||= /(?:^|\/)\.\.(?:\/|$)/.test(found.link);
    // BuildKit takes `..` after a name as text, and looks at the links of a link's target only in its next pass.
    if (links > MAX_LINKS || /[^/.][^/]*\/+\.\.(?:\/|$)/.test(found.link) || (upward && links > 2))
      throw new Unsure(`the links on the way of ${path} are too many to be sure`);
    rest = [...found.link.split('/').filter((name) => name !== '' && name !== '.'), ...rest];
    if (found.link.startsWith('/')) here = '';
  }
  return here;
}

/**
 * Creates a directory with those above it, as BuildKit does: a new one gets the owner that is asked for, else it is root's and
 * inherits the group from a directory with set-group-ID.
 *
 * @param path without links
 * @throws Unsure if something else is in the way
 */
export function makeDirectories<Source>(
  tree: Tree<Source>,
  path: string,
  mode: number,
  owner: Owner | undefined,
): void {
  const found = tree.get(path);
  if (found?.type === 'directory') return;
  if (found !== undefined) throw new Unsure(`/${path} is no directory in the image`);
  makeDirectories(tree, parentOf(path), mode, owner);
  const above = tree.get(parentOf(path)) as PathEntry;
  const inherits = (above.mode & 0o2000) !== 0;
  tree.put(
    directoryEntry(path, {
      mode: inherits ? mode | 0o2000 : mode,
      uid: owner?.uid ?? 0,
      gid: owner?.gid ?? (inherits ? above.gid : 0),
    }),
  );
}
