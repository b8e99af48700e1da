import type { PathEntry } from '../image/path-entry.ts';
import type { DirectoryFacts } from './layer.ts';

/** What decides modes and owners of what a layer adds below an image's directories; as in `DependencyLayerRequest`. */
export interface DirectoryRules {
  readonly directories: Readonly<Record<string, DirectoryFacts>>;
  readonly uid: number;
  readonly gid: number;
  readonly umask: number;
}

const SET_GROUP_ID = 0o2000;

/**
 * A function from the path of a directory to what it is, or will be, in the image: those that are there stay as they are; a
 * new one is 0777 without the umask and inherits group and bit from a parent with set-group-ID, as on Linux.
 */
export function directoryFacts(rules: DirectoryRules): (path: string) => DirectoryFacts {
  const known = new Map(Object.entries(rules.directories));
  const facts = (path: string): DirectoryFacts => {
    const found = known.get(path);
    if (found !== undefined) return found;
    const made = path === '' ? { mode: 0o755, uid: 0, gid: 0 } : newDirectory(rules, facts(parentOf(path)));
    known.set(path, made);
    return made;
  };
  return facts;
}

function newDirectory({ uid, gid, umask }: DirectoryRules, parent: DirectoryFacts): DirectoryFacts {
  const mode = 0o777 & ~umask;
  return parent.mode & SET_GROUP_ID
    ? { mode: mode | SET_GROUP_ID, uid, gid: parent.gid }
    : { mode, uid, gid };
}

/** The group of a new file in that directory. */
export function groupBelow(directory: DirectoryFacts, gid: number): number {
  return directory.mode & SET_GROUP_ID ? directory.gid : gid;
}

/** The entry of a directory. */
export function directoryEntry(path: string, { mode, uid, gid }: DirectoryFacts): PathEntry {
  return { path, type: 'directory', mode, uid, gid, size: 0, link: '' };
}

/** All directories above the paths, the root left out, each once. */
export function ancestorsOf(paths: Iterable<string>): ReadonlySet<string> {
  const found = new Set<string>();
  for (const path of paths)
    for (let above = parentOf(path); above !== '' && !found.has(above); above = parentOf(above))
      found.add(above);
  return found;
}

/** The directory that a path is in; `''` for the root. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** In the order of a layer's entries: by the bytes of their paths, so that a directory stands before what is in it. */
export function sortedByPath<T extends { readonly path: string }>(items: Iterable<T>): readonly T[] {
  return [...items]
    .map((item) => ({ item, key: Buffer.from(item.path).toString('latin1') }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ item }) => item);
}
