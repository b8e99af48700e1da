import type { PathIndex } from '../../image/path-index.ts';
import { withLayer } from '../../image/path-index-layer.ts';
import type { Move } from '../../layers/layer.ts';
import { movedPath } from '../../layers/relocate.ts';
import type { Origin, Origins } from './splice-origins.ts';
import { planStageCopy, type StageCopyRequest, type StageEntry } from './stage-copy.ts';

/** A path that copies write, with where its content comes from. */
export interface SplicedEntry extends StageEntry {
  /** Undefined for a directory above what is copied. */
  readonly origin: Origin | undefined;
}

/** What neighbouring `COPY --from` of one stage come to. */
export interface Splice {
  /** In the order of a layer. */
  readonly entries: readonly SplicedEntry[];
  readonly moves: readonly Move[];
  /** The image with what is copied, bytecode aside. */
  readonly after: PathIndex;
}

/** Why copies are not spliced; if they might be one by one, `isShared`. */
export interface NotSpliced {
  readonly reason: string;
  readonly isShared: boolean;
}

/**
 * Finds out what copies of a stage write, and whether its layers, moved, do the same. Pure.
 *
 * @param before the image that is copied to
 */
export function planSplice(
  copies: readonly StageCopyRequest[],
  source: PathIndex,
  origins: Origins,
  before: PathIndex,
): Splice | NotSpliced {
  const refuse = (reason: string, isShared = false): NotSpliced => ({ reason, isShared });
  const written = new Map<string, StageEntry>();
  const moves: Move[] = [];
  let after = before;
  for (const copy of copies) {
    const planned = planStageCopy(copy, source, after);
    if ('reason' in planned) return refuse(planned.reason);
    const trouble = copyTrouble(copy, planned.isSymbolic, planned.moves, origins.installed);
    if (trouble !== undefined) return refuse(trouble);
    for (const one of planned.entries) written.set(one.entry.path, one);
    moves.push(...planned.moves);
    after = withLayer(
      after,
      planned.entries.map(({ entry }) => entry),
    );
  }
  const trouble = origins.trouble(moves.map(({ from }) => from));
  if (trouble !== undefined) return refuse(trouble);
  const twice = writtenTwice(moves, written, origins.installed);
  if (twice !== undefined) return refuse(twice, true);
  const entries = [...written.values()].map((one) => ({ ...one, origin: originOf(one, moves, origins) }));
  const stranger = entries.find(({ source: from, origin }) => from !== undefined && origin === undefined);
  if (stranger !== undefined)
    return refuse(`/${stranger.source} of the stage was neither copied nor installed nor solved`);
  return { entries: entries.sort((a, b) => (a.entry.path < b.entry.path ? -1 : 1)), moves, after };
}

function originOf(
  { entry, source }: StageEntry,
  moves: readonly Move[],
  origins: Origins,
): Origin | undefined {
  if (source !== undefined) return origins.of(source);
  for (const { from, to } of moves) {
    const path = movedPath({ from: to, to: from }, entry.path);
    if (path !== undefined) return origins.of(path);
  }
  return undefined;
}

/** What is not known of a dependency layer before it is made: modes of its files, and its bytecode. */
function copyTrouble(
  { sources }: StageCopyRequest,
  isSymbolic: boolean,
  moves: readonly Move[],
  installed: ReadonlySet<string>,
): string | undefined {
  const isWild = sources.some((source) => /[*?[\\]/.test(source));
  if (!isSymbolic && !isWild) return undefined;
  const beside = new Set(moves.map(({ from }) => from.slice(1, Math.max(1, from.lastIndexOf('/')))));
  for (const path of installed) {
    if (isSymbolic && moves.some((move) => movedPath(move, path) !== undefined))
      return 'it changes modes of installed files by letters';
    if (isWild && path.endsWith('.py') && beside.has(path.slice(0, Math.max(0, path.lastIndexOf('/')))))
      return 'its pattern may mean bytecode of what is installed';
  }
  return undefined;
}

/** A path that two sources come to, or a source that comes to two paths. */
function writtenTwice(
  moves: readonly Move[],
  written: ReadonlyMap<string, StageEntry>,
  installed: ReadonlySet<string>,
): string | undefined {
  for (const path of installed)
    for (const move of moves) {
      const target = movedPath(move, path);
      if (target !== undefined && written.get(target)?.source !== path)
        return `/${target} is copied from two places`;
    }
  const sources = new Set<string>();
  for (const { source } of written.values()) {
    if (source === undefined) continue;
    if (sources.has(source)) return `/${source} of the stage is copied to two places`;
    sources.add(source);
  }
  return undefined;
}
