import type { PathEntry } from './path-entry.ts';
import { childrenOf, type PathNode, rootNode, step } from './path-tree.ts';

/** Where a path leads. */
export interface ResolvedPath {
  /** Without links, as in {@link PathEntry}; of what is not there the rest is taken as written. */
  readonly path: string;
  /** What is there; undefined if nothing is, or if its links go round in a circle. */
  readonly entry: PathEntry | undefined;
  /** True if more links had to be followed than Linux follows (40): a circle. */
  readonly loop: boolean;
}

/**
 * The paths of an image's file system. It never changes: {@link withLayer} makes another that shares what is the same.
 * Paths are those of {@link PathEntry}; a slash at either end, `.` and empty parts of an argument are passed over.
 */
export interface PathIndex {
  /** What stands under a path as it is written, no link followed. The root (`''`) is always there. */
  readonly get: (path: string) => PathEntry | undefined;
  /** Names in a directory, sorted by their UTF-16 units; none if it is no directory. */
  readonly children: (directory: string) => readonly string[];
  /** Follows links in every part, as a process would whose root is the image's: `..` never leads above it. */
  readonly resolve: (path: string) => ResolvedPath;
  /** The same, but for the last part, which stays what it is: where a file of that name would be written. */
  readonly resolveParent: (path: string) => ResolvedPath;
  /** How many paths there are, the root left out. */
  readonly size: number;
  /** All but the root: a directory is followed by what is in it, names in the order of `children`. */
  readonly entries: () => Iterable<PathEntry>;
  /** For {@link withLayer} and {@link serialiseIndex}. */
  readonly root: PathNode;
}

/** How many links are followed on the way of one path, as in Linux. */
export const MAX_LINKS = 40;

/** An image without any layer: a root directory of 0755 0:0. */
export function emptyIndex(): PathIndex {
  return indexOf(rootNode());
}

/** The index over a tree. */
export function indexOf(root: PathNode): PathIndex {
  let size: number | undefined;
  return {
    root,
    get: (path) => nodeAt(root, path)?.entry,
    children(directory) {
      const node = nodeAt(root, directory);
      return node === undefined ? [] : sortedNames(node);
    },
    resolve: (path) => resolveIn(root, path, true),
    resolveParent: (path) => resolveIn(root, path, false),
    get size() {
      size ??= countBelow(root);
      return size;
    },
    entries: () => below(root),
  };
}

/** Names in a directory, in the order that everything made of an index has. */
export function sortedNames(node: PathNode): readonly string[] {
  return [...childrenOf(node).keys()].sort();
}

function nodeAt(root: PathNode, path: string): PathNode | undefined {
  let node: PathNode | undefined = root;
  for (const part of partsOf(path)) node = node && step(node, part);
  return node;
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

function countBelow(node: PathNode): number {
  let count = 0;
  for (const child of childrenOf(node).values()) count += 1 + countBelow(child);
  return count;
}

function* below(node: PathNode): Generator<PathEntry> {
  for (const name of sortedNames(node)) {
    const child = step(node, name) as PathNode;
    yield child.entry;
    if (child.entry.type === 'directory') yield* below(child);
  }
}

function resolveIn(root: PathNode, path: string, last: boolean): ResolvedPath {
  const todo = partsOf(path).reverse();
  let way: PathNode[] = [root];
  for (let links = 0; ; ) {
    const part = todo.pop();
    const here = way.at(-1) as PathNode;
    if (part === undefined) return { path: here.entry.path, entry: here.entry, loop: false };
    if (part === '..') {
      if (way.length > 1) way.pop();
      continue;
    }
    const next = step(here, part);
    if (next === undefined) return missing(here, [part, ...todo.reverse()]);
    if (next.entry.type !== 'symlink' || (todo.length === 0 && !last)) {
      way.push(next);
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) return { ...missing(here, [part, ...todo.reverse()]), loop: true };
    if (next.entry.link.startsWith('/')) way = [root];
    todo.push(...partsOf(next.entry.link).reverse());
  }
}

/** What does not exist has no links: `..` goes up by name. */
function missing(here: PathNode, rest: readonly string[]): ResolvedPath {
  const path = partsOf(here.entry.path);
  for (const part of rest) {
    if (part === '..') path.pop();
    else path.push(part);
  }
  return { path: path.join('/'), entry: undefined, loop: false };
}
