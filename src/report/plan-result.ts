import type { WhyNotSplit } from './build-result.ts';

/** What a build would do: the `--json` output of `layerwright plan`, described in docs/reference/plan.md. */
export interface PlanResult extends PlanPart {
  /** The same for the platforms after the first; left out for one. */
  readonly otherPlatforms?: readonly PlanPart[];
}

/** What a build for one platform would do. */
export interface PlanPart {
  readonly schemaVersion: 1;
  /** True if nothing but this machine was asked: much is assumed or not known then. */
  readonly offline: boolean;
  readonly dockerfile: string | null;
  readonly target: string;
  readonly platform: string | null;
  /** `solved` if BuildKit would build all of it. */
  readonly way: 'composed' | 'solved';
  /** Why BuildKit would build all of it; null if it would not. */
  readonly reason: string | null;
  /** What to change about that; null if nothing helps. */
  readonly hint: string | null;
  /** Where layers are looked for; null offline and if BuildKit builds all. */
  readonly cacheRepository: string | null;
  readonly bases: readonly PlanBase[];
  readonly segments: readonly PlanSegment[];
  readonly dependencies: readonly PlanDependencies[];
  /** The image's layers, the lowest first. */
  readonly layers: readonly PlanLayer[];
  /** Null offline, where most are not known. */
  readonly counts: PlanCounts | null;
  /** Instructions that BuildKit would have to run now, `Dockerfile:12`; null if that is not known. */
  readonly needsBuilder: readonly string[] | null;
}

export interface PlanBase {
  /** As written, variables put in. */
  readonly reference: string;
  /** Null offline. */
  readonly digest: string | null;
  readonly layers: number | null;
  /** True if it was not looked at, and what is said of it is what its name lets expect. */
  readonly assumed: boolean;
  /** Null if there is none, or it is not understood. */
  readonly python: PlanPython | null;
  /** Stages that start from it, in the order of the file. */
  readonly stages: readonly string[];
}

export interface PlanPython {
  readonly version: string;
  /** Absolute. */
  readonly executable: string;
  /** `glibc 2.36`; null if it is not known. */
  readonly libc: string | null;
  /** The version of pip; null if there is none, or it is not known. */
  readonly pip: string | null;
}

/** Instructions of one stage that are produced in one way; lines count from 1. */
export interface PlanSegment {
  /**
   * `split`: BuildKit ran it, and its layers were laid out anew, one for each group of distributions; of what is to be solved, that
   * this will be tried.
   */
  readonly kind: 'composed' | 'split' | 'solved';
  readonly stage: string;
  readonly fromLine: number;
  readonly toLine: number;
  /** Of a solved one: `there` if an earlier build solved it, `missing` if BuildKit has to, `unknown` offline. Else `composed`. */
  readonly state: 'composed' | 'there' | 'missing' | 'unknown';
  /** Layers that it adds to its stage; null while that is not known. */
  readonly layers: number | null;
  readonly reasons: readonly PlanReason[];
  /** Why its layers stayed as BuildKit made them, though it may install something; left out for all others. */
  readonly notSplit?: WhyNotSplit;
}

export interface PlanReason {
  /** `Dockerfile:12` */
  readonly place: string;
  readonly instruction: string;
  readonly reason: string;
  readonly hint: string | null;
}

/** What one `pip install` comes to. */
export interface PlanDependencies {
  /** `Dockerfile:12` */
  readonly place: string;
  readonly stage: string;
  /** Requirement files that were read; empty if all is on the command line, or if it is not known. */
  readonly files: readonly string[];
  /**
   * `kept`: an earlier build left it. `resolver`, `pins`: found now, by uv, or by the change of a pin since the last one.
   * `exact`: what is pinned, offline. `unknown`: not known now, `reason` says why.
   */
  readonly lock: 'kept' | 'resolver' | 'pins' | 'lock file' | 'exact' | 'unknown';
  readonly reason: string | null;
  /** Sorted by name. */
  readonly distributions: readonly PlanDistribution[];
  readonly warnings: readonly string[];
}

export interface PlanDistribution {
  readonly name: string;
  readonly version: string;
  /** True if the step names it itself. */
  readonly requested: boolean;
  /** `keep` if the image has it already. */
  readonly action: 'install' | 'replace' | 'keep' | 'remove';
  /** Of its files as they are installed; null if its wheel was not looked into. */
  readonly bytes: number | null;
}

export interface PlanLayer {
  readonly kind: 'given' | 'dependency' | 'copy' | 'directory' | 'removal' | 'extract';
  /** `numpy 2.1.0`, `bucket-07: idna 3.10, six 1.17.0`, `COPY . /app`. */
  readonly title: string;
  /** Of its instruction; null of one that is given. */
  readonly line: number | null;
  /** The first 12 digits of its key, or of the digest of one that is given; null offline: what is below it may change it. */
  readonly key: string | null;
  /** Compressed of one that is given, else of its files; null if that is not known. */
  readonly bytes: number | null;
  /** `given`: of a base image or a solved segment. `there`: made before. `missing`: would be made. `small`: is made each time. */
  readonly state: 'given' | 'there' | 'missing' | 'small';
  /** `NAME VERSION` of what is in it. */
  readonly distributions: readonly string[];
}

export interface PlanCounts {
  /** Layers of the image. */
  readonly layers: number;
  /** False while solved segments are missing, whose layers are counted by their instructions. */
  readonly exact: boolean;
  /** Instructions of which it is not known yet what they add. */
  readonly unknown: number;
  readonly given: number;
  readonly there: number;
  readonly missing: number;
  /** Of these: whose bytecode the image's own Python has to compile, by BuildKit. */
  readonly compiled: number;
  readonly small: number;
  /** Of the files of layers that would be made. */
  readonly missingBytes: number;
}
