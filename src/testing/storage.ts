import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';

/** Named bytes. Names have parts with `/` between them and are safe as paths. */
export interface Storage {
  readonly read: (name: string) => Promise<Uint8Array | undefined>;
  readonly write: (name: string, bytes: Uint8Array) => Promise<void>;
  readonly remove: (name: string) => Promise<void>;
  /** The names that begin so, sorted by their bytes. */
  readonly list: (prefix: string) => Promise<readonly string[]>;
}

/** Gone with the process. */
export function memoryStorage(): Storage {
  const kept = new Map<string, Uint8Array>();
  return {
    read: async (name) => kept.get(name),
    async write(name, bytes) {
      kept.set(name, Uint8Array.from(bytes));
    },
    async remove(name) {
      kept.delete(name);
    },
    list: async (prefix) => [...kept.keys()].filter((name) => name.startsWith(prefix)).sort(),
  };
}

/** Files below a directory, which need not be there yet. */
export function directoryStorage(directory: string): Storage {
  const place = (name: string) => join(directory, ...name.split('/'));
  return {
    read: (name) => readFile(place(name)).catch(ifMissing(undefined)),
    async write(name, bytes) {
      const partial = `${place(name)}.${randomBytes(4).toString('hex')}.partial`;
      await mkdir(dirname(partial), { recursive: true });
      await writeFile(partial, bytes);
      await rename(partial, place(name));
    },
    remove: (name) => rm(place(name), { force: true }),
    async list(prefix) {
      // The last part of a prefix may be the beginning of a name.
      const below = place(prefix.slice(0, prefix.lastIndexOf('/') + 1) || '.');
      const entries = await readdir(below, { withFileTypes: true, recursive: true }).catch(ifMissing([]));
      return entries
        .filter((entry) => entry.isFile() && !entry.name.endsWith('.partial'))
        .map((entry) => relative(directory, join(entry.parentPath, entry.name)).split(sep).join('/'))
        .filter((name) => name.startsWith(prefix))
        .sort();
    },
  };
}

function ifMissing<T>(instead: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return instead;
    throw error;
  };
}
