import type { ContextEntry, ContextTree } from '../../context/context.ts';
import { type CopyContent, copyFromContext, type Destination } from '../../context/copy-tree.ts';
import { joinPath, nameOf } from '../../context/go-path.ts';
import { type CopyRequest, readDestination, readRules } from '../../context/plan-copy.ts';
import { findSource, readSource } from '../../context/sources.ts';
import { type PathLookup, resolvePath, type Tree, treeOver, Unsure } from '../../context/tree.ts';
import type { PathEntry } from '../../image/path-entry.ts';
import type { PathIndex } from '../../image/path-index.ts';
import { isEscaped } from '../../image/tar-text.ts';
import type { Move } from '../../layers/layer.ts';

/** A `COPY --from`, its variables and quotes replaced. */
export type StageCopyRequest = Omit<CopyRequest, 'keyword' | 'heredocs' | 'place'>;

/** A path that a copy writes. */
export interface StageEntry {
  /** As it is in the image that is copied to. */
  readonly entry: PathEntry;
  /** The file or link that it is a copy of, without a leading slash; undefined for a directory. */
  readonly source: string | undefined;
}

/** What a `COPY --from` writes. */
export interface StageCopy {
  /** In the order of a layer, with every directory above as it is. */
  readonly entries: readonly StageEntry[];
  /** What comes from where, a move for each source that was found. */
  readonly moves: readonly Move[];
  /** True if `--chmod` depends on the modes that there are: moves then say nothing of it. */
  readonly isSymbolic: boolean;
}

/**
 * Finds out what a `COPY --from` writes, by the rules by which a `COPY` of the build context does it, but that owners stay. Pure.
 *
 * @param lower the image that is copied to; `--link` does not look at it
 * @returns a reason (for people) if that is not surely known
 */
export function planStageCopy(
  request: StageCopyRequest,
  source: PathIndex,
  lower: PathLookup,
): StageCopy | { readonly reason: string } {
  try {
    return placed(request, treeOf(source), lower);
  } catch (error) {
    if (error instanceof Unsure) return { reason: error.message };
    throw error;
  }
}

function placed(request: StageCopyRequest, context: ContextTree, lower: PathLookup): StageCopy {
  if (request.parents || request.excludes.length > 0)
    throw new Unsure('it copies a part of another stage, by --parents or --exclude');
  const rules = readRules(request);
  const destination = readDestination(request);
  // With --chmod BuildKit passes over --link.
  const tree = treeOver<CopyContent>(request.link && request.chmod === undefined ? undefined : lower);
  const mode = octal(request.chmod);
  const moves: Move[] = [];
  let number = 0;
  for (const text of request.sources) {
    const found = findSource(context, readSource(text, false));
    if (found === undefined) throw new Unsure(`${text} is not in the stage`);
    for (const { name, path } of found) {
      const copy = { name, source: path, number: number++ };
      copyFromContext(context, tree, rules, copy, destination);
      moves.push({
        from: `/${path}`,
        to: `/${targetOf(tree, context.entries.get(path), name, destination)}`,
        ...(rules.owner && { owner: rules.owner }),
        ...(mode !== undefined && { mode }),
      });
    }
  }
  const entries = tree.written().map(({ entry, source }) => ({
    entry,
    source: source?.kind === 'context' ? source.entry.path : undefined,
  }));
  return { entries, moves, isSymbolic: request.chmod !== undefined && mode === undefined };
}

function octal(chmod: string | undefined): number | undefined {
  return chmod !== undefined && /^[0-7]+$/.test(chmod) ? Number.parseInt(chmod, 8) : undefined;
}

/** A file keeps its name in a directory; what is in a directory comes to the destination itself. */
function targetOf(
  tree: Tree<CopyContent>,
  source: ContextEntry | undefined,
  name: string,
  destination: Destination,
): string {
  const path = resolvePath(tree.get, destination.path);
  if (source === undefined || source.type === 'directory' || tree.get(path)?.type !== 'directory')
    return path;
  return joinPath(path, nameOf(name));
}

const trees = new WeakMap<PathIndex, ContextTree>();

/** An image's files as something to copy from. */
function treeOf(index: PathIndex): ContextTree {
  const known = trees.get(index);
  if (known !== undefined) return known;
  const entries = new Map<string, ContextEntry>();
  const children = new Map<string, readonly string[]>([['', index.children('')]]);
  for (const entry of index.entries()) {
    entries.set(entry.path, copiedEntry(entry));
    if (entry.type === 'directory') children.set(entry.path, index.children(entry.path));
  }
  const tree = { entries, children };
  trees.set(index, tree);
  return tree;
}

function copiedEntry({ path, type, mode, uid, gid, size, link }: PathEntry): ContextEntry {
  const isPlain = type === 'file' || type === 'directory' || type === 'symlink';
  const problem = isPlain ? undefined : `is a ${type}`;
  return {
    ...{ path, mode, size, link, owner: { uid, gid }, mtimeMs: 0, hardLinks: undefined },
    type: isPlain ? type : 'other',
    problem:
      problem ?? (isEscaped(path) || isEscaped(link) ? 'has a name that is no proper UTF-8' : undefined),
  };
}
