import type { InstalledDistribution, PythonFacts } from '../python/facts.ts';
import type { Lock, WheelFacts } from '../python/lock.ts';
import type { PipOptions } from '../python/recognise/pip-options.ts';
import type { FileRequirement } from '../python/requirements/requirement-file.ts';

/** Everything that decides which distributions one `pip install` installs. */
export interface LockInput {
  /** Whose rules count: pip's (all indexes are one), or uv's (the first index that has a name). pip's, if it is not given. */
  readonly tool?: 'pip' | 'uv';
  /** True if what is not among the distributions is removed from the environment (`uv pip sync`). */
  readonly exact?: boolean;
  /** Of the command line and of all files, as `collectRequirements` gives them. */
  readonly requirements: readonly FileRequirement[];
  readonly constraints: readonly FileRequirement[];
  /** After the options of the files. */
  readonly options: PipOptions;
  /** The environment as it is before the step. */
  readonly facts: PythonFacts;
}

/** What pip would do with one distribution of a lock. */
export interface LockedChange {
  readonly name: string;
  /** `keep` if this very version is there already: nothing is written. `remove`: the lock does not have it. */
  readonly action: 'install' | 'keep' | 'replace' | 'remove';
  /** What is there before, if anything is. */
  readonly installed: InstalledDistribution | undefined;
}

/** A lock, and what it changes in the environment; both sorted by name. */
export interface ResolvedLock {
  readonly lock: Lock;
  readonly changes: readonly LockedChange[];
  /** How it was found: by uv, or by checking the change of a pin against the lock before. */
  readonly by: 'resolver' | 'pins' | 'lock file';
  /** What a person should know, e.g. that a version was withdrawn. */
  readonly warnings: readonly string[];
}

/** An earlier lock of the same step, with what its wheels say of themselves. */
export interface PreviousLock {
  /** `lockScope` of its input. */
  readonly scope: string;
  readonly lock: Lock;
  /** By the wheel's SHA-256; one that is missing means a full resolution. */
  readonly facts: ReadonlyMap<string, WheelFacts>;
}

/** Why a step cannot be locked here, so that BuildKit's pip has to do it. */
export interface NotLocked {
  readonly reason: string;
  /** True if the image's own tool may know: only source distributions may fulfil it, or nothing on this machine resolves. */
  readonly inImage?: true;
}
