import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { interruptedError, LayerwrightError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { type Store, type StoredObject, storeRefused, storeUnauthorized, storeUnreachable } from './store.ts';

const CHUNK = 256 * 1024;

/** Ends the names of what is being written. */
const PARTIAL = '.partial';

/** A store in a directory, e.g. of a file system that several machines have. It need not be there yet. */
export function fileStore(host: Pick<Host, 'signal'>, directory: string): Store {
  const place = (name: string) => join(directory, name);
  const name = pathToFileURL(directory).href;
  const known = (error: unknown) => storeError(error, name);
  return {
    name,
    async read(object) {
      const there = await orUndefined(stat(place(object)), known);
      return there && contentOf(place(object), host.signal, known);
    },
    async size(object) {
      return (await orUndefined(stat(place(object)), known))?.size;
    },
    async write(object, { content, onSent }) {
      const partial = `${place(object)}.${randomBytes(6).toString('hex')}${PARTIAL}`;
      try {
        await mkdir(dirname(partial), { recursive: true }).catch(rethrow(known));
        const handle = await open(partial, 'wx').catch(rethrow(known));
        try {
          for await (const chunk of content) {
            if (host.signal.aborted) throw interruptedError();
            await handle.appendFile(chunk).catch(rethrow(known));
            onSent(chunk.length);
          }
          // Its name must not outlive its content when the machine loses power.
          await handle.sync().catch(rethrow(known));
        } finally {
          await handle.close();
        }
        await rename(partial, place(object)).catch(rethrow(known));
      } catch (error) {
        await rm(partial, { force: true }).catch(() => {});
        throw error;
      }
    },
    async list(prefix) {
      const parent = prefix.slice(0, prefix.lastIndexOf('/') + 1);
      const found: StoredObject[] = [];
      await listInto(directory, parent, prefix, found).catch(rethrow(known));
      return found;
    },
  };
}

async function listInto(root: string, parent: string, prefix: string, found: StoredObject[]): Promise<void> {
  const entries = await readdir(join(root, parent), { withFileTypes: true }).catch(ifMissing([]));
  for (const entry of entries) {
    const name = `${parent}${entry.name}`;
    if (!name.startsWith(prefix) || name.endsWith(PARTIAL)) continue;
    if (entry.isDirectory()) await listInto(root, `${name}/`, prefix, found);
    else {
      const status = await stat(join(root, name)).catch(ifMissing(undefined));
      if (status) found.push({ name, modified: status.mtime });
    }
  }
}

/** Two buffers take turns: a chunk is valid until the one after the next is asked for. */
async function* contentOf(
  path: string,
  signal: AbortSignal,
  known: (error: unknown) => unknown,
): AsyncGenerator<Uint8Array> {
  const handle = await open(path).catch(rethrow(known));
  try {
    let buffer = Buffer.allocUnsafe(CHUNK);
    let other = Buffer.allocUnsafe(CHUNK);
    for (;;) {
      if (signal.aborted) throw interruptedError();
      const filled = await fill(handle, buffer).catch(rethrow(known));
      if (filled === 0) return;
      yield buffer.subarray(0, filled);
      [buffer, other] = [other, buffer];
    }
  } finally {
    await handle.close();
  }
}

/** Reads until the buffer is full or the file ends: how many bytes that are. */
async function fill(handle: FileHandle, buffer: Buffer): Promise<number> {
  for (let filled = 0; ; ) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled);
    filled += bytesRead;
    if (bytesRead === 0 || filled === buffer.length) return filled;
  }
}

async function orUndefined<T>(work: Promise<T>, known: (error: unknown) => unknown): Promise<T | undefined> {
  return await work.catch(ifMissing(undefined)).catch(rethrow(known));
}

function ifMissing<T>(instead: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT') return instead;
    throw error;
  };
}

function rethrow(known: (error: unknown) => unknown): (error: unknown) => never {
  return (error) => {
    throw known(error);
  };
}

const UNAVAILABLE: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left',
  EDQUOT: 'no space left for this user',
  EIO: 'input/output error',
  ESTALE: 'the network file system has lost it',
  ETIMEDOUT: 'no answer in time',
  EHOSTDOWN: 'the file server is down',
  ENOTCONN: 'the file server is not connected',
  EREMOTEIO: 'the file server failed',
};

function storeError(error: unknown, name: string): unknown {
  if (error instanceof LayerwrightError) return error;
  const { code = '' } = error as NodeJS.ErrnoException;
  if (['EACCES', 'EPERM', 'EROFS'].includes(code))
    return storeUnauthorized(
      `${name}: ${code === 'EROFS' ? 'the file system is read-only' : 'no permission'}`,
      'Give this user the permission to read and write there.',
      error,
    );
  if (UNAVAILABLE[code] !== undefined) return storeUnreachable(`${name}: ${UNAVAILABLE[code]}`, error);
  if (['ENOTDIR', 'EISDIR', 'ELOOP', 'ENAMETOOLONG', 'EEXIST'].includes(code))
    return storeRefused(`${name} is no directory that can hold a store`, 'Name another directory.', error);
  return error;
}
