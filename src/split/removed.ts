import type { PathEntry } from '../image/path-entry.ts';
import type { PathIndex } from '../image/path-index.ts';
import { isEscaped } from '../image/tar-text.ts';
import { ancestorsOf, parentOf, sortedByPath } from '../layers/layer-directories.ts';
import { CannotSplit } from './request.ts';

/**
 * Whiteouts of what is gone, and of what became a directory or was one, with the directories above them: the entries of a layer that
 * comes before all others, since no layer may remove and write the same path. None if nothing is gone.
 *
 * @throws CannotSplit for names that cannot be written
 */
export function removedEntries(below: PathIndex, after: PathIndex): readonly PathEntry[] {
  const gone = [...goneBelow(below, after, '')];
  const odd = gone.find(isEscaped);
  if (odd !== undefined) throw new CannotSplit(`/${odd} has a name that is no proper UTF-8`);
  const directories = [...ancestorsOf(gone)].map((path) => after.get(path) as PathEntry);
  return sortedByPath([...directories, ...gone.map(whiteout)]);
}

function* goneBelow(below: PathIndex, after: PathIndex, directory: string): Generator<string> {
  for (const name of below.children(directory)) {
    const path = directory === '' ? name : `${directory}/${name}`;
    const before = below.get(path) as PathEntry;
    const now = after.get(path);
    if (now === undefined || (now.type === 'directory') !== (before.type === 'directory')) yield path;
    else if (before.type === 'directory') yield* goneBelow(below, after, path);
  }
}

function whiteout(path: string): PathEntry {
  const parent = parentOf(path);
  const name = `.wh.${path.slice(path.lastIndexOf('/') + 1)}`;
  const at = parent === '' ? name : `${parent}/${name}`;
  return { path: at, type: 'file', mode: 0o644, uid: 0, gid: 0, size: 0, link: '' };
}
