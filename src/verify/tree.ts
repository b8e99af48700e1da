import type { PathEntry } from '../image/path-entry.ts';
import type { Launcher } from './launcher.ts';

/** What a bytecode file says of itself. */
export interface Bytecode {
  /** Of the Python that wrote it: the first two bytes as a number. */
  readonly magic: number;
  /** `timestamp` is valid for the source's time and size, `checked` for its hash, `unchecked` for whatever the source says. */
  readonly validity: 'timestamp' | 'checked' | 'unchecked';
  /** The source's time (the low 32 bits of seconds since 1970) and size, for `timestamp`. */
  readonly source: { readonly mtime: number; readonly size: number } | undefined;
  /** SHA-256 of the marshalled code as it stands. */
  readonly code: string;
  /** SHA-256 of the code's canonical form; undefined if it cannot be read. */
  readonly canonical: string | undefined;
}

/** A path of a file system that was put together from layers. Hard links are the files they lead to. */
export interface TreeEntry {
  /** Without a leading or trailing slash; `''` is the root. */
  readonly path: string;
  readonly type: Exclude<PathEntry['type'], 'hardlink'>;
  /** At most 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content; 0 unless it is a file. */
  readonly size: number;
  /** 64 hex digits for a file, else `''`. */
  readonly sha256: string;
  /** Where a symbolic link leads, else `''`. */
  readonly link: string;
  /** `MAJOR:MINOR`, else `''`. */
  readonly device: string;
  /** Seconds since 1970; undefined for a directory that no layer has an entry for. */
  readonly mtime: number | undefined;
  /** Values have one character a byte. */
  readonly xattrs: Readonly<Record<string, string>>;
  /** The number of the layer that the entry is from, from 0. */
  readonly layer: number;
  /** Of a program or library in ELF's form: the processor that it is for, as ELF numbers it. */
  readonly machine: number | undefined;
  /** Of a library in ELF's form that has debug information: a hash of all the rest. @see withoutDebugInformation */
  readonly compiled: string | undefined;
  readonly bytecode: Bytecode | undefined;
  readonly launcher: Launcher | undefined;
  /** The content, as far as a comparison reads it: of RECORD, WHEEL and /etc/passwd. */
  readonly text: string | undefined;
}

/** What was read of one layer. */
export interface ReadLayer {
  /** Digest of the tar archive, `sha256:...`. */
  readonly diffId: string;
  /** Bytes of the tar archive. */
  readonly tarBytes: number;
  /** What runtimes make different file systems of. */
  readonly hazards: readonly Hazard[];
}

/** Something in a layer that not all runtimes understand alike, though a specification may be clear about it. */
export interface Hazard {
  readonly path: string;
  /** For people. */
  readonly what: string;
}

/** A file system, put together. */
export interface Tree {
  readonly entries: ReadonlyMap<string, TreeEntry>;
  readonly layers: readonly ReadLayer[];
}

/** The directory that holds a path; of a path without a slash the root. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}
