/** What of a lock is installed. Names are normalised after PEP 503. */
export interface LockSelection {
  /** Extras of the project. */
  readonly extras: readonly string[] | 'all';
  readonly withoutExtras: readonly string[];
  /** Dependency groups beside those that are installed by default: `--group`, `--with`, `--dev`. */
  readonly groups: readonly string[] | 'all';
  /** `--no-group`, `--without`, `--no-dev` (as `dev`). */
  readonly withoutGroups: readonly string[];
  /** Nothing but these groups, not even the project's own dependencies; undefined: not so. */
  readonly onlyGroups: readonly string[] | undefined;
  /** False if the tool's default groups are left out (`--no-default-groups`). */
  readonly defaultGroups: boolean;
  /** Members of the workspace; empty for the one in whose directory the tool runs. */
  readonly packages: readonly string[] | 'all';
  /** Distributions that are left out (`--no-install-package`). */
  readonly without: readonly string[];
  /** Whether other members of the workspace are left out (`--no-install-workspace`); undefined: not known. */
  readonly withoutMembers?: boolean;
  /** Whether all that comes from directories is left out (`--no-install-local`, poetry's `--no-directory`); undefined: not known. */
  readonly withoutDirectories?: boolean;
}

/** All that a tool installs when it is told nothing. */
export const DEFAULT_SELECTION: LockSelection = {
  extras: [],
  withoutExtras: [],
  groups: [],
  withoutGroups: [],
  onlyGroups: undefined,
  defaultGroups: true,
  packages: [],
  without: [],
};
