import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { lstat, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** What is at a path itself: a link that a stranger may have put there is none of these. */
export async function plainKind(path: string): Promise<'file' | 'directory' | undefined> {
  const found = await lstat(path).catch(() => undefined);
  return found?.isFile() ? 'file' : found?.isDirectory() ? 'directory' : undefined;
}

/** The content of a file that is no link; undefined if there is none. */
export async function readPlainFile(path: string): Promise<Buffer | undefined> {
  return (await plainKind(path)) === 'file' ? await readFile(path) : undefined;
}

/**
 * Writes a stream to a file, which is there only whole and with that hash.
 *
 * @param sha256 64 hex digits
 * @returns false if it has another one
 */
export async function saveChecked(
  path: string,
  source: AsyncIterable<Uint8Array>,
  sha256: string,
): Promise<boolean> {
  await mkdir(dirname(path), { recursive: true });
  const partial = `${path}.partial`;
  const hash = createHash('sha256');
  async function* hashed() {
    for await (const chunk of source) {
      hash.update(chunk);
      yield chunk;
    }
  }
  try {
    await pipeline(Readable.from(hashed()), createWriteStream(partial));
    if (hash.digest('hex') !== sha256) return false;
    await rename(partial, path);
    return true;
  } finally {
    await rm(partial, { force: true });
  }
}

/**
 * Writes a stream to a file whose name begins with its SHA-256, 64 hex digits and a dash.
 *
 * @param directory existing
 * @param name the rest of its name, without a slash
 * @returns the path
 */
export async function saveHashed(
  directory: string,
  name: string,
  content: AsyncIterable<Uint8Array>,
): Promise<string> {
  const partial = join(directory, `${randomBytes(8).toString('hex')}.partial`);
  const hash = createHash('sha256');
  const file = await open(partial, 'wx');
  try {
    for await (const chunk of content) {
      hash.update(chunk);
      await file.writeFile(chunk);
    }
  } finally {
    await file.close();
  }
  const path = join(directory, `${hash.digest('hex')}-${name}`);
  await rename(partial, path);
  return path;
}
