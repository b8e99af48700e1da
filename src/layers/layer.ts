import type { Descriptor } from '../image/oci.ts';
import type { PathEntry } from '../image/path-entry.ts';
import type { InstallScheme } from '../python/facts.ts';
import type { Installer } from '../python/installer.ts';

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
  /** The text of `direct_url.json`, without credentials, where the installer writes one. */
  readonly directUrl?: string;
  /** Further files that the installer writes into the dist-info, by name: `uv_cache.json`. */
  readonly files?: Readonly<Record<string, string>>;
}

/** What a copy takes from one place to another: `COPY --from=builder --chown=1000 /install /usr/local`. */
export interface Move {
  /** A directory with all that is in it, or a file; absolute, clean. */
  readonly from: string;
  readonly to: string;
  /** Of `--chown`; undefined if the owner stays. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Of `--chmod`, for files and directories alike; undefined if modes stay. */
  readonly mode?: number;
}

/** A copy of what was installed. Contents stay what they are: shebangs, RECORD and bytecode name the first place. */
export interface Relocation {
  /** What is at or below no `from` is not copied. */
  readonly moves: readonly Move[];
  /** As in `DependencyLayerRequest`, of the image that it is copied to; all others are as they were, but for the move's owner and mode. */
  readonly directories: Readonly<Record<string, DirectoryFacts>>;
}

/** What a Python that is not on this machine has answered to the orders of a layer's wheels. */
export interface CompiledElsewhere {
  /** By the wheel's SHA-256, the file with the answers; absolute. */
  readonly answers: Readonly<Record<string, string>>;
}

/** One dependency layer to make: the same request gives the same tar archive anywhere and at any time. */
export interface DependencyLayerRequest {
  /** In the order of installation: where two write one path, the later one wins. */
  readonly wheels: readonly WheelFile[];
  /** Already resolved through the image's symbolic links. */
  readonly scheme: InstallScheme;
  /**
   * Where RECORD takes the files to be, if that is not where they come to lie: `pip install --target` moves what it has installed
   * elsewhere.
   */
  readonly recordScheme?: InstallScheme | undefined;
  /** The interpreter's path for shebangs. */
  readonly executable: string;
  /** `cpython-311`; undefined for no bytecode. */
  readonly cacheTag: string | undefined;
  /** The release of Python that compiles, where that of the image alone is sure to make the same code: `3.13.5`. */
  readonly release?: string;
  /** A program on this machine that compiles, absolute, or what one elsewhere has answered; undefined for no bytecode. */
  readonly compiler: string | CompiledElsewhere | undefined;
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
  /** Copies of what is installed, one after the other: what the last one comes to is written. */
  readonly relocations?: readonly Relocation[] | undefined;
  readonly compression: Compression;
}
