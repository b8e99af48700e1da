import type { PathEntry } from '../image/path-entry.ts';
import { type Hazard, parentOf } from './tree.ts';
import { whiteoutOf } from './tree-node.ts';

/** Looks at the entries of one layer. */
interface LayerWatch {
  readonly see: (entry: Pick<PathEntry, 'path' | 'type'>) => void;
  /** What was seen so far, by path. */
  readonly found: () => readonly Hazard[];
}

/** As tried with Docker's two stores, BuildKit, containerd with parallel unpacking, and umoci. */
const HAZARDS = {
  both: 'is removed and written in one layer: runtimes differ in what is left',
  nothing: 'is removed where nothing is: BuildKit does not build upon such an image',
  directory:
    'is a directory without an entry in a layer that writes into it: runtimes differ in its mode and owner',
} as const;

/**
 * Finds what runtimes make different file systems of.
 *
 * @param isBelow whether a lower layer has the path, and this one has not replaced it yet
 */
export function watchLayer(isBelow: (path: string) => boolean): LayerWatch {
  const written = new Set<string>();
  const directories = new Set<string>(['']);
  const removed = new Map<string, 'there' | 'nothing'>();
  const parents = new Set<string>();
  return {
    see({ path, type }) {
      const whiteout = whiteoutOf(path);
      if (whiteout?.kind === 'note') return;
      if (whiteout?.kind === 'one') removed.set(whiteout.path, isBelow(whiteout.path) ? 'there' : 'nothing');
      if (whiteout === undefined) written.add(path);
      if (type === 'directory') directories.add(path);
      for (let at = parentOf(path); !parents.has(at); at = parentOf(at)) parents.add(at);
    },
    found() {
      const hazards: Hazard[] = [...parents]
        .filter((path) => !directories.has(path))
        .map((path) => ({ path, what: HAZARDS.directory }));
      for (const [path, what] of removed)
        if (written.has(path)) hazards.push({ path, what: HAZARDS.both });
        else if (what === 'nothing') hazards.push({ path, what: HAZARDS.nothing });
      return hazards.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
    },
  };
}
