import type { StageNode } from '../../dockerfile/graph.ts';
import type { FrozenInput, OwnProject } from '../../lock/frozen.ts';
import type { LockInput, NotLocked, ResolvedLock } from '../../lock/lock-input.ts';
import type { PythonFacts } from '../../python/facts.ts';
import type { WheelFacts } from '../../python/lock.ts';
import type { Netrc } from '../../python/recognise/netrc.ts';
import type { InputWorld } from '../solve/inputs.ts';
import type { Extracted, ImageState } from '../state.ts';
import type { WheelBuild } from '../wheels/wheel-build.ts';
import type { ResolveBuild } from '../wheels/wheel-resolve.ts';
import type { BuiltWheel, NotBuilt } from '../wheels/wheel-source.ts';
import type { Refuse } from './environment.ts';
import type { BoundPath, FileWorld } from './image-files.ts';
import type { PlannedLayer } from './install-plan.ts';

/** A lock with what its wheels say of themselves. */
export interface LockedStep {
  /** 64 hex digits. */
  readonly key: string;
  readonly resolved: ResolvedLock;
  /** True if an earlier build had kept it. */
  readonly kept: boolean;
  /** By the wheel's SHA-256. */
  readonly wheels: ReadonlyMap<string, WheelFacts>;
}

/** What a lock file comes to, with the projects that are installed from directories. */
export interface LockedFile extends LockedStep {
  readonly own: readonly OwnProject[];
}

/** What an installation asks of the world. */
export interface InstallWorld extends FileWorld {
  /** What a package tool would install for requirements. */
  readonly lock: (input: LockInput) => Promise<LockedStep | NotLocked>;
  /** What a project's lock says. */
  readonly lockFile: (input: FrozenInput) => Promise<LockedFile | NotLocked>;
  /** The same as `lock` where some of it has to be built from source, whose needs only its build knows. */
  readonly lockSources: (input: LockInput, build: ResolveBuild) => Promise<LockedStep | NotLocked>;
  /**
   * The wheel of something that is none yet.
   *
   * @throws MustRun where nothing may be run
   */
  readonly wheel: (build: WheelBuild) => Promise<BuiltWheel | NotBuilt>;
  /** Wheels that are files of images. */
  readonly layerWheels: (files: readonly Extracted[]) => Promise<readonly BuiltWheel[] | NotBuilt>;
  readonly digest: InputWorld['digest'];
}

/** One installation of a step, as it was planned. */
export interface InstalledStep {
  readonly line: number;
  /** The requirement files or the lock that were read, as they are named; empty if all is on the command line. */
  readonly files: readonly string[];
  readonly python: PythonFacts;
  readonly locked: LockedStep;
  readonly layers: readonly PlannedLayer[];
  /** True if the image below is assumed. */
  readonly assumed: boolean;
}

/** Where an installation stands, and what it sees. */
export interface InstallPlace {
  readonly node: StageNode;
  /** Index of the stage's instructions. */
  readonly at: number;
  readonly line: number;
  readonly binds: readonly BoundPath[];
  /** The logins of a secret netrc file; never to be kept. */
  readonly netrc: Netrc | undefined;
  /** Directories of the environments that the command itself would make, absolute: uv then starts their `python`, else `python3`. */
  readonly selfMade: ReadonlySet<string>;
  readonly refuse: Refuse;
}

/** What one command of a step comes to. */
export interface InstallOutcome {
  readonly after: ImageState;
  readonly installed: readonly InstalledStep[];
}
