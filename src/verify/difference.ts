/** In what two file systems or configurations differ. */
export type DifferenceKind =
  | 'missing'
  | 'added'
  | 'type'
  | 'mode'
  | 'owner'
  | 'group'
  | 'link'
  | 'device'
  | 'content'
  | 'machine'
  | 'xattr'
  | 'bytecode'
  | 'launcher'
  | 'record'
  | 'layering';

/** One thing that is not the same; `image` is the image that is looked at, `plain` what it is compared with. */
export interface Difference {
  /** Absolute. */
  readonly path: string;
  readonly kind: DifferenceKind;
  /** What each side has; null where it has nothing. */
  readonly image: string | null;
  readonly plain: string | null;
  /** The number of the image's layer that the path is from, from 0; null if the image does not have it. */
  readonly layer: number | null;
}

/** The allowed exceptions, by name. There are no others. */
export const EXCUSES = {
  'bytecode-header': 'bytecode whose code is the same, and only the source time in its header differs',
  'bytecode-sharing': 'bytecode of equal code objects that shares parts of them otherwise',
  'bytecode-of-pip-run':
    "bytecode of Python's own library, pip, setuptools and wheel that one side has and the other has not",
  'debug-information': 'debug information and build ids of libraries that were compiled for the image',
  launcher: 'text of console scripts with the same interpreter and entry point',
  record: 'order, bytecode lines and hashes of such launchers, libraries and uv_cache.json in RECORD',
  'uv-cache': 'times and inodes in the uv_cache.json of projects that uv has built',
  'uv-lock': 'empty files by which uv keeps other runs of it away, in /tmp',
  mtime: 'times of files, links and directories',
  'home-cache': 'what is in .cache of home directories',
  'solve-noise': 'logs, lists and mount points that any RUN leaves behind',
} as const;

export type Excuse = keyof typeof EXCUSES;

/** What a comparison of file systems found. */
export interface TreeComparison {
  /** Paths that were compared: all that either side has. */
  readonly paths: number;
  readonly differences: readonly Difference[];
  /** How often each exception was made; only those that were. */
  readonly excused: Readonly<Partial<Record<Excuse, number>>>;
}
