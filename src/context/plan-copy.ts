import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { closest, distance } from 'fastest-levenshtein';
import { EXIT, LayerwrightError } from '../errors.ts';
import type { PathEntry } from '../image/path-entry.ts';
import { mayBeArchive } from './archive.ts';
import { parseChmod } from './chmod.ts';
import { type ContentFacts, contentFacts, hashBytes } from './content.ts';
import type { Context, ContextEntry } from './context.ts';
import {
  type CopyContent,
  type CopyRules,
  copyBytes,
  copyFromContext,
  type Destination,
} from './copy-tree.ts';
import { belowRoot } from './go-path.ts';
import { compilePatterns } from './patterns.ts';
import { findSource, readSource, type Source } from './sources.ts';
import { type Owner, type PathLookup, type Placed, type Tree, treeOver, Unsure } from './tree.ts';

/** A `COPY` or `ADD` of the build context, its variables and quotes replaced; or what a `RUN` mounts of it. */
export interface CopyRequest {
  readonly keyword: 'COPY' | 'ADD' | 'RUN';
  /** As in messages: `Dockerfile:12`. */
  readonly place: string;
  readonly sources: readonly string[];
  /** Heredocs among the sources, in their order, which come after the paths. */
  readonly heredocs: readonly { readonly path: string; readonly content: string }[];
  readonly destination: string;
  /** The working directory in force, absolute. */
  readonly workdir: string;
  /** `--chown`, names resolved. In BuildKit a number alone is user and group. */
  readonly chown: Owner | undefined;
  readonly chmod: string | undefined;
  readonly link: boolean;
  readonly parents: boolean;
  readonly excludes: readonly string[];
}

/** A path of the layer with where its content is. */
export interface CopyEntry {
  readonly entry: PathEntry;
  /** Of a file; of a hard link that of the file, though the layer has it only once. */
  readonly content: CopyContent | undefined;
  /** Of the content, 64 hex digits. */
  readonly sha256: string | undefined;
}

/** What a `COPY` adds to an image. */
export interface CopyPlan {
  readonly context: Context;
  /** In the order of a layer, with every directory above as it is. */
  readonly entries: readonly CopyEntry[];
  /** Why it is left to BuildKit; then there are no entries. */
  readonly reason: string | undefined;
}

/**
 * Finds out what a `COPY` or `ADD` of the context writes, as BuildKit 0.34 does it, and hashes it. Extended attributes count for
 * nothing: a layer has file capabilities only, and those BuildKit loses on a context's way (measured).
 *
 * @param lower the file system of the image so far; `--link` does not look at it
 * @throws LayerwrightError `CONTEXT_FILE_MISSING` (1), `CONTEXT_CHANGED` (75)
 */
export async function planCopy(request: CopyRequest, context: Context, lower: PathLookup): Promise<CopyPlan> {
  try {
    const { placed, added } = await placeSources(request, context, lower);
    return { context, entries: await withContent(request, context, placed, added), reason: undefined };
  } catch (error) {
    if (error instanceof Unsure) return { context, entries: [], reason: error.message };
    throw error;
  }
}

interface PlacedSources {
  readonly placed: readonly Placed<CopyContent>[];
  /** Files that are sources themselves: `ADD` looks whether they are archives. */
  readonly added: ReadonlySet<string>;
}

async function placeSources(
  request: CopyRequest,
  context: Context,
  lower: PathLookup,
): Promise<PlacedSources> {
  if (context.problem !== undefined) throw new Unsure(context.problem);
  const rules = readRules(request);
  const destination = readDestination(request);
  // With --chmod BuildKit passes over --link.
  const tree = treeOver<CopyContent>(request.link && request.chmod === undefined ? undefined : lower);
  const added = new Set<string>();
  let number = 0;
  for (const text of request.sources) {
    const source = readSource(text, request.parents);
    const found = findSource(context, source);
    if (found === undefined) throw await missing(request, context, source);
    let copied = 0;
    for (const { name, path } of found) {
      const own = { ...rules, include: source.include };
      copied += copyFromContext(context, tree, own, { name, source: path, number: number++ }, destination);
      added.add(path);
    }
    // The source itself always counts; what --parents names is below it.
    if (source.include !== undefined && source.required && copied < 2)
      throw await missing(request, context, source);
  }
  placeHeredocs(request, tree, rules, destination);
  return { placed: tree.written(), added };
}

function placeHeredocs(
  { heredocs }: CopyRequest,
  tree: Tree<CopyContent>,
  rules: CopyRules,
  destination: Destination,
): void {
  for (const { path, content } of heredocs) {
    if (path === '' || path.includes('/') || path === '.' || path === '..')
      throw new Unsure(`the heredoc's name "${path}" is no plain name`);
    copyBytes(tree, rules, { name: path, bytes: Buffer.from(content) }, destination);
  }
}

/** @throws Unsure */
export function readRules({
  chmod,
  chown,
  excludes,
}: Pick<CopyRequest, 'chmod' | 'chown' | 'excludes'>): CopyRules {
  const parsed = chmod === undefined ? undefined : parseChmod(chmod);
  if (chmod !== undefined && parsed === undefined)
    throw new Unsure(`--chmod=${chmod} is not surely understood`);
  const exclude = excludes.length === 0 ? undefined : compilePatterns(excludes);
  if (exclude !== undefined && 'unsure' in exclude)
    throw new Unsure(`--exclude=${exclude.unsure} is not surely understood`);
  return { owner: chown, chmod: parsed, include: undefined, exclude };
}

/** Where a copy goes: absolute and clean. */
export function readDestination({
  destination,
  workdir,
}: Pick<CopyRequest, 'destination' | 'workdir'>): Destination {
  return {
    path: belowRoot(destination.startsWith('/') ? destination : `${workdir}/${destination}`),
    isDirectory: destination === '' || destination === '.' || /\/\.?$/.test(destination),
  };
}

async function missing(request: CopyRequest, context: Context, source: Source): Promise<LayerwrightError> {
  const excluded = await lstat(join(context.directory, source.path)).then(
    () => true,
    () => false,
  );
  return new LayerwrightError(
    `${request.place}: ${request.keyword}: "${source.text}" not found in the build context`,
    {
      code: 'CONTEXT_FILE_MISSING',
      exit: EXIT.failed,
      hint:
        excluded && context.ignoreFile !== undefined
          ? `It is there, but ${context.ignoreFile} leaves it out: add "!${source.path}" at its end.`
          : nearHint(context, source.path),
    },
  );
}

function nearHint({ directory, children }: Context, path: string): string {
  const slash = path.lastIndexOf('/');
  const names = children.get(path.slice(0, Math.max(0, slash))) ?? [];
  const near = names.length === 0 ? undefined : closest(path.slice(slash + 1), [...names]);
  // A name that has little in common with it helps nobody.
  const isNear = near !== undefined && distance(near, path.slice(slash + 1)) <= near.length / 3;
  return isNear
    ? `Did you mean ${path.slice(0, slash + 1)}${near}?`
    : `Sources are paths below ${directory}.`;
}

async function withContent(
  request: CopyRequest,
  context: Context,
  placed: readonly Placed<CopyContent>[],
  added: ReadonlySet<string>,
): Promise<readonly CopyEntry[]> {
  const files = placed.flatMap(({ source }) => (source?.kind === 'context' ? source.entry : []));
  const facts = await readFiles(context, files);
  if (request.keyword === 'ADD')
    for (const { path } of files)
      if (added.has(path) && mayBeArchive((facts.get(path) as ContentFacts).head))
        throw new Unsure(`ADD may unpack the archive ${path}`);
  return hardLinked(
    placed.map(({ entry, source }) => ({
      entry,
      content: source,
      sha256:
        source?.kind === 'context' ? facts.get(source.entry.path)?.sha256 : source && hashBytes(source.bytes),
    })),
  );
}

async function readFiles(
  context: Context,
  files: readonly ContextEntry[],
): Promise<ReadonlyMap<string, ContentFacts>> {
  try {
    return await contentFacts(context, files);
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM') throw new Unsure(`${path} may not be read`);
    throw error;
  }
}

/** Of the names of one file the first in the layer has the content; the others are hard links to it, as in BuildKit. */
function hardLinked(entries: readonly CopyEntry[]): readonly CopyEntry[] {
  const first = new Map<string, PathEntry>();
  return entries.map((one) => {
    const linked = one.content?.kind === 'context' ? one.content.linked : undefined;
    const target = linked === undefined ? undefined : first.get(linked);
    if (target === undefined) {
      if (linked !== undefined) first.set(linked, one.entry);
      return one;
    }
    return { ...one, entry: { ...one.entry, type: 'hardlink', size: 0, link: target.path } };
  });
}
