import type { OnFailure } from './on-failure.ts';
import type { SecretReference } from './secret-reference.ts';

/** A buildspec that was read and checked: AWS CodeBuild User Guide, "Build specification reference". */
export interface Buildspec {
  /** As shown in messages. */
  readonly path: string;
  /** In 0.1 each command runs in a shell of its own. */
  readonly version: '0.1' | '0.2';
  readonly runAs: string | undefined;
  readonly env: BuildspecEnv;
  /** Those that the file has, in the order in which they run. */
  readonly phases: readonly Phase[];
  readonly artifacts: Artifacts | undefined;
  readonly cache: BuildspecCache | undefined;
  /** What CodeBuild would do with this file and a run on this machine does not, a line each. */
  readonly notAvailable: readonly string[];
}

export interface BuildspecEnv {
  readonly shell: Shell;
  readonly variables: Readonly<Record<string, string>>;
  /** Variable to the name of a parameter in Systems Manager Parameter Store. */
  readonly parameterStore: Readonly<Record<string, string>>;
  readonly secretsManager: Readonly<Record<string, SecretReference>>;
  readonly exportedVariables: readonly string[];
}

export type Shell = 'bash' | 'sh';

/** The phases that a buildspec can have, in the order in which they run. */
export const PHASES = ['install', 'pre_build', 'build', 'post_build'] as const;
export type PhaseName = (typeof PHASES)[number];

export interface Phase {
  readonly name: PhaseName;
  readonly runAs: string | undefined;
  readonly onFailure: OnFailure | undefined;
  readonly commands: readonly string[];
  readonly finally: readonly string[];
}

/** Which files make up an artifact. Paths and patterns are relative to the base directory. */
export interface ArtifactFiles {
  readonly files: readonly string[];
  /** May have shell words to expand, e.g. `web-$(date +%F)`. */
  readonly name: string | undefined;
  readonly discardPaths: boolean;
  /** Relative to the source directory; may be a pattern, and then be several. */
  readonly baseDirectory: string | undefined;
  readonly excludePaths: readonly string[];
}

export interface Artifacts extends ArtifactFiles {
  /** By artifact identifier. */
  readonly secondary: Readonly<Record<string, ArtifactFiles>>;
}

/** Key, fallback keys and paths may have shell words to expand. */
export interface BuildspecCache {
  readonly key: string | undefined;
  readonly fallbackKeys: readonly string[];
  /** Both if the file says nothing. */
  readonly action: 'restore' | 'save' | 'both';
  readonly paths: readonly string[];
}
