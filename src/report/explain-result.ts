import type { WhyNotSplit } from './build-result.ts';
import type { ShownChange } from './changes.ts';
import type { PlanCounts } from './plan-result.ts';

/** What keeps a build from being faster, and what changed: the `--json` output of `layerwright explain`. */
export interface ExplainResult extends ExplainPart {
  /** The same for the platforms after the first; left out for one. */
  readonly otherPlatforms?: readonly ExplainPart[];
}

/** The same for one platform. */
export interface ExplainPart {
  readonly schemaVersion: 1;
  readonly dockerfile: string | null;
  readonly target: string;
  readonly platform: string | null;
  /** `solved` if BuildKit would build all of it. */
  readonly way: 'composed' | 'solved';
  /** Why BuildKit would build all of it; null if it would not. */
  readonly reason: string | null;
  /** What to change about that; null if nothing helps. */
  readonly hint: string | null;
  readonly cacheRepository: string | null;
  /** The last build of the same branch, Dockerfile, target and platform; null if none left a record. */
  readonly last: {
    readonly branch: string | null;
    /** 40 hex digits. */
    readonly commit: string | null;
    /** RFC 3339. */
    readonly builtAt: string | null;
  } | null;
  /** What changed since then, in the order of an image. */
  readonly changes: readonly ExplainedChange[];
  /** Null if BuildKit would build all of it. */
  readonly counts: PlanCounts | null;
  /** What only BuildKit can do, the costliest first. */
  readonly solved: readonly ExplainedInstruction[];
}

export interface ExplainedChange extends ShownChange {
  readonly kind: 'base' | 'solved' | 'dependencies' | 'application' | 'settings';
}

/** When an instruction runs again. */
export type Repeats = 'always' | 'application' | 'dependencies' | 'base';

export interface ExplainedInstruction {
  /** `Dockerfile:12` */
  readonly place: string;
  readonly stage: string;
  /** As written, in one line. */
  readonly text: string;
  readonly reason: string;
  readonly hint: string | null;
  /** `there` if an earlier build solved it, `missing` if a build now has to. */
  readonly state: 'there' | 'missing';
  /** `always`: each build. `application`: a copied file changes. `dependencies`: one of these changes. `base`: a new base image. */
  readonly repeats: Repeats;
  /** Of `application`: the instructions that copy. */
  readonly copies: readonly string[];
  /** What its segment took BuildKit the last time; null if that is not known. */
  readonly seconds: number | null;
  /** Of one that may install something: why the layers of its segment stayed as BuildKit made them; left out for all others. */
  readonly notSplit?: WhyNotSplit;
}
