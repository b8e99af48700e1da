import type { Descriptor } from '../image/oci.ts';
import type { PathEntry } from '../image/path-entry.ts';
import type { InstallScheme } from '../python/facts.ts';

export type Compression = 'zstd' | 'gzip';

/** Mode and owner of a directory. */
export interface DirectoryFacts {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** A layer that was made on this machine. */
export interface MadeLayer {
  /** Of the compressed blob. */
  readonly descriptor: Descriptor;
  /** Digest of the tar archive, `sha256:...`. */
  readonly diffId: string;
  /** Bytes of the tar archive. */
  readonly tarBytes: number;
  /** The compressed blob on disk. */
  readonly file: string;
  /** What the layer holds, in the order of the archive, whiteouts as they are written. */
  readonly entries: readonly PathEntry[];
}

/** A wheel on disk, its hash already checked. */
export interface WheelFile {
  readonly name: string;
  readonly version: string;
  readonly file: string;
  readonly sha256: string;
  /** Whether REQUESTED is written. */
  readonly requested: boolean;
}

/** The program that installs, with its version where it leaves that behind (`Poetry 2.1.0`). */
export interface Installer {
  readonly tool: 'pip' | 'uv' | 'poetry';
  readonly version?: string;
}

/** A tree that is moved as it is: `COPY --from=builder /install /usr/local`. */
export interface Relocation {
  readonly from: string;
  readonly to: string;
}

/** One dependency layer to make: the same request gives the same tar archive anywhere and at any time. */
export interface DependencyLayerRequest {
  /** In the order of installation: where two write one path, the later one wins. */
  readonly wheels: readonly WheelFile[];
  /** Already resolved through the image's symbolic links. */
  readonly scheme: InstallScheme;
  /** The interpreter's path for shebangs. */
  readonly executable: string;
  /** `cpython-311`; undefined for no bytecode. */
  readonly cacheTag: string | undefined;
  /** A program of the same minor version on this machine that compiles; undefined for no bytecode. */
  readonly compiler: string | undefined;
  /** Who installs: decides INSTALLER, launchers and RECORD. */
  readonly installer: Installer;
  /**
   * Every directory of the image below which something is written and that is there already, by its path without a leading
   * slash (`''` for the root): its entry is repeated as it is. All others are new: 0777 without the umask, the owner below.
   * A new path below a directory with set-group-ID gets its group, and a new directory the bit.
   */
  readonly directories: Readonly<Record<string, DirectoryFacts>>;
  readonly uid: number;
  readonly gid: number;
  readonly umask: number;
  /** Seconds since 1970 for every entry, 1980 or later. */
  readonly mtime: number;
  /** If given, only what is at or below one of these absolute paths is written. */
  readonly keep: readonly string[] | undefined;
  /**
   * If given, what would be written at or below `from` is written at `to` (absolute paths): contents stay what they are, as
   * with a copy. `directories` and `keep` are about the paths before that and after it, respectively.
   */
  readonly relocation?: Relocation | undefined;
  readonly compression: Compression;
}
