import type { ContextTree } from './context.ts';
import { hasWildcard, pathMatcher } from './glob.ts';
import { belowRoot, cleanPath, joinPath, trimSpace } from './go-path.ts';
import { compilePatterns, type PatternList } from './patterns.ts';
import { resolvePath, Unsure } from './tree.ts';

/** A source of a `COPY`, as far as it can be said without looking at the context. */
export interface Source {
  /** As it was written, for messages. */
  readonly text: string;
  /** Below the context's root; may have wildcards. */
  readonly path: string;
  /** Of `--parents`: what below `path` is copied; undefined for all of it. */
  readonly include: PatternList | undefined;
  /** True if it must be there: `--parents` without wildcards. */
  readonly required: boolean;
}

/**
 * Reads a source as BuildKit does.
 *
 * @throws Unsure for what is no plain path of the context
 */
export function readSource(text: string, parents: boolean): Source {
  requirePlain(text);
  if (!parents) return { text, path: belowRoot(text), include: undefined, required: true };
  // Everything before `/./` is not repeated in the image.
  const pivot = text.indexOf('/./');
  const before = pivot === -1 ? '' : text.slice(0, pivot);
  const after = pivot === -1 ? text : text.slice(pivot + '/./'.length);
  const pattern = (after.startsWith('/') ? after : cleanPath(`/${after}`)).replace(/^\//, '');
  const include = compilePatterns([pattern]);
  if ('unsure' in include || include.patterns.length !== 1 || pattern.startsWith('!'))
    throw new Unsure(`the source "${text}" is not surely understood`);
  return { text, path: belowRoot(before), include, required: !hasWildcard(before) && !hasWildcard(pattern) };
}

function requirePlain(text: string): void {
  if (text.includes(':')) throw new Unsure(`the source "${text}" may not be of the build context`);
  const path = belowRoot(text);
  const odd =
    // BuildKit asks for the paths of all sources by patterns, where these mean something else.
    path.startsWith('!') ||
    trimSpace(path) !== path ||
    path.includes('\\') ||
    path.includes('\0') ||
    (hasWildcard(path) && path.replace(/\[[^\]]*\]/g, '').includes('^'));
  if (odd) throw new Unsure(`the source "${text}" is not surely understood`);
}

/** What one source is in the context: a name, and where it leads. */
export interface FoundSource {
  readonly name: string;
  /** Without links. */
  readonly path: string;
}

/**
 * What a source stands for: one path, or those that match its wildcards, sorted as a directory tree is walked.
 *
 * @returns undefined if nothing is there; empty if wildcards match nothing, which BuildKit takes for nothing to copy
 * @throws Unsure
 */
export function findSource(context: ContextTree, source: Source): readonly FoundSource[] | undefined {
  const get = (path: string) => context.entries.get(path);
  const isThere = (path: string) => path === '' || context.entries.has(path);
  if (!hasWildcard(source.path)) {
    const path = resolvePath(get, source.path);
    return isThere(path) ? [{ name: source.path, path }] : undefined;
  }
  const parts = source.path.split('/');
  const first = parts.findIndex(hasWildcard);
  const base = resolvePath(get, parts.slice(0, first).join('/'));
  if (!isThere(base)) return undefined;
  const pattern = parts.slice(first);
  const matches = pathMatcher(pattern.join('/'));
  if (matches === undefined) throw new Unsure(`the source "${source.text}" is not surely understood`);
  return [...matching(context, base, '', matches)].flatMap((name) => {
    const path = resolvePath(get, name);
    // Where the link leads BuildKit may not have been sent, unless the wildcards are in the last part.
    if (path !== name && pattern.length > 1)
      throw new Unsure(`the source "${source.text}" finds the link ${name}`);
    if (!isThere(path))
      throw new Unsure(`the source "${source.text}" finds the link ${name}, which leads nowhere`);
    return { name, path };
  });
}

/** Paths below a directory that match, but nothing in a directory that does. */
function* matching(
  context: ContextTree,
  base: string,
  relative: string,
  matches: (path: string) => boolean,
): Generator<string> {
  const directory = joinPath(base, relative);
  for (const name of context.children.get(directory) ?? []) {
    const path = joinPath(relative, name);
    if (matches(path)) yield joinPath(base, path);
    else yield* matching(context, base, path, matches);
  }
}
