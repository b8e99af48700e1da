import type { MarkerEnvironment } from '../python/markers.ts';
import type { LockSelection } from '../python/recognise/lock-selection.ts';
import type { Table, Unclear } from './documents.ts';
import { type MarkerScope, markerApplies } from './marker-scope.ts';
import { constraintAllowsPython, parsePoetryConstraint } from './poetry-constraint.ts';
import { type PoetryLock, type PoetryPackage, poetryOrigin } from './poetry-lock.ts';
import { contentHashes, poetryGroups, readPoetryProject } from './poetry-project.ts';
import { walkPoetryLock } from './poetry-walk.ts';
import type { SelectedDistribution } from './selected.ts';

/** What `poetry install` is asked for. */
export interface PoetryRequest {
  readonly lock: PoetryLock;
  /** The directory of lock and pyproject.toml, absolute. */
  readonly root: string;
  readonly manifest: Table;
  readonly selection: LockSelection;
  readonly environment: MarkerEnvironment;
}

/** What `poetry install` installs, the project itself aside. */
export function selectFromPoetryLock(request: PoetryRequest): readonly SelectedDistribution[] | Unclear {
  const { lock, manifest, selection, root } = request;
  const project = readPoetryProject(manifest);
  const stale = freshnessProblem(request);
  if (stale) return stale;
  const groups = poetryGroups(project, selection);
  if ('reason' in groups) return groups;
  const extras = selection.extras === 'all' ? Object.keys(project.extras) : selection.extras;
  const missing = extras.find((one) => !lock.extras.includes(one));
  if (missing !== undefined) return { reason: `poetry.lock does not have the extra ${missing}` };
  const scope = { environment: request.environment, extras: new Set(extras), groups };
  const withGroups = lock.version[0] === 2 && lock.version[1] >= 1;
  const chosen = withGroups ? byMarkers(lock, scope) : walkPoetryLock(lock, project, scope);
  if ('reason' in chosen) return chosen;
  const result: SelectedDistribution[] = [];
  for (const one of chosen) {
    const origin = poetryOrigin(one, root, project);
    if ('reason' in origin) return origin;
    if (result.some(({ name }) => name === one.name))
      return { reason: `poetry.lock has several ${one.name} for this environment` };
    if (origin.kind === 'directory' && selection.withoutDirectories) continue;
    result.push({ name: one.name, version: origin.kind === 'directory' ? undefined : one.version, origin });
  }
  return result;
}

function freshnessProblem({ lock, manifest, environment }: PoetryRequest): Unclear | undefined {
  if (lock.contentHash === undefined || !contentHashes(manifest).includes(lock.contentHash))
    return { reason: 'poetry.lock was not made for this pyproject.toml, or this is not certain' };
  const python = parsePoetryConstraint(lock.pythonVersions ?? '*');
  if (!python || !constraintAllowsPython(python, environment.python_full_version ?? ''))
    return {
      reason: `poetry.lock is for Python ${lock.pythonVersions}, not ${environment.python_full_version}`,
    };
  return undefined;
}

/** Since 2.1 the lock says under which groups and markers each package is needed. */
function byMarkers(lock: PoetryLock, scope: MarkerScope): readonly PoetryPackage[] | Unclear {
  const chosen: PoetryPackage[] = [];
  for (const one of lock.packages) {
    const groups = one.groups.filter((group) => scope.groups.has(group));
    const { markers } = one;
    const verdicts = groups.map((group) =>
      markerApplies(typeof markers === 'object' ? markers[group] : markers, scope),
    );
    if (verdicts.includes(true)) chosen.push(one);
    else if (verdicts.includes(undefined))
      return { reason: `whether the markers of ${one.name} in poetry.lock are fulfilled is not known` };
  }
  return chosen;
}
