/** A file that a lock names with its address. */
export interface LockedFile {
  /** Without credentials. */
  readonly url: string;
  readonly filename: string;
  /** 64 hex digits. */
  readonly sha256: string;
  /** Bytes, where the lock says it. */
  readonly size: number | undefined;
}

/** Where a selected distribution comes from. */
export type Origin =
  /** Files of an index with their addresses. */
  | { readonly kind: 'files'; readonly wheels: readonly LockedFile[]; readonly sdist: LockedFile | undefined }
  /** Files of an index by their hashes alone (`sha256:...`); the index's address, undefined for the tool's default. */
  | { readonly kind: 'hashes'; readonly index: string | undefined; readonly hashes: ReadonlySet<string> }
  /** A wheel or source archive at an address that a requirement names. */
  | {
      readonly kind: 'url';
      readonly url: string;
      readonly sha256: string | undefined;
      readonly size: number | undefined;
      readonly subdirectory: string | undefined;
    }
  | {
      readonly kind: 'git';
      readonly url: string;
      /** A branch, tag or revision as the requirement has it. */
      readonly requested: string | undefined;
      /** 40 hex digits or more. */
      readonly commit: string;
      readonly subdirectory: string | undefined;
    }
  /** A directory of the image, absolute. */
  | { readonly kind: 'directory'; readonly path: string; readonly editable: boolean };

/** One distribution that a tool takes from a lock for one environment. */
export interface SelectedDistribution {
  /** Normalised after PEP 503. */
  readonly name: string;
  /** Undefined where only a build tells it. */
  readonly version: string | undefined;
  readonly origin: Origin;
}
