import type { PathEntry } from '../image/path-entry.ts';
import type { PathIndex } from '../image/path-index.ts';

/** A `COPY --from=STAGE` whose paths stay where they are. */
export interface SpliceCopy {
  /** Absolute, clean, equal in the stage and here. */
  readonly path: string;
  readonly link: boolean;
}

/**
 * Whether the dependency layers of a stage, cut to the copied paths, do what a `COPY --from` does, beside the files of the
 * stage that no dependency layer holds. Pure.
 *
 * @returns a reason if they do not
 */
export function spliceTrouble(
  source: PathIndex,
  target: PathIndex,
  copies: readonly SpliceCopy[],
): string | undefined {
  for (const { path, link } of copies) {
    const there = source.get(path);
    if (there === undefined) return `${path} is not in the stage`;
    if (there.type !== 'directory') return `${path} is a ${there.type}, not a directory`;
    const trouble = ancestorTrouble(source, target, path, link) ?? rootTrouble(source, target, path);
    if (trouble !== undefined) return trouble;
  }
  return undefined;
}

/** A layer repeats the directories above a path as they are in the stage; they must be the same here. */
function ancestorTrouble(
  source: PathIndex,
  target: PathIndex,
  path: string,
  link: boolean,
): string | undefined {
  for (const above of directoriesAbove(path)) {
    const there = source.get(above);
    const here = target.get(above);
    if (here?.type !== 'directory' && here !== undefined) return `/${above} is a ${here.type} in this stage`;
    if (there?.type !== 'directory') return `/${above} is no directory in the stage that is copied from`;
    const expected = here !== undefined && !link ? here : MADE_BY_COPY;
    if (!sameDirectory(there, expected) || (here !== undefined && !sameDirectory(here, expected)))
      return `/${above} has another mode or owner in this stage`;
  }
  return undefined;
}

/** COPY leaves a directory that is there as it is, and gives a new one the mode of the source. */
function rootTrouble(source: PathIndex, target: PathIndex, path: string): string | undefined {
  const here = target.get(path);
  if (here === undefined) return undefined;
  if (here.type !== 'directory') return `${path} is a ${here.type} in this stage`;
  return sameDirectory(here, source.get(path) as PathEntry)
    ? undefined
    : `${path} has another mode or owner in this stage`;
}

const MADE_BY_COPY = { mode: 0o755, uid: 0, gid: 0 };

interface Owned {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

function sameDirectory(a: Owned, b: Owned): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid;
}

function directoriesAbove(path: string): readonly string[] {
  const parts = path.split('/').filter(Boolean);
  return parts.slice(0, -1).map((_, index) => parts.slice(0, index + 1).join('/'));
}
