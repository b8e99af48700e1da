/** Go's `path.Clean`: the shortest path of the same meaning; `.` for the empty one, no trailing slash. */
export function cleanPath(path: string): string {
  const rooted = path.startsWith('/');
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (!rooted) parts.push('..');
  }
  return rooted ? `/${parts.join('/')}` : parts.join('/') || '.';
}

/** The path below a root, as parts divided by `/` without a slash in front: `..` never leaves the root. `''` is the root. */
export function belowRoot(path: string): string {
  return cleanPath(`/${path}`).slice(1);
}

/** The directory of a path that has no slash in front; `''` for the root and what is directly below it. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** The last part of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** A name in a directory; the directory may be `''`. */
export function joinPath(directory: string, name: string): string {
  return directory === '' ? name : name === '' ? directory : `${directory}/${name}`;
}

/** White space as Go's `strings.TrimSpace` sees it. */
const SPACE = '[\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+';
const AROUND = new RegExp(`^${SPACE}|${SPACE}$`, 'gu');

/** Go's `strings.TrimSpace`. */
export function trimSpace(text: string): string {
  return text.replace(AROUND, '');
}
