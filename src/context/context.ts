import type { Host } from '../host/host.ts';

/** A path of the build context that `.dockerignore` lets through. */
export interface ContextEntry {
  /** Without a slash in front, parts divided by `/`. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'other';
  /** Permission bits with set-user-ID, set-group-ID and sticky. */
  readonly mode: number;
  /** Of a stage's files, which keep it; what comes from the build context is root's. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Bytes of a file; else 0. */
  readonly size: number;
  readonly mtimeMs: number;
  /** Where a symbolic link leads, as written; else `''`. */
  readonly link: string;
  /** The same for all names of one file, if the file has several. */
  readonly hardLinks: string | undefined;
  /** Why a COPY that touches it is left to BuildKit: a socket, a device, a name that is no UTF-8, no permission. */
  readonly problem: string | undefined;
}

/** A tree of files that something is copied from. */
export interface ContextTree {
  /** By path, the root (`''`) aside. */
  readonly entries: ReadonlyMap<string, ContextEntry>;
  /** Names in a directory, sorted; `''` is the root. */
  readonly children: ReadonlyMap<string, readonly string[]>;
}

/** The build context as `COPY` and `ADD` see it. */
export interface Context extends ContextTree {
  readonly host: Host;
  /** Absolute. */
  readonly directory: string;
  /** The `.dockerignore` that counts, as in messages; undefined if there is none. */
  readonly ignoreFile: string | undefined;
  /** Why no COPY of this context is ours to compose: an ignore file that is not surely understood. */
  readonly problem: string | undefined;
}
