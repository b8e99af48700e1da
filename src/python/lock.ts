/** A wheel of a lock. */
export interface LockedWheel {
  /** Without credentials. */
  readonly url: string;
  readonly filename: string;
  /** 64 hex digits. */
  readonly sha256: string;
  /** Bytes, where the index says it. */
  readonly size: number | undefined;
}

/** Where a distribution comes from that is no wheel yet: BuildKit makes one of it, once. URLs are without credentials. */
export type SourceDistribution =
  /** An archive of an index, or at a URL; 64 hex digits where they are known. */
  | {
      readonly kind: 'archive';
      readonly url: string;
      readonly sha256: string | undefined;
      readonly subdirectory: string | undefined;
    }
  /** A revision of a Git repository; a whole commit id where it is known. */
  | {
      readonly kind: 'git';
      readonly url: string;
      readonly revision: string | undefined;
      readonly subdirectory: string | undefined;
    }
  /** A directory of the image, absolute: the project itself, or a path that it names. */
  | { readonly kind: 'directory'; readonly path: string; readonly editable: boolean };

/** One distribution of a lock. */
export interface LockedDistribution {
  /** Normalised after PEP 503. */
  readonly name: string;
  readonly version: string;
  /** Undefined if there is none for the image's Python and platform. */
  readonly wheel: LockedWheel | undefined;
  /** What a wheel can be built of where there is none. */
  readonly source?: SourceDistribution;
  /** The text of `direct_url.json` (PEP 610), without credentials, where the tool writes one. */
  readonly directUrl?: string;
  /** Further files that its installer writes into the dist-info, by name: `uv_cache.json`. */
  readonly files?: Readonly<Record<string, string>>;
  /** True if a requirement of the step names it (pip then writes REQUESTED). */
  readonly requested: boolean;
}

/** The exact set of distributions that one dependency step installs, sorted by name. */
export interface Lock {
  readonly distributions: readonly LockedDistribution[];
}

/** What is read from a wheel itself, once, by its hash. Paths are as in the archive: `/`-separated, relative. */
export interface WheelFacts {
  readonly sha256: string;
  readonly name: string;
  readonly version: string;
  /** All files of the archive, sorted, directories left out. */
  readonly paths: readonly string[];
  /** Sum of the uncompressed sizes, bytes. */
  readonly bytes: number;
  /** True if WHEEL says `Root-Is-Purelib: true`. */
  readonly purelib: boolean;
  /** Names of console and GUI scripts that are written from `entry_points.txt`. */
  readonly scripts: readonly string[];
  /** Requires-Dist lines of METADATA, as written. */
  readonly requiresDist: readonly string[];
  readonly requiresPython: string | undefined;
  /** Provides-Extra lines of METADATA, normalised. */
  readonly extras: readonly string[];
  /** Texts of its `.pth` files, which decide what Python does when it starts, by their paths; undefined if there are none. */
  readonly startup?: Readonly<Record<string, string>>;
}
