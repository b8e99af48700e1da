import { createHash, randomBytes } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { access, mkdir, mkdtemp, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { usageError } from '../errors.ts';

/** The file's text, or undefined if there is no such file. Other errors are thrown. */
export async function readTextIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Writes a file so that a reader sees the old or the new content, never a part: temp file, then rename. */
export async function writeFileAtomic(path: string, data: string | Uint8Array, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await writeFile(temporary, data, { mode });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * Finds out before the work begins whether a file can be written after it.
 *
 * @throws LayerwrightError `FILE_UNUSABLE` (2)
 */
export async function requireWritable(path: string): Promise<void> {
  const refuse = (why: string) =>
    usageError(
      'FILE_UNUSABLE',
      `${path} cannot be written: ${why}`,
      'Name another file, or mend its directory.',
    );
  if ((await kindOf(path)) === 'directory') throw refuse('it is a directory');
  let directory = dirname(path);
  while ((await kindOf(directory)) === undefined && directory !== dirname(directory))
    directory = dirname(directory);
  if ((await kindOf(directory)) !== 'directory') throw refuse(`${directory} is no directory`);
  try {
    await access(directory, constants.W_OK | constants.X_OK);
  } catch {
    throw refuse(`no permission in ${directory}`);
  }
}

/** `file`, `directory`, `other`, or undefined if nothing is there. Follows links. */
export async function kindOf(path: string): Promise<'file' | 'directory' | 'other' | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other';
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Bytes of a file that is there. */
export async function sizeOfFile(path: string): Promise<number> {
  return (await stat(path)).size;
}

/** A fresh directory, removed again when the `await using` block ends. */
export async function temporaryDirectory(
  prefix = 'layerwright-',
): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), prefix));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** The first executable of that name on PATH, as an absolute path; undefined if there is none. */
export async function findOnPath(name: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  for (const directory of (env.PATH ?? '').split(delimiter)) {
    if (directory === '') continue;
    const candidate = resolve(directory, name);
    try {
      await access(candidate, constants.X_OK);
      if ((await stat(candidate)).isFile()) return candidate;
    } catch {
      // Not there or not executable: the next directory may have it.
    }
  }
  return undefined;
}

/** Layerwright's own cache directory: `LAYERWRIGHT_CACHE_DIR`, else XDG's cache home, else the platform's. */
export function cacheDirectory(env: NodeJS.ProcessEnv): string {
  if (env.LAYERWRIGHT_CACHE_DIR) return resolve(env.LAYERWRIGHT_CACHE_DIR);
  if (env.XDG_CACHE_HOME) return join(env.XDG_CACHE_HOME, 'layerwright');
  const home = env.HOME ?? homedir();
  return process.platform === 'darwin'
    ? join(home, 'Library', 'Caches', 'layerwright')
    : join(home, '.cache', 'layerwright');
}

/** Lower-case hex SHA-256 of a file, streamed. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

/**
 * Runs `work` while this process alone holds the lock file; waits for a living holder, takes over from a dead one.
 * Used where two runs would otherwise build the same thing into the same cache directory.
 */
export async function withLock<T>(path: string, work: () => Promise<T>, onWait?: () => void): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  let told = false;
  for (;;) {
    try {
      const handle = await open(path, 'wx');
      await handle.writeFile(String(process.pid));
      await handle.close();
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (await holderIsGone(path)) {
      await rm(path, { force: true });
      continue;
    }
    if (!told) onWait?.();
    told = true;
    await new Promise((wake) => setTimeout(wake, 250));
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function holderIsGone(path: string): Promise<boolean> {
  const text = await readTextIfThere(path);
  if (text === undefined) return false;
  const pid = Number(text);
  // Created but not yet written: the holder is between two system calls.
  if (!Number.isInteger(pid) || pid <= 0) {
    const age = Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now());
    return age > 5_000;
  }
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
