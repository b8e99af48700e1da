import type { DirectoryFacts, Move, Relocation } from './layer.ts';

/** A file, or the facts of one, with a path without a leading slash. */
interface Owned {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Where a move takes a path (without a leading slash); undefined if it does not. */
export function movedPath({ from, to }: Pick<Move, 'from' | 'to'>, path: string): string | undefined {
  const absolute = `/${path}`;
  if (absolute === from) return to.slice(1);
  const below = from === '/' ? absolute : absolute.startsWith(`${from}/`) ? absolute.slice(from.length) : '';
  return below === '' ? undefined : `${to === '/' ? '' : to}${below}`.slice(1);
}

/** The paths that a copy brings a path to. */
export function relocatedPaths(path: string, { moves }: Pick<Relocation, 'moves'>): readonly string[] {
  return moves.flatMap((move) => movedPath(move, path) ?? []);
}

/** Files as they are after copies, one after the other. */
export function relocated<File extends Owned>(
  files: readonly File[],
  relocations: readonly Relocation[],
): readonly File[] {
  return relocations.reduce<readonly File[]>(
    (now, { moves }) =>
      now.flatMap((file) =>
        moves.flatMap((move) => {
          const path = movedPath(move, file.path);
          return path === undefined ? [] : [{ ...file, ...movedFacts(move, file), path }];
        }),
      ),
    files,
  );
}

/**
 * A function from the path of a directory to what it is after copies: what the image that it is copied to has or gets there is as
 * it says; any other is as it was made at its first place.
 *
 * @param made the facts of the first place
 */
export function relocatedFacts(
  made: (path: string) => DirectoryFacts,
  relocations: readonly Relocation[],
): (path: string) => DirectoryFacts {
  return relocations.reduce<(path: string) => DirectoryFacts>((before, { moves, directories }) => {
    const known = new Map(Object.entries(directories));
    return (path) => {
      const found = known.get(path);
      if (found !== undefined) return found;
      const [move, source] = sourceOf(path, moves);
      return movedFacts(move, before(source));
    };
  }, made);
}

/** The move that brought a directory to its path, the nearest one, and where it was. */
function sourceOf(path: string, moves: readonly Move[]): readonly [Move, string] {
  const found = moves
    .flatMap((move) => {
      const source = movedPath({ from: move.to, to: move.from }, path);
      return source === undefined ? [] : [[move, source] as const];
    })
    .sort(([a], [b]) => b.to.length - a.to.length)[0];
  if (found === undefined) throw new Error(`/${path} is no directory of what is copied`);
  return found;
}

function movedFacts({ owner, mode }: Move, facts: DirectoryFacts): DirectoryFacts {
  const { uid, gid } = owner ?? facts;
  return { mode: mode ?? facts.mode, uid, gid };
}
