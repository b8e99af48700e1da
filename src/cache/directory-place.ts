import { createHash, randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, realpath, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { usageError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { ArchiveEntry } from './archive-header.ts';
import { finishDirectories } from './archive-read.ts';
import { STAGING_PREFIX } from './archive-write.ts';
import { keepOthers, likeDirectory, mergeInto, removeTree } from './directory-merge.ts';

/** A place beside a directory, or within it, where its new content is made. */
export interface Staging {
  /** Absolute path of the directory that is restored, without symbolic links; it need not be there yet. */
  readonly target: string;
  /** Holds `new`, the new content, and while it is put into place what it replaces. */
  readonly root: string;
  /** The empty directory to unpack into. */
  readonly content: string;
  /** The outermost directory that was made to hold all this; undefined if there was one. */
  readonly made: string | undefined;
}

/** What a restore that was killed left behind is cleared away after this time: until then another one may be using it. */
const LEFT_BEHIND_MS = 24 * 60 * 60 * 1000;

/**
 * Makes the place where a directory's new content is unpacked, on the same file system as the directory itself.
 * What a killed restore of this directory left is mended or cleared away.
 */
export async function stage(host: Pick<Host, 'clock'>, directory: string): Promise<Staging> {
  const made = await mkdir(dirname(directory), { recursive: true });
  const parent = await realpath(dirname(directory));
  const target = await realpath(directory).catch(() => join(parent, basename(directory)));
  if ((await lstat(target).catch(() => undefined))?.isSymbolicLink())
    throw usageError('FILE_UNUSABLE', `${target} is a link that leads nowhere`, 'Name a directory.');
  await mend(host, target);
  const root =
    (await mkdirIfPossible(besides(target), target)) ??
    (await mkdirNew(join(target, `${STAGING_PREFIX}${randomBytes(6).toString('hex')}`)));
  const content = join(root, 'new');
  await mkdir(content);
  return { target, root, content, made };
}

/** Removes a staging place with everything in it, and the directories that were made for it if nothing else is there. */
export async function unstage({ root, target, made }: Staging): Promise<void> {
  await removeTree(root);
  if (made === undefined) return;
  try {
    for (let parent = dirname(target); isWithin(parent, made); parent = dirname(parent)) await rmdir(parent);
  } catch {
    // Something is in it.
  }
}

/** What is put into place. */
export interface Placement {
  readonly staging: Staging;
  /** Those of the archive, whose modes and times are not set yet. */
  readonly directories: readonly ArchiveEntry[];
  readonly asOwner: boolean;
  /** The process's own directory: a directory that holds it is not exchanged for another. */
  readonly cwd: string;
}

/**
 * Puts unpacked content into place. The directory is exchanged as a whole for one that has the new files and the old ones
 * that stay; where that cannot be done (a mount point, the current directory), file by file, and what was done is undone if
 * one fails.
 */
export async function place(placement: Placement): Promise<void> {
  const { staging, directories, asOwner } = placement;
  for (let attempt = 1; attempt <= 3; attempt++) {
    const outcome = await placeWhole(placement);
    if (outcome === 'placed') return;
    if (outcome === 'impossible') break;
  }
  await mergeInto(staging.content, staging.target, join(staging.root, 'replaced'));
  await finishDirectories(staging.target, exceptTop(directories), asOwner);
}

/** A directory that is there keeps its own mode. */
function exceptTop(directories: readonly ArchiveEntry[]): readonly ArchiveEntry[] {
  return directories.filter(({ path }) => path !== '');
}

/** Puts all of it into place at once. `again` if another restore came in between. */
async function placeWhole(placement: Placement): Promise<'placed' | 'again' | 'impossible'> {
  const { staging, directories, asOwner } = placement;
  const { target, content } = staging;
  const old = await stat(target).catch(() => undefined);
  if (old === undefined) await finishDirectories(content, directories, asOwner);
  else {
    if (!(await mayBeExchanged(placement))) return 'impossible';
    const others = await keepOthers(target, content);
    if (others !== 'kept') return others;
    await finishDirectories(content, exceptTop(directories), asOwner);
    await likeDirectory(content, old);
  }
  return await exchange(staging, old !== undefined);
}

/** Renames the old directory away and the new one to its place. */
async function exchange(
  { target, root, content }: Staging,
  isThere: boolean,
): Promise<'placed' | 'again' | 'impossible'> {
  const old = join(root, 'old');
  let moved = false;
  try {
    if (isThere) await rename(target, old);
    moved = isThere;
    await rename(content, target);
    return 'placed';
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    // Not if another restore has put its own there meanwhile: then that one stays.
    if (moved) await rename(old, target).catch(() => {});
    if (['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(code)) return 'again';
    // Among others, an overlay file system cannot rename a directory of a lower layer.
    if (isThere && ['EXDEV', 'EBUSY', 'EPERM', 'EACCES'].includes(code)) return 'impossible';
    throw error;
  }
}

async function mayBeExchanged({ staging, cwd }: Placement): Promise<boolean> {
  const { target, root } = staging;
  const here = await realpath(cwd).catch(() => cwd);
  return !isWithin(root, target) && !isWithin(here, target) && !(await mountPoints()).some(below(target));
}

const below = (directory: string) => (path: string) => isWithin(path, directory);

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith(sep) ? directory : `${directory}${sep}`);
}

/** Where something is mounted; nothing is known where there is no /proc. */
async function mountPoints(): Promise<string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  return table
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .map((path) =>
      path.replace(/\\(\d{3})/g, (_all, octal) => String.fromCharCode(Number.parseInt(octal, 8))),
    );
}

/** A name beside a directory for its staging place; all of one directory begin alike. */
function besides(target: string): string {
  return join(dirname(target), `${prefixOf(target)}${randomBytes(6).toString('hex')}`);
}

function prefixOf(target: string): string {
  // The directory's own name may be as long as a name can be.
  const name = createHash('sha256').update(basename(target)).digest('hex').slice(0, 12);
  return `${STAGING_PREFIX}${name}-`;
}

/** Makes the staging place beside the directory; undefined where only the directory itself can hold it. */
async function mkdirIfPossible(path: string, target: string): Promise<string | undefined> {
  const [there, parent] = await Promise.all([stat(target).catch(() => undefined), stat(dirname(path))]);
  if (there !== undefined && (there.dev !== parent.dev || (await mountPoints()).includes(target)))
    return undefined;
  try {
    return await mkdirNew(path);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (there !== undefined && ['EACCES', 'EPERM', 'EROFS'].includes(code)) return undefined;
    throw error;
  }
}

async function mkdirNew(path: string): Promise<string> {
  await mkdir(path, { mode: 0o700 });
  return path;
}

/**
 * A restore that was killed between its two renames left the directory's old content under another name: it gets its name
 * back. What else old ones left is deleted.
 */
async function mend({ clock }: Pick<Host, 'clock'>, target: string): Promise<void> {
  const parent = dirname(target);
  const places = [
    ...(await namesIn(parent, prefixOf(target))).map((name) => join(parent, name)),
    ...(await namesIn(target, STAGING_PREFIX)).map((name) => join(target, name)),
  ];
  for (const left of places) {
    if ((await lstat(target).catch(() => undefined)) === undefined)
      await rename(join(left, 'old'), target).catch(() => {});
    const age = clock.now().getTime() - ((await stat(left).catch(() => undefined))?.mtimeMs ?? 0);
    if (age > LEFT_BEHIND_MS) await rm(left, { recursive: true, force: true }).catch(() => {});
  }
}

async function namesIn(directory: string, prefix: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names.filter((name) => name.startsWith(prefix));
}
