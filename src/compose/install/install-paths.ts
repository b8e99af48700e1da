import type { PathIndex } from '../../image/path-index.ts';
import type { DirectoryFacts } from '../../layers/layer.ts';

/** Names by the directory that they are written to. */
type Writes = ReadonlyMap<string, readonly string[]>;

/** Paths by the directory that they are in. */
export function writesOf(paths: readonly string[]): Writes {
  const found = new Map<string, string[]>();
  for (const path of paths) {
    const slash = path.lastIndexOf('/');
    const directory = slash < 0 ? '' : path.slice(0, slash);
    const name = path.slice(slash + 1);
    const names = found.get(directory);
    if (names === undefined) found.set(directory, [name]);
    else names.push(name);
  }
  return found;
}

/** The directories of an image above paths, and those of their bytecode, as they are. */
export function directoriesAbove(files: PathIndex, paths: readonly string[]): Record<string, DirectoryFacts> {
  const found: Record<string, DirectoryFacts> = {};
  const checked = new Set<string>();
  const take = (directory: string) => {
    if (checked.has(directory)) return false;
    checked.add(directory);
    const entry = files.get(directory);
    if (entry?.type === 'directory') found[directory] = { mode: entry.mode, uid: entry.uid, gid: entry.gid };
    return true;
  };
  for (const [directory, names] of writesOf(paths)) {
    for (const one of [directory, ...above(directory)]) if (!take(one)) break;
    // Their bytecode goes there.
    if (names.some((name) => name.endsWith('.py')))
      take(directory === '' ? '__pycache__' : `${directory}/__pycache__`);
  }
  return found;
}

/** The directories above a path, the nearest first, the root last. */
export function* above(path: string): Generator<string> {
  if (path === '') return;
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) yield path.slice(0, at);
  yield '';
}

/** True if a path is at or below one of these absolute ones; without any, always. */
export function isKept(path: string, keep: readonly string[] | undefined): boolean {
  return (
    keep === undefined || keep.some((prefix) => `/${path}` === prefix || `/${path}`.startsWith(`${prefix}/`))
  );
}
