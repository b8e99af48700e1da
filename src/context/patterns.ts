import { classSource, escapeLiteral, type GlobPart, globParts } from './glob.ts';
import { cleanPath, trimSpace } from './go-path.ts';

/** One pattern of a `.dockerignore`, of `--exclude` or of `--parents`. */
export interface Pattern {
  /** As short as it can be, without `!`. */
  readonly text: string;
  /** True if it began with `!`: what it matches is let in again. */
  readonly negated: boolean;
  readonly matches: (path: string) => boolean;
}

/** Patterns in their order: the last one that matches decides. */
export interface PatternList {
  readonly patterns: readonly Pattern[];
  readonly hasNegated: boolean;
}

/** Which patterns matched a directory: what is below it needs it. `undefined` stands for the root. */
export type ParentMatches = readonly boolean[] | undefined;

/**
 * Patterns as BuildKit's patternmatcher compiles them.
 *
 * @returns the pattern of which it is not sure what BuildKit makes of it, if there is one
 */
export function compilePatterns(texts: readonly string[]): PatternList | { readonly unsure: string } {
  const patterns: Pattern[] = [];
  for (const text of texts) {
    const trimmed = trimSpace(text);
    if (trimmed === '') continue;
    const clean = cleanPath(trimmed);
    const negated = clean.startsWith('!');
    const own = negated ? clean.slice(1) : clean;
    const matches = own === '' ? undefined : matcherOf(own);
    if (matches === undefined) return { unsure: text };
    patterns.push({ text: own, negated, matches });
  }
  return { patterns, hasNegated: patterns.some((pattern) => pattern.negated) };
}

/**
 * Whether a path is matched by a list, and by which patterns, given those that matched its directory. As in BuildKit a
 * pattern that cannot change the verdict is not tried, and then counts as not matched for what is below.
 */
export function matchPath(
  { patterns }: PatternList,
  path: string,
  parent: ParentMatches,
): { readonly matched: boolean; readonly matches: readonly boolean[] } {
  let matched = false;
  const matches = patterns.map((pattern, at) => {
    let match = parent?.[at] ?? false;
    if (!match) {
      if (pattern.negated !== matched) return false;
      match = pattern.matches(path);
    }
    if (match) matched = !pattern.negated;
    return match;
  });
  return { matched, matches };
}

/** False if no `!` pattern can let in something below an excluded directory, so that it need not be read. */
export function mayReenter({ patterns }: PatternList, directory: string): boolean {
  return patterns.some(({ negated, text }) => {
    if (!negated) return false;
    const fixed = text.replace(/\/\*\*$/, '').replace(/\/\*$/, '');
    return /[*?[\]^\\]/.test(fixed) || `${fixed}/`.startsWith(`${directory}/`);
  });
}

function matcherOf(pattern: string): ((path: string) => boolean) | undefined {
  const parts = globParts(pattern);
  if (parts === undefined) return undefined;
  const fixed = fixedMatcher(pattern, parts);
  if (fixed !== undefined) return fixed;
  const expression = new RegExp(`^${regularSource(parts)}$`, 'u');
  return (path) => expression.test(path);
}

/** The forms that BuildKit compares as texts: no wildcard at all, `**` at the end only, `**` in front only. */
function fixedMatcher(pattern: string, parts: readonly GlobPart[]): ((path: string) => boolean) | undefined {
  if (pattern.includes('\\') || pattern.includes(']')) return undefined;
  const stars = parts.filter((part) => part.kind !== 'literal').length;
  if (stars === 0) return (path) => path === pattern;
  if (stars !== 2) return undefined;
  if (pattern.startsWith('**')) {
    const suffix = pattern.slice(2);
    return (path) => path.endsWith(suffix) || (suffix.startsWith('/') && path === suffix.slice(1));
  }
  return pattern.endsWith('**') ? (path) => path.startsWith(pattern.slice(0, -2)) : undefined;
}

function regularSource(parts: readonly GlobPart[]): string {
  let source = '';
  for (let at = 0; at < parts.length; at++) {
    const part = parts[at] as GlobPart;
    if (part.kind === 'class') source += classSource(part);
    // Outside of a class BuildKit passes `^` on as it is: an anchor.
    else if (part.kind === 'literal') source += part.text === '^' ? '^' : escapeLiteral(part.text);
    else if (part.kind === 'any') source += '[^/]';
    else if (parts[at + 1]?.kind !== 'star') source += '[^/]*';
    else {
      at += 1;
      if (isSlash(parts[at + 1])) at += 1;
      source += at + 1 === parts.length ? '[^\\n]*' : '(?:[^\\n]*/)?';
    }
  }
  return source;
}

function isSlash(part: GlobPart | undefined): boolean {
  return part?.kind === 'literal' && part.text === '/';
}
