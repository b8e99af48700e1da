/** A piece of a pattern with wildcards: what both of Docker's languages of patterns are made of. */
export type GlobPart =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'class'; readonly negated: boolean; readonly inner: string }
  | { readonly kind: 'any' | 'star' };

/**
 * Cuts a pattern into characters, `?`, `*` and `[...]`. Two stars come as two.
 *
 * @returns undefined for a pattern with an escape or a class of which it is not sure that Go reads it the same way
 */
export function globParts(pattern: string): readonly GlobPart[] | undefined {
  const parts: GlobPart[] = [];
  const characters = [...pattern];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] as string;
    if (character === '*') parts.push({ kind: 'star' });
    else if (character === '?') parts.push({ kind: 'any' });
    else if (character === '\\') {
      const next = characters[++at];
      // Go's regular expressions know letters and digits after a backslash as more, and refuse what is not ASCII.
      if (next === undefined || !/^[ -.:-@[-^`{-~]$/.test(next)) return undefined;
      parts.push({ kind: 'literal', text: next });
    } else if (character === '[') {
      const end = characters.indexOf(']', at + 1);
      const inner = end === -1 ? '' : characters.slice(at + 1, end).join('');
      // Nothing but plain characters and ranges: here filepath.Match and the regular expressions mean the same.
      if (!/^\^?(?:[A-Za-z0-9_.](?:-[A-Za-z0-9_.])?)+$/.test(inner) || !isAscending(inner)) return undefined;
      parts.push({ kind: 'class', negated: inner.startsWith('^'), inner: inner.replace(/^\^/, '') });
      at = end;
    } else parts.push({ kind: 'literal', text: character });
  }
  return parts;
}

function isAscending(inner: string): boolean {
  return [...inner.matchAll(/(.)-(.)/g)].every(([, from = '', to = '']) => from <= to);
}

/** A literal text as a part of a regular expression with the `u` flag. */
export function escapeLiteral(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

/** A class as a part of a regular expression with the `u` flag. As in Go a negated one matches a slash too. */
export function classSource(part: { readonly negated: boolean; readonly inner: string }): string {
  return `[${part.negated ? '^' : ''}${part.inner}]`;
}

/** True if a path or pattern has a wildcard that no backslash takes the meaning from. */
export function hasWildcard(path: string): boolean {
  return /[*?[]/.test(path.replace(/\\./gsu, ''));
}

/**
 * Go's `filepath.Match`: a whole path against a pattern whose wildcards do not cross a slash.
 *
 * @returns undefined for a pattern of which it is not sure what Go makes of it
 */
export function pathMatcher(pattern: string): ((path: string) => boolean) | undefined {
  const parts = globParts(pattern);
  if (parts === undefined) return undefined;
  const source = parts.map((part) =>
    part.kind === 'literal'
      ? escapeLiteral(part.text)
      : part.kind === 'class'
        ? classSource(part)
        : part.kind === 'any'
          ? '[^/]'
          : '[^/]*',
  );
  const expression = new RegExp(`^${source.join('')}$`, 'u');
  return (path) => expression.test(path);
}
