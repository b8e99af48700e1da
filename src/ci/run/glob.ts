import { readdir, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';

/**
 * A file pattern as CodeBuild has it: `*` and `?` stay within a name, `**` crosses directories, `[...]` and `{a,b}` as in a
 * shell. Names that begin with a dot are matched like others.
 */
export function patternToRegExp(pattern: string): RegExp {
  let depth = 0;
  let source = '';
  const clean = posix.normalize(pattern).replace(/^\.\//, '');
  for (let at = 0; at < clean.length; at++) {
    const rest = clean.slice(at);
    const set = /^\[(!|\^)?([^\]/]+)\]/.exec(rest);
    if (rest.startsWith('**/')) {
      source += '(?:[^/]+/)*';
      at += 2;
    } else if (rest.startsWith('**')) {
      source += '.*';
      at += 1;
    } else if (rest.startsWith('*')) source += '[^/]*';
    else if (rest.startsWith('?')) source += '[^/]';
    else if (set) {
      source += `[${set[1] === undefined ? '' : '^'}${(set[2] ?? '').replaceAll('\\', '\\\\')}]`;
      at += set[0].length - 1;
    } else if (rest.startsWith('{') && rest.includes('}')) {
      depth += 1;
      source += '(?:';
    } else if (rest.startsWith('}') && depth > 0) {
      depth -= 1;
      source += ')';
    } else if (rest.startsWith(',') && depth > 0) source += '|';
    else source += (clean[at] ?? '').replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
  }
  return new RegExp(`^${source}$`, 's');
}

/** Whether a pattern is more than a plain path. */
export function isPattern(text: string): boolean {
  return /[*?[{]/.test(text);
}

/**
 * The files below a directory that match one of the patterns, relative to it, sorted. Links to files are files; directories
 * behind links are not entered, unless a pattern names the link itself.
 *
 * @param leaveOut absolute paths of directories that are not entered
 */
export async function filesMatching(
  directory: string,
  patterns: readonly string[],
  leaveOut: readonly string[] = [],
): Promise<readonly string[]> {
  const found = new Set<string>();
  for (const pattern of patterns) {
    const clean = posix.normalize(pattern).replace(/^\.\//, '');
    const start = plainStart(clean);
    const matches = patternToRegExp(clean);
    if (!isPattern(clean)) {
      if ((await kind(join(directory, clean))) === 'file') found.add(clean);
      continue;
    }
    for await (const file of filesBelow(directory, start, leaveOut)) if (matches.test(file)) found.add(file);
  }
  return [...found].sort();
}

/** The directories directly below another one whose names match a pattern, sorted. */
export async function directoriesMatching(directory: string, pattern: string): Promise<readonly string[]> {
  if (!isPattern(pattern)) return (await kind(join(directory, pattern))) === 'directory' ? [pattern] : [];
  const clean = posix.normalize(pattern).replace(/\/$/, '');
  const start = plainStart(clean);
  const matches = patternToRegExp(clean);
  const entries = await readdir(join(directory, start), { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => posix.join(start, entry.name))
    .filter((path) => matches.test(path))
    .sort();
}

/** The directories at the beginning of a pattern that are plain names. */
function plainStart(pattern: string): string {
  const parts = pattern.split('/');
  const first = parts.findIndex(isPattern);
  return parts.slice(0, first < 0 ? -1 : first).join('/');
}

async function* filesBelow(root: string, start: string, leaveOut: readonly string[]): AsyncGenerator<string> {
  const directory = join(root, start);
  if (leaveOut.includes(directory)) return;
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = posix.join(start, entry.name);
    if (entry.isDirectory()) yield* filesBelow(root, path, leaveOut);
    else if (entry.isFile() || (entry.isSymbolicLink() && (await kind(join(root, path))) === 'file'))
      yield path;
  }
}

async function kind(path: string): Promise<'file' | 'directory' | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() ? 'file' : found?.isDirectory() ? 'directory' : undefined;
}
