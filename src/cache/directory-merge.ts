import { chmod, chown, link, lstat, mkdir, readdir, rename, rm, utimes } from 'node:fs/promises';

type Status = Awaited<ReturnType<typeof lstat>>;

/** File systems and kernels that do not let this user link these files. */
const CANNOT_LINK = ['EPERM', 'EACCES', 'EXDEV', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

/**
 * Gives a new tree what only the old one has, by hard links: neither tree loses anything.
 *
 * @returns `impossible` if that cannot be done here, `again` if the old tree was taken away meanwhile: then not all of it is there
 */
export async function keepOthers(old: string, content: string): Promise<'kept' | 'again' | 'impossible'> {
  try {
    await linkOthers(bytes(old), bytes(content));
    return 'kept';
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return 'again';
    if (CANNOT_LINK.includes(code)) return 'impossible';
    throw error;
  }
}

async function linkOthers(old: Buffer, content: Buffer): Promise<void> {
  for (const name of await namesIn(old)) {
    const [from, to] = [within(old, name), within(content, name)];
    const [before, after] = await Promise.all([lstat(from), lstatIfThere(to)]);
    if (!before.isDirectory()) {
      if (after === undefined) await link(from, to);
    } else if (after === undefined) {
      await mkdir(to, { mode: 0o700 });
      try {
        await linkOthers(from, to);
      } finally {
        // Another attempt finds it there, and leaves it as it is.
        await likeDirectory(to, before);
      }
    } else if (after.isDirectory()) await linkOthers(from, to);
  }
}

/** Gives a directory another one's owner, mode and times. */
export async function likeDirectory(path: string | Buffer, like: Status): Promise<void> {
  const own = await lstat(path);
  if (own.uid !== like.uid || own.gid !== like.gid) await chown(path, Number(like.uid), Number(like.gid));
  await chmod(path, Number(like.mode) & 0o7777);
  await utimes(path, like.atime, like.mtime);
}

/**
 * Moves everything of one tree into another one, file by file; what it replaces is put aside. If something fails, what was
 * moved goes back.
 *
 * @param aside absolute path of a directory that is made for what is replaced
 */
export async function mergeInto(content: string, target: string, aside: string): Promise<void> {
  await mkdir(aside);
  const undo: (() => Promise<void>)[] = [];
  try {
    await mergeTree(bytes(content), bytes(target), { aside, undo });
  } catch (error) {
    for (const step of undo.toReversed()) await step();
    throw error;
  }
}

interface Merge {
  readonly aside: string;
  readonly undo: (() => Promise<void>)[];
}

async function mergeTree(content: Buffer, target: Buffer, merge: Merge): Promise<void> {
  for (const name of await namesIn(content)) {
    const [from, to] = [within(content, name), within(target, name)];
    const [after, before] = await Promise.all([lstat(from), lstatIfThere(to)]);
    if (before?.isDirectory() && after.isDirectory()) await mergeTree(from, to, merge);
    else await moveOne(from, to, before, merge);
  }
}

async function moveOne(
  from: Buffer,
  to: Buffer,
  before: Status | undefined,
  { aside, undo }: Merge,
): Promise<void> {
  if (before === undefined) {
    await rename(from, to);
    undo.push(() => rename(to, from));
    return;
  }
  const kept = bytes(`${aside}/${undo.length}`);
  // Neither a link in front of a file nor a directory in front of a link is followed: they are put aside by their names.
  await rename(to, kept);
  undo.push(async () => {
    await rename(kept, to);
  });
  await rename(from, to);
  undo.push(() => rename(to, from));
}

/** Deletes a tree, also where its owner took the permission away. What cannot be deleted stays. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch {
    await openDirectories(bytes(path)).catch(() => {});
    await rm(path, { recursive: true, force: true }).catch(() => {});
  }
}

async function openDirectories(path: Buffer): Promise<void> {
  await chmod(path, 0o700);
  for (const name of await namesIn(path))
    if ((await lstat(within(path, name))).isDirectory()) await openDirectories(within(path, name));
}

async function lstatIfThere(path: Buffer): Promise<Status | undefined> {
  return await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

function namesIn(directory: Buffer): Promise<Buffer[]> {
  return readdir(directory, { encoding: 'buffer' });
}

function within(directory: Buffer, name: Buffer): Buffer {
  return Buffer.concat([directory, bytes('/'), name]);
}

function bytes(path: string): Buffer {
  return Buffer.from(path);
}
