import type { PathEntry } from '../image/path-entry.ts';
import type { Chmod } from './chmod.ts';
import type { ContextEntry, ContextTree } from './context.ts';
import { joinPath, nameOf, parentOf } from './go-path.ts';
import { matchPath, type ParentMatches, type PatternList } from './patterns.ts';
import { directoryEntry, makeDirectories, type Owner, resolvePath, type Tree, Unsure } from './tree.ts';

/** Where the content of a file comes from. */
export type CopyContent =
  | {
      readonly kind: 'context';
      readonly entry: ContextEntry;
      /** The same for files that are hard links of each other in the image. */
      readonly linked: string | undefined;
    }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array };

/** How a copy is done; as BuildKit's file operation has it. */
export interface CopyRules {
  readonly owner: Owner | undefined;
  readonly chmod: Chmod | undefined;
  /** Only what matches; of `--parents`. Paths are those below the source. */
  readonly include: PatternList | undefined;
  readonly exclude: PatternList | undefined;
}

/** A destination: absolute, clean; a directory if it was written with a slash or a dot at the end. */
export interface Destination {
  readonly path: string;
  readonly isDirectory: boolean;
}

/** One source with its destination in the making. */
interface Copying {
  readonly context: ContextTree;
  readonly tree: Tree<CopyContent>;
  readonly rules: CopyRules;
  /** Tells apart copies: files are hard links of each other within one. */
  readonly number: number;
  /** Directories above that are made as soon as something in them matches. */
  readonly waiting: { readonly source: ContextEntry; readonly target: string; made: boolean }[];
  copied: number;
}

/** A source directory that has no entry: the root of the context. Its mode is never used. */
const ROOT: ContextEntry = {
  path: '',
  type: 'directory',
  mode: 0o755,
  size: 0,
  mtimeMs: 0,
  link: '',
  hardLinks: undefined,
  problem: undefined,
};

/**
 * Copies one file or the contents of one directory of the context.
 *
 * @param name as the source was written or found by a wildcard: a link gives its own name to what it leads to
 * @param source without links; it is there
 * @param number of this copy among those of the instruction
 * @returns how many paths of the source matched
 * @throws Unsure
 */
export function copyFromContext(
  context: ContextTree,
  tree: Tree<CopyContent>,
  rules: CopyRules,
  { name, source, number }: { readonly name: string; readonly source: string; readonly number: number },
  destination: Destination,
): number {
  const from = entryAt(context, source);
  const target = prepareTarget(tree, rules, destination, from.type === 'directory', nameOf(name));
  const copying: Copying = { context, tree, rules, number, waiting: [], copied: 0 };
  copyPath(copying, from, { relative: '', target, include: undefined, exclude: undefined });
  return copying.copied;
}

/**
 * Writes a heredoc's text as a file.
 *
 * @throws Unsure
 */
export function copyBytes(
  tree: Tree<CopyContent>,
  rules: CopyRules,
  { name, bytes }: { readonly name: string; readonly bytes: Uint8Array },
  destination: Destination,
): void {
  const target = prepareTarget(tree, rules, destination, false, name);
  requireNoDirectory(tree, target);
  tree.put(
    {
      ...{ path: target, type: 'file', size: bytes.length, link: '' },
      mode: rules.chmod?.apply(0o644, false) ?? 0o644,
      ...(rules.owner ?? { uid: 0, gid: 0 }),
    },
    { kind: 'bytes', bytes },
  );
}

/** Makes the directories that the destination needs, and says where the source itself goes. */
function prepareTarget(
  tree: Tree<CopyContent>,
  rules: CopyRules,
  destination: Destination,
  isDirectory: boolean,
  name: string,
): string {
  const make = (path: string) => makeDirectories(tree, path, rules.chmod?.created ?? 0o755, rules.owner);
  const needed = destination.isDirectory ? destination.path : parentOf(destination.path);
  make(resolvePath(tree.get, needed));
  const path = resolvePath(tree.get, destination.path);
  const found = tree.get(path);
  const target = !isDirectory && found?.type === 'directory' ? joinPath(path, name) : path;
  make(isDirectory && found === undefined ? target : parentOf(target));
  return target;
}

interface Place {
  /** Below the source; `''` is the source itself. */
  readonly relative: string;
  readonly target: string;
  /** Of the directory above. */
  readonly include: ParentMatches;
  readonly exclude: ParentMatches;
}

function copyPath(copying: Copying, source: ContextEntry, place: Place): void {
  const { rules, tree } = copying;
  const { included, excluded, include, exclude } = verdict(rules, place);
  const isDirectory = source.type === 'directory';
  const ends = isDirectory ? excluded && rules.exclude?.hasNegated !== true : !included;
  if (ends) return;
  if (source.problem !== undefined) throw new Unsure(`${source.path} ${source.problem}`);
  if (included) {
    copying.copied += 1;
    makeWaiting(copying);
  }
  if (!isDirectory) {
    copyFile(copying, source, place.target);
    return;
  }
  if (included) copyDirectory(tree, rules, source, place);
  copying.waiting.push({ source, target: place.target, made: included });
  for (const name of copying.context.children.get(source.path) ?? [])
    copyPath(copying, entryAt(copying.context, joinPath(source.path, name)), {
      relative: joinPath(place.relative, name),
      target: joinPath(place.target, name),
      include,
      exclude,
    });
  copying.waiting.pop();
}

function verdict(rules: CopyRules, { relative, include, exclude }: Place) {
  if (relative === '') return { included: true, excluded: false, include: undefined, exclude: undefined };
  const wanted = rules.include && matchPath(rules.include, relative, include);
  const unwanted = rules.exclude && matchPath(rules.exclude, relative, exclude);
  const excluded = unwanted?.matched ?? false;
  return {
    included: (wanted?.matched ?? true) && !excluded,
    excluded,
    include: wanted?.matches,
    exclude: unwanted?.matches,
  };
}

/** A directory that is there keeps its mode and owner only if it is the destination itself. */
function copyDirectory(tree: Tree<CopyContent>, rules: CopyRules, source: ContextEntry, place: Place): void {
  const found = tree.get(place.target);
  requireDirectory(found, place.target);
  if (found === undefined || place.relative !== '') tree.put(copiedDirectory(rules, source, place.target));
}

/** Directories that no pattern named, but that are above one that a pattern let in. */
function makeWaiting(copying: Copying): void {
  const { tree, rules } = copying;
  for (const waiting of copying.waiting) {
    if (waiting.made) continue;
    waiting.made = true;
    const { source, target } = waiting;
    const found = tree.get(target);
    requireDirectory(found, target);
    // BuildKit gives one that is there the mode of the source, as it is there, and leaves its owner.
    if (found === undefined) tree.put(copiedDirectory(rules, source, target));
    else tree.put({ ...found, mode: source.mode });
  }
}

function copiedDirectory(rules: CopyRules, source: ContextEntry, target: string): PathEntry {
  return directoryEntry(target, {
    mode: rules.chmod?.apply(source.mode, true) ?? source.mode,
    ...ownerOf(rules, source),
  });
}

function copyFile({ context, tree, rules, number }: Copying, source: ContextEntry, target: string): void {
  requireNoDirectory(tree, target);
  const owner = ownerOf(rules, source);
  if (source.type === 'symlink') {
    if (rules.include ?? rules.exclude) requireEnd(context, source);
    tree.put({ path: target, type: 'symlink', mode: 0o777, ...owner, size: 0, link: source.link });
    return;
  }
  const mode = rules.chmod?.apply(source.mode, false) ?? source.mode;
  const linked = source.hardLinks === undefined ? undefined : `${number}:${source.hardLinks}`;
  tree.put(
    { path: target, type: 'file', mode, ...owner, size: source.size, link: '' },
    { kind: 'context', entry: source, linked },
  );
}

function ownerOf({ owner }: CopyRules, source: ContextEntry): Owner {
  return owner ?? source.owner ?? { uid: 0, gid: 0 };
}

/** With patterns BuildKit's checksum of the whole context follows the links at its top, and fails at one that leads nowhere. */
function requireEnd({ entries }: ContextTree, source: ContextEntry): void {
  if (source.path.includes('/')) return;
  const path = resolvePath((one) => entries.get(one), source.path);
  if (path !== '' && !entries.has(path))
    throw new Unsure(`the link ${source.path} leads nowhere in the build context`);
}

function requireDirectory(found: PathEntry | undefined, target: string): void {
  if (found !== undefined && found.type !== 'directory')
    throw new Unsure(`a directory would be copied over /${target}, which is none`);
}

function requireNoDirectory(tree: Tree<CopyContent>, target: string): void {
  if (tree.get(target)?.type === 'directory')
    throw new Unsure(`a file would be copied over the directory /${target}`);
}

function entryAt(context: ContextTree, path: string): ContextEntry {
  return path === '' ? ROOT : (context.entries.get(path) as ContextEntry);
}
