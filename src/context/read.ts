import { lstat, readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { interruptedError, knownError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Context, ContextEntry } from './context.ts';
import { joinPath } from './go-path.ts';
import { parseIgnoreFile } from './ignore-file.ts';
import { compilePatterns, matchPath, mayReenter, type ParentMatches, type PatternList } from './patterns.ts';

/** What {@link readContext} needs beside the directory. */
export interface ReadContextOptions {
  /** Path of the Dockerfile, whose own `<Dockerfile>.dockerignore` comes first; undefined if it is no file. */
  readonly dockerfile: string | undefined;
}

/**
 * Reads the names, modes and links of a build context, without what its ignore file leaves out. Contents are read when they
 * are needed.
 *
 * @throws LayerwrightError `FILE_UNUSABLE` (2) if the directory itself cannot be read
 */
export async function readContext(
  host: Host,
  directory: string,
  { dockerfile }: ReadContextOptions,
): Promise<Context> {
  try {
    return await readFrom(host, await realpath(resolve(host.cwd, directory)), dockerfile);
  } catch (error) {
    throw knownError(error);
  }
}

async function readFrom(host: Host, root: string, dockerfile: string | undefined): Promise<Context> {
  const { name, patterns } = await readIgnoreFile(host, root, dockerfile);
  const found = { host, directory: root, ignoreFile: name };
  const none = { entries: new Map(), children: new Map() };
  if (patterns === undefined) return { ...found, ...none, problem: `${name} cannot be read for sure` };
  const list = compilePatterns(patterns);
  if ('unsure' in list) {
    const problem = `${name} has the pattern "${list.unsure}", which is not surely understood`;
    return { ...found, ...none, problem };
  }
  const walk: Walk = { host, root, list, entries: new Map(), children: new Map() };
  await readDirectory(walk, '', undefined);
  return { ...found, entries: walk.entries, children: walk.children, problem: undefined };
}

interface IgnoreFile {
  /** As in messages. */
  readonly name: string | undefined;
  /** Undefined if the file is there but cannot be used. */
  readonly patterns: readonly string[] | undefined;
}

/** The ignore file beside the Dockerfile, even if it is empty, else the context's own. */
async function readIgnoreFile(host: Host, root: string, dockerfile: string | undefined): Promise<IgnoreFile> {
  const candidates = [
    ...(dockerfile === undefined ? [] : [`${resolve(host.cwd, dockerfile)}.dockerignore`]),
    join(root, '.dockerignore'),
  ];
  for (const file of candidates) {
    const name = relative(host.cwd, file);
    const text = await readPlainFile(file);
    if (text === 'unusable') return { name, patterns: undefined };
    if (text !== undefined) return { name, patterns: parseIgnoreFile(text) };
  }
  return { name: undefined, patterns: [] };
}

/** The text of a file that is no link; `unusable` for everything else that is there. */
async function readPlainFile(file: string): Promise<string | undefined> {
  try {
    if (!(await lstat(file)).isFile()) return 'unusable';
    return await readFile(file, 'utf8');
  } catch (error) {
    return isGone(error) ? undefined : 'unusable';
  }
}

interface Walk {
  readonly host: Host;
  readonly root: string;
  readonly list: PatternList;
  readonly entries: Map<string, ContextEntry>;
  readonly children: Map<string, readonly string[]>;
}

/** Reads what is in a directory; true if anything below it is let through. */
async function readDirectory(walk: Walk, directory: string, parent: ParentMatches): Promise<boolean> {
  if (walk.host.signal.aborted) throw interruptedError();
  const listed = await readdir(join(walk.root, directory), { withFileTypes: true });
  const kept = await Promise.all(
    listed.map((one) => readOne(walk, joinPath(directory, one.name), one, parent)),
  );
  const names = listed.filter((_, at) => kept[at]).map((one) => one.name);
  walk.children.set(directory, names.sort());
  return names.length > 0;
}

/** As `readdir` names what is in a directory. */
interface Listed {
  readonly name: string;
  readonly isDirectory: () => boolean;
}

/** Adds a path with what is below it, unless the ignore file leaves out all of it. */
async function readOne(walk: Walk, path: string, listed: Listed, parent: ParentMatches): Promise<boolean> {
  const { matched, matches } = matchPath(walk.list, path, parent);
  // Under the name as text nothing would be found.
  if (listed.name.includes('\uFFFD')) return !matched && addProblem(walk, path, NO_UTF8);
  if (!listed.isDirectory()) return !matched && (await addEntry(walk, path));
  if (matched && !mayReenter(walk.list, path)) return false;
  const [added, below] = await Promise.all([
    matched ? false : addEntry(walk, path),
    readBelow(walk, path, matches, matched),
  ]);
  if (added || !below) return added;
  return await addEntry(walk, path);
}

/** What is below a directory; one that may not be read is a problem of whoever copies it. */
async function readBelow(
  walk: Walk,
  path: string,
  matches: ParentMatches,
  excluded: boolean,
): Promise<boolean> {
  try {
    return await readDirectory(walk, path, matches);
  } catch (error) {
    if (isGone(error)) return false;
    if (!isForbidden(error)) throw error;
    walk.children.set(path, []);
    if (!excluded) await addEntry(walk, path, 'may not be read');
    return false;
  }
}

async function addEntry(walk: Walk, path: string, problem?: string): Promise<boolean> {
  try {
    const entry = await entryOf(join(walk.root, path), path);
    const known = walk.entries.get(path)?.problem ?? problem ?? entry.problem;
    walk.entries.set(path, { ...entry, problem: known });
    return true;
  } catch (error) {
    // A file that goes away while a context is read was never in it; buildx sees it so too.
    if (isGone(error)) return false;
    throw error;
  }
}

async function entryOf(file: string, path: string): Promise<ContextEntry> {
  const stat = await lstat(file);
  const type = stat.isFile()
    ? 'file'
    : stat.isDirectory()
      ? 'directory'
      : stat.isSymbolicLink()
        ? 'symlink'
        : 'other';
  const link = type === 'symlink' ? await readlink(file) : '';
  return {
    path,
    type,
    mode: process.platform === 'win32' ? (stat.mode | 0o111) & 0o755 : stat.mode & 0o7777,
    size: type === 'file' ? stat.size : 0,
    mtimeMs: stat.mtimeMs,
    link,
    hardLinks: type === 'file' && stat.nlink > 1 ? await identityOf(file) : undefined,
    problem:
      type === 'other'
        ? 'is no file, directory or link'
        : link.includes('\uFFFD')
          ? 'leads to a name that is no UTF-8'
          : undefined,
  };
}

function addProblem(walk: Walk, path: string, problem: string): true {
  const unknown = { mode: 0, size: 0, mtimeMs: 0, link: '', hardLinks: undefined };
  walk.entries.set(path, { path, type: 'other', ...unknown, problem });
  return true;
}

const NO_UTF8 = 'has a name that is no UTF-8';

/** Numbers of inodes may be larger than what a double holds. */
async function identityOf(file: string): Promise<string> {
  const { dev, ino } = await lstat(file, { bigint: true });
  return `${dev}:${ino}`;
}

function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function isForbidden(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EACCES' || code === 'EPERM';
}
