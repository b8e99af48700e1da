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

/** One distribution of a lock. */
export interface LockedDistribution {
  /** Normalised after PEP 503. */
  readonly name: string;
  readonly version: string;
  /** Undefined if there is none for the image's Python and platform. */
  readonly wheel: LockedWheel | undefined;
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
}
