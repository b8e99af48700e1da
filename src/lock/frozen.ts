import { posix } from 'node:path';
import type { Host } from '../host/host.ts';
import type { Unclear } from '../lockfiles/documents.ts';
import { selectFromPipfileLock } from '../lockfiles/pipfile-lock.ts';
import { selectFromPylock } from '../lockfiles/pylock.ts';
import type { SelectedDistribution } from '../lockfiles/selected.ts';
import type { PythonFacts } from '../python/facts.ts';
import { type MarkerEnvironment, markerEnvironment } from '../python/markers.ts';
import type { LockSelection } from '../python/recognise/lock-selection.ts';
import type { PipOptions } from '../python/recognise/pip-options.ts';
import type { InstallTool } from '../python/recognise/recognise.ts';
import { compatibleTags } from '../python/wheel-tags.ts';
import { frozenChanges } from './frozen-changes.ts';
import { frozenClosureProblem } from './frozen-closure.ts';
import { type KnownFiles, type Located, locateAll } from './frozen-files.ts';
import { poetrySelection } from './frozen-poetry.ts';
import { uvSelection } from './frozen-uv.ts';
import type { NotLocked, ResolvedLock } from './lock-input.ts';

/**
 * How sure the tool is that the lock belongs to the project: `frozen` if it does not look, `locked` if it fails where it does
 * not, `unchecked` if it mends the lock then (`uv sync` without either flag).
 */
export type Freshness = 'frozen' | 'locked' | 'unchecked';

/** Everything that decides what a tool installs from a lock file. */
export interface FrozenInput {
  readonly tool: InstallTool;
  readonly lock: {
    readonly kind: 'uv' | 'poetry' | 'pipenv' | 'pylock';
    /** Absolute, in the image. */
    readonly path: string;
    readonly text: string;
  };
  /** The directory of pyproject.toml (of Pipfile), absolute, and its text; undefined where the lock alone decides. */
  readonly project: { readonly directory: string; readonly text: string } | undefined;
  /** The text of a file of the image by its absolute path; undefined if it is not there, or not known before the build. */
  readonly read: (path: string) => Promise<string | undefined>;
  /**
   * Names of what is directly in a directory of the image, by its absolute path: for the members of a workspace, where they are
   * given by a pattern. Undefined, or answering undefined: not known.
   */
  readonly list?: (directory: string) => Promise<readonly string[] | undefined>;
  readonly selection: LockSelection;
  /** What becomes of the project itself, and of other members of its workspace. */
  readonly own: 'none' | 'editable' | 'copied';
  /** True if distributions that the lock does not have are removed. */
  readonly exact: boolean;
  readonly freshness: Freshness;
  /** The environment as it is before the step; `installed` is empty where the tool makes it. */
  readonly facts: PythonFacts;
  /** Indexes of the command line and of the environment: for their logins, and where a lock names files by hashes alone. */
  readonly indexes: Pick<PipOptions, 'indexUrl' | 'extraIndexUrls' | 'trustedHosts'>;
}

/** A project that is installed from a directory of the image: the project itself, a member of its workspace, a path. */
export interface OwnProject {
  /** Normalised. */
  readonly name: string;
  /** Undefined where it is known only when it is built. */
  readonly version: string | undefined;
  /** Absolute, in the image. */
  readonly path: string;
  readonly editable: boolean;
  readonly requested: boolean;
  /** The text of `direct_url.json` (PEP 610), where the tool writes one. */
  readonly directUrl: string | undefined;
  /** `replace` if one of this name is there, whatever its version. */
  readonly change: 'install' | 'replace';
}

/** What is installed from a lock file: distributions that do not depend on the context, and projects that do. */
export interface FrozenResult extends ResolvedLock, Pick<Located, 'asked'> {
  /** Sorted by name; not among the lock's distributions. */
  readonly own: readonly OwnProject[];
}

/** What applies to the image: markers' values, and tags of wheels that fit, best first. */
export interface FrozenScope {
  readonly environment: MarkerEnvironment;
  readonly tags: readonly string[];
}

/**
 * Finds out what a tool would install from a project's lock file, without running anything of it. The index is asked only where
 * the lock names files by their hashes alone (poetry, pipenv), and for pip, which follows the needs of what a pylock.toml names.
 *
 * @param known of an earlier lock for the same Python: the index is asked only for what changed
 * @returns a reason to let BuildKit do it where this is not certain
 * @throws LayerwrightError `INDEX_UNREACHABLE` (75), `INDEX_DENIED` (2), `INDEX_INVALID` (75)
 */
export async function resolveFrozen(
  host: Host,
  input: FrozenInput,
  known: KnownFiles = new Map(),
): Promise<FrozenResult | NotLocked> {
  const { facts } = input;
  const environment = markerEnvironment(facts);
  const tags = compatibleTags(facts);
  if (environment === undefined || tags === undefined)
    return { reason: `Python ${facts.version} on ${facts.architecture} is not a known platform` };
  if (facts.externallyManaged)
    return { reason: 'the environment is externally managed (PEP 668), so nothing may be installed into it' };
  const scope = { environment, tags };
  const selected = await SELECTIONS[input.lock.kind](input, scope);
  if ('reason' in selected) return selected;
  const located = await locateAll(host, input, scope, selected, known);
  if ('reason' in located) return located;
  const { distributions, own, asked } = located;
  const changes = await frozenChanges(input, distributions, own);
  if ('reason' in changes) return changes;
  const problem = await frozenClosureProblem(host, input, scope, located);
  if (problem) return problem;
  return { lock: { distributions }, changes, by: 'lock file', warnings: [], own, asked };
}

type Selection = (
  input: FrozenInput,
  scope: FrozenScope,
) => Promise<readonly SelectedDistribution[] | Unclear>;

/** What of each kind of lock a tool takes. */
const SELECTIONS: Readonly<Record<FrozenInput['lock']['kind'], Selection>> = {
  uv: uvSelection,
  poetry: poetrySelection,
  async pipenv({ lock, project, freshness, selection, facts }, { environment }) {
    const elsewhere = pipenvElsewhere(facts);
    if (elsewhere) return elsewhere;
    const fresh = freshness !== 'frozen';
    return selectFromPipfileLock({ lock: lock.text, pipfile: project?.text, fresh, selection, environment });
  },
  async pylock(input, { environment }) {
    const old = oldPip(input);
    if (old) return old;
    const { lock, tool, selection } = input;
    const root = posix.dirname(lock.path);
    // Groups that uv is told stand in the place of the lock's own.
    const only = tool === 'uv' && selection.groups !== 'all' && selection.groups.length > 0;
    const asked = only ? { ...selection, defaultGroups: false } : selection;
    return selectFromPylock({ lock: lock.text, root, selection: asked, environment });
  },
};

/** pipenv takes what stands in its own Python for what is there already, wherever it installs to. */
function pipenvElsewhere({ installed, venv }: PythonFacts): NotLocked | undefined {
  return venv !== undefined || installed.some(({ name }) => name === 'pipenv')
    ? undefined
    : { reason: 'pipenv stands in another environment, and takes what is there for installed' };
}

/** The first pip that installs from a pylock.toml. */
const FIRST_PYLOCK = [26, 1] as const;

function oldPip({ tool, facts }: FrozenInput): NotLocked | undefined {
  if (tool !== 'pip') return undefined;
  const [major = 0, minor = 0] = (facts.pip ?? '').split('.').map(Number);
  if (major > FIRST_PYLOCK[0] || (major === FIRST_PYLOCK[0] && minor >= FIRST_PYLOCK[1])) return undefined;
  return { reason: `pip ${facts.pip ?? '(none)'} does not install from a pylock.toml` };
}
