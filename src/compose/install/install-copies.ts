import type { PathIndex } from '../../image/path-index.ts';
import type { DependencyLayerRequest, Move, Relocation } from '../../layers/layer.ts';
import { ancestorsOf, type DirectoryRules, directoryFacts } from '../../layers/layer-directories.ts';
import { movedPath, relocatedPaths } from '../../layers/relocate.ts';
import { directoriesAbove, isKept } from './install-paths.ts';

/** A copy of what was installed. */
export interface InstallCopy {
  readonly moves: readonly Move[];
  /** The image that it is copied to, with what is copied. */
  readonly files: PathIndex;
}

/** What is installed and copied. */
interface Copied extends Omit<DirectoryRules, 'directories'> {
  /** The image below. */
  readonly files: PathIndex;
  readonly keep: readonly string[] | undefined;
  readonly copies?: readonly InstallCopy[];
}

/** Where copies bring a path. */
export function copiedPaths(path: string, copies: readonly InstallCopy[]): readonly string[] {
  return copies.reduce<readonly string[]>(
    (now, copy) => now.flatMap((one) => relocatedPaths(one, copy)),
    [path],
  );
}

/** What of a group's paths is wanted, and what a request says of that. */
export interface Wanted {
  readonly paths: readonly string[];
  readonly request: Pick<DependencyLayerRequest, 'keep' | 'relocations'>;
}

/** What of a group's paths is wanted, and what its layer's request says of that. */
export function wantedOf(input: Copied, paths: readonly string[]): Wanted {
  const { copies = [] } = input;
  const [copy, ...more] = copies;
  const keep = copy === undefined ? input.keep : copy.moves.map(({ from }) => from);
  if (copy === undefined || (more.length === 0 && isAsItWas(input, copy, paths))) {
    const kept = paths.filter((path) => isKept(path, keep));
    return {
      paths: kept,
      request: { keep: kept.length === paths.length ? undefined : [...(keep ?? [])].sort() },
    };
  }
  const relocations: Relocation[] = [];
  let now = paths;
  for (const { moves, files } of copies) {
    const used = moves.filter((move) => now.some((path) => movedPath(move, path) !== undefined));
    now = now.flatMap((path) => relocatedPaths(path, { moves: used }));
    relocations.push({ moves: used, directories: directoriesAbove(files, now) });
  }
  const kept = paths.filter((path) => copiedPaths(path, copies).length > 0);
  return { paths: kept, request: { keep: undefined, relocations } };
}

/** True for a copy to the same place, where all directories are as they were made. */
function isAsItWas(input: Copied, { moves, files }: InstallCopy, paths: readonly string[]): boolean {
  if (moves.some(({ from, to, owner, mode }) => from !== to || owner !== undefined || mode !== undefined))
    return false;
  const kept = paths.filter((path) => relocatedPaths(path, { moves }).length > 0);
  const facts = directoryFacts({ ...input, directories: directoriesAbove(input.files, kept) });
  return [...ancestorsOf(kept)].every((path) => {
    const here = files.get(path);
    const made = facts(path);
    return here?.mode === made.mode && here.uid === made.uid && here.gid === made.gid;
  });
}
