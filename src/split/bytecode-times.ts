import { createHash } from 'node:crypto';
import type { PathIndex } from '../image/path-index.ts';
import { parentOf } from '../layers/layer-directories.ts';
import type { AddedFile } from './added-files.ts';
import type { ContentFile } from './content-file.ts';

/** What happens to the times in bytecode. */
export interface BytecodeTimes {
  /** Sources that keep their own time: something records it that is not written here, or cannot be changed. */
  readonly keptSources: ReadonlySet<string>;
  /** Bytecode files that record the time of their source and get the new one; the source, if there is one. */
  readonly mended: ReadonlyMap<string, string | undefined>;
}

export interface BytecodeWishes {
  readonly files: ReadonlyMap<string, AddedFile>;
  readonly contents: ContentFile;
  readonly after: PathIndex;
  /** The time of sources, seconds since 1970. */
  readonly mtime: number;
  /** Whether a file keeps its time for other reasons. */
  readonly keepsTime: (path: string) => boolean;
  /** By path of bytecode: its hash as a RECORD has it. */
  readonly hashes: ReadonlyMap<string, string>;
}

/**
 * Python runs bytecode whose header has the time and size of the source, and compiles anew what does not fit. So what fits has to go on
 * fitting, and what does not (someone changed the source afterwards) must not begin to: old code would run.
 */
export async function bytecodeTimes(wishes: BytecodeWishes): Promise<BytecodeTimes> {
  const { files, after } = wishes;
  const keptSources = new Set<string>();
  const mended = new Map<string, string | undefined>();
  const elsewhere = hasPrefixedCaches(after);
  for (const [path, file] of files) {
    if (path.endsWith('.pyc') && (await isAlone(path, file, wishes))) mended.set(path, undefined);
    if (!path.endsWith('.py')) continue;
    if (file.entry.type === 'symlink') {
      // Python looks at the time of what it leads to.
      if (cachesOf(path, after).length > 0) keptSources.add(after.resolve(path).path);
      continue;
    }
    if (elsewhere) keptSources.add(path);
  }
  for (const [path, file] of files) {
    if (!path.endsWith('.py') || file.entry.type !== 'file' || keptSources.has(path)) continue;
    const fitting = wishes.keepsTime(path) ? undefined : await fittingCaches(path, file, wishes);
    if (fitting === undefined) keptSources.add(path);
    else for (const cache of fitting) mended.set(cache, path);
  }
  return { keptSources, mended };
}

/** What stands beside a source and may record its time: bytecode, and numba's caches. */
function cachesOf(source: string, after: PathIndex): readonly string[] {
  const directory = parentOf(source);
  const below = directory === '' ? '' : `${directory}/`;
  const stem = source.slice(below.length, -'.py'.length);
  // `a.b.cpython-311.pyc` is of `a.b.py`.
  const isOf = (name: string) =>
    name.startsWith(`${stem}.`) &&
    (!name.endsWith('.pyc') || /^[^.]+(?:\.opt-[^.]+)?\.pyc$/.test(name.slice(stem.length + 1)));
  const caches = after
    .children(`${below}__pycache__`)
    .filter(isOf)
    .map((name) => `${below}__pycache__/${name}`);
  const beside = `${below}${stem}.pyc`;
  return after.get(beside) === undefined ? caches : [...caches, beside];
}

/** The caches that get the source's new time; undefined if one of them cannot, so that the source has to keep its own. */
async function fittingCaches(
  source: string,
  { entry, mtime: time }: AddedFile,
  { files, contents, after, mtime, hashes }: BytecodeWishes,
): Promise<readonly string[] | undefined> {
  const fitting: string[] = [];
  for (const path of cachesOf(source, after)) {
    const file = files.get(path);
    const header = file && (await headerOf(path, file, contents));
    if (header === undefined) return undefined;
    if (header.kind === 'hash' || header.size !== entry.size % 2 ** 32) continue;
    if (header.mtime !== time % 2 ** 32) {
      // It does not fit, but would.
      if (header.mtime === mtime) return undefined;
    } else if (await isAsRecorded(file as AddedFile, hashes.get(path), contents)) return undefined;
    else fitting.push(path);
  }
  return fitting;
}

type Header =
  | { readonly kind: 'hash' }
  | { readonly kind: 'time'; readonly mtime: number; readonly size: number };

/** Of a bytecode file of CPython 3.7 or newer (PEP 552); undefined for anything else. */
async function headerOf(
  path: string,
  { entry, content }: AddedFile,
  contents: ContentFile,
): Promise<Header | undefined> {
  if (!path.endsWith('.pyc') || entry.type !== 'file' || content.size < 16) return undefined;
  const head = await contents.read({ at: content.at, size: 16 });
  const magic = head.readUInt16LE(0);
  if (magic < 3390 || magic > 3999 || head.toString('latin1', 2, 4) !== '\r\n') return undefined;
  const flags = head.readUInt32LE(4);
  if (flags !== 0) return flags === 1 || flags === 3 ? { kind: 'hash' } : undefined;
  return { kind: 'time', mtime: head.readUInt32LE(8), size: head.readUInt32LE(12) };
}

/** Bytecode in the place of a source, of which Python reads neither time nor size. */
async function isAlone(
  path: string,
  file: AddedFile,
  { contents, after, hashes }: BytecodeWishes,
): Promise<boolean> {
  if (/(?:^|\/)__pycache__\/[^/]+$/.test(path) || (await isAsRecorded(file, hashes.get(path), contents)))
    return false;
  const isThere = after.get(path.slice(0, -1)) !== undefined;
  return !isThere && (await headerOf(path, file, contents))?.kind === 'time';
}

/** Whether it is the bytecode that the wheel brought along; pip compiles over it, and leaves its hash in RECORD. */
async function isAsRecorded(
  { content }: AddedFile,
  hash: string | undefined,
  contents: ContentFile,
): Promise<boolean> {
  if (hash === undefined) return false;
  if (!hash.startsWith('sha256=')) return true;
  const digest = createHash('sha256')
    .update(await contents.read(content))
    .digest('base64url');
  return hash === `sha256=${digest}`;
}

/** Whether bytecode is kept in a tree of its own (PYTHONPYCACHEPREFIX): which source it is of is not told by its place. */
function hasPrefixedCaches(after: PathIndex): boolean {
  for (const { path } of after.entries())
    if (/\.[a-z]+-?\d+(?:\.opt-\d)?\.pyc$/.test(path) && !/(?:^|\/)__pycache__\/[^/]+$/.test(path))
      return true;
  return false;
}
