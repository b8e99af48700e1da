import { posix } from 'node:path';
import { fitsPython } from '../python/closure.ts';
import type { MarkerEnvironment } from '../python/markers.ts';
import { normaliseName } from '../python/names.ts';
import type { LockSelection } from '../python/recognise/lock-selection.ts';
import { type Table, tableAt, tableOf, tablesOf, textOf, textsOf, type Unclear } from './documents.ts';
import { markerApplies, plainScope } from './marker-scope.ts';

import type { SelectedDistribution } from './selected.ts';
import { isDirectory, type UvDependency, type UvLock, type UvPackage } from './uv-lock.ts';
import { uvOrigin } from './uv-origin.ts';
import { walkUvLock } from './uv-walk.ts';

/** What `uv sync` is asked for. */
export interface UvRequest {
  readonly lock: UvLock;
  /** The lock's directory, absolute: the root of the workspace. */
  readonly root: string;
  /** The directory of the project in which it runs, absolute. */
  readonly project: string;
  /** pyproject.toml by its directory, as far as known; the project's own is there. */
  readonly manifests: ReadonlyMap<string, Table>;
  readonly selection: LockSelection;
  readonly own: 'none' | 'editable' | 'copied';
  readonly environment: MarkerEnvironment;
}

/** What `uv sync` installs. */
export function selectFromUvLock(request: UvRequest): readonly SelectedDistribution[] | Unclear {
  const { lock, environment, selection } = request;
  const unsupported = supportProblem(lock, environment) ?? settingsProblem(request);
  if (unsupported) return unsupported;
  const target = targetOf(request);
  if ('reason' in target) return target;
  const groups = groupsOf(request, target);
  if ('reason' in groups) return groups;
  const extras = extrasProblem(selection, target);
  if (extras) return extras;
  const reached = walkUvLock(
    lock,
    {
      packages: target.packages,
      production: selection.onlyGroups === undefined,
      extra: (name) =>
        !selection.withoutExtras.includes(name) &&
        (selection.extras === 'all' || selection.extras.includes(name)),
      group: groups.on,
      workspace: groups.workspace,
    },
    environment,
  );
  return 'reason' in reached ? reached : installed(request, target, reached);
}

function supportProblem(
  { requiresPython, supportedMarkers }: UvLock,
  environment: MarkerEnvironment,
): Unclear | undefined {
  if (requiresPython !== undefined && !fitsPython(requiresPython, environment))
    return {
      reason: `uv.lock is for Python ${requiresPython}, not ${environment.python_full_version}, or this is not certain`,
    };
  const scope = plainScope(environment);
  if (supportedMarkers.length > 0 && !supportedMarkers.some((one) => markerApplies(one, scope)))
    return { reason: 'uv.lock is for other environments than this one' };
  return undefined;
}

/** Settings of `[tool.uv]` that change what is installed, or how. */
const SETTINGS =
  /^(?:compile-bytecode|no-binary|no-binary-package|no-build|no-build-package|reinstall|reinstall-package|no-sources|no-sources-package|upgrade|upgrade-package|required-version|offline|no-index|find-links|cache-keys)$/;

function settingsProblem({ manifests, root, project }: UvRequest): Unclear | undefined {
  for (const directory of new Set([root, project])) {
    const settings = tableAt(manifests.get(directory), 'tool', 'uv');
    const found = Object.keys(settings).find((key) => SETTINGS.test(key) && key !== 'cache-keys');
    if (found) return { reason: `pyproject.toml sets ${found} for uv` };
    if (settings.managed === false) return { reason: 'pyproject.toml tells uv not to manage the project' };
  }
  return undefined;
}

interface Target {
  readonly packages: readonly UvPackage[];
  /** The project that `--no-install-project` means. */
  readonly projectName: string | undefined;
  /** The only one that is selected, if there is one. */
  readonly selected: UvPackage | undefined;
  /** The project in whose directory it runs; undefined for a root that is none. */
  readonly current: UvPackage | undefined;
}

function targetOf({ lock, root, project, manifests, selection }: UvRequest): Target | Unclear {
  const manifest = manifests.get(project);
  if (manifest === undefined) return { reason: `${project}/pyproject.toml is not known` };
  const name = textOf(tableAt(manifest, 'project').name);
  const current =
    name === undefined
      ? undefined
      : lock.packages.find((one) => one.name === normaliseName(name) && isDirectory(one.source));
  if (name !== undefined && (current === undefined || posix.join(root, current.source.at) !== project))
    return { reason: `uv.lock does not have the project ${name} in ${project}` };
  if (
    name === undefined &&
    (project !== root || tableOf(tableAt(manifest, 'tool', 'uv').workspace) === undefined)
  )
    return { reason: `${project}/pyproject.toml describes no project` };
  const members =
    lock.members.length > 0
      ? lock.members
      : lock.packages
          .filter((one) => isDirectory(one.source) && posix.join(root, one.source.at) === root)
          .map((one) => one.name);
  const { packages } = selection;
  const names =
    packages === 'all' || (packages.length === 0 && current === undefined)
      ? members
      : packages.length === 0
        ? [(current as UvPackage).name]
        : packages;
  const found = names.map((one) => lock.packages.filter((candidate) => candidate.name === one));
  if (
    found.some((candidates) => candidates.length !== 1) ||
    names.some((one) => !isMember(one, members, current))
  )
    return { reason: `uv.lock does not have each of ${names.join(', ')} once as a member of the workspace` };
  const roots = found.flat();
  const selected =
    packages !== 'all' && names.length === 1 && (packages.length === 1 || current) ? roots[0] : undefined;
  const projectName =
    packages === 'all'
      ? (current?.name ?? (lock.members.length === 0 ? roots[0]?.name : undefined))
      : selected?.name;
  return { packages: roots, projectName, selected, current };
}

function isMember(name: string, members: readonly string[], current: UvPackage | undefined): boolean {
  return members.includes(name) || current?.name === name;
}

interface Groups {
  readonly on: (name: string) => boolean;
  readonly workspace: readonly UvDependency[];
}

function groupsOf(request: UvRequest, target: Target): Groups | Unclear {
  const { lock, selection } = request;
  const asked = [...(selection.groups === 'all' ? [] : selection.groups), ...(selection.onlyGroups ?? [])];
  const ofManifest = tableAt(lock.manifest, 'dependency-groups');
  const known = new Set([
    ...target.packages.flatMap((one) => [
      ...Object.keys(one.groups),
      ...Object.keys(tableAt(one.metadata, 'requires-dev')),
    ]),
    ...Object.keys(ofManifest),
    // Asked for by an option of its own too, which demands no such group.
    'dev',
  ]);
  const missing = [...asked, ...selection.withoutGroups].find((one) => !known.has(one));
  if (missing !== undefined) return { reason: `uv.lock does not have the dependency group ${missing}` };
  const defaults =
    selection.defaultGroups && selection.onlyGroups === undefined ? defaultGroups(request, target) : [];
  if (defaults === undefined)
    return { reason: 'which dependency groups are installed by default is not certain' };
  const all = selection.groups === 'all' || defaults === 'all';
  const listed = new Set([...asked, ...(defaults === 'all' ? [] : defaults)]);
  const on = (name: string) => !selection.withoutGroups.includes(name) && (all || listed.has(name));
  const workspace = Object.entries(ofManifest).filter(([name]) => on(normaliseName(name)));
  if (workspace.length > 0 && target.selected)
    return {
      reason: `whether groups of the workspace's root belong to ${target.selected.name} depends on the version of uv`,
    };
  if (tablesOf(lock.manifest.requirements).length > 0) return { reason: 'uv.lock is that of a script' };
  return { on, workspace: workspace.flatMap(([, list]) => tablesOf(list).map(manifestNeed)) };
}

function manifestNeed(table: Table): UvDependency {
  return {
    name: normaliseName(textOf(table.name) ?? ''),
    version: undefined,
    source: undefined,
    extras: (textsOf(table.extras) ?? []).map(normaliseName),
    marker: textOf(table.marker),
  };
}

/** The groups that are installed unless told otherwise; undefined if versions of uv differ. */
function defaultGroups(
  { manifests, project, root, lock }: UvRequest,
  { selected, current }: Target,
): readonly string[] | 'all' | undefined {
  const ofProject = groupSetting(tableAt(manifests.get(project), 'tool', 'uv')['default-groups']);
  if (selected === undefined || selected === current) return ofProject;
  const manifest = manifests.get(posix.join(root, selected.source.at));
  const ofSelected =
    manifest === undefined
      ? lock.revision >= 5
        ? groupSetting(selected.defaultGroups)
        : undefined
      : groupSetting(tableAt(manifest, 'tool', 'uv')['default-groups']);
  return JSON.stringify(ofProject) === JSON.stringify(ofSelected) ? ofProject : undefined;
}

function groupSetting(value: unknown): readonly string[] | 'all' | undefined {
  if (value === undefined) return ['dev'];
  return value === 'all' ? 'all' : textsOf(value)?.map(normaliseName).toSorted();
}

function extrasProblem({ extras }: LockSelection, { packages }: Target): Unclear | undefined {
  if (extras === 'all') return undefined;
  const known = new Set(
    packages.flatMap((one) => [
      ...Object.keys(one.optional),
      ...(textsOf(one.metadata['provides-extras']) ?? []).map(normaliseName),
    ]),
  );
  const missing = extras.find((one) => !known.has(one));
  return missing === undefined ? undefined : { reason: `uv.lock does not have the extra ${missing}` };
}

function installed(
  { lock, root, own, selection }: UvRequest,
  { projectName }: Target,
  reached: ReadonlySet<UvPackage>,
): readonly SelectedDistribution[] | Unclear {
  const result: SelectedDistribution[] = [];
  for (const one of reached) {
    if (selection.without.includes(one.name) || one.source.kind === 'virtual') continue;
    if (own === 'none' && one.name === projectName) continue;
    const left = leftOut(one, lock, own, selection, projectName);
    if (left === undefined)
      return { reason: `whether ${one.name}, which is a directory too, is installed is not certain` };
    if (left) continue;
    const origin = uvOrigin(one, root, own === 'copied');
    if ('reason' in origin) return origin;
    if (result.some(({ name }) => name === one.name))
      return { reason: `uv.lock has several ${one.name} for this environment` };
    result.push({ name: one.name, version: one.version, origin });
  }
  return result;
}

/** Whether a directory other than the project is left out; undefined if it is not told. */
function leftOut(
  one: UvPackage,
  { members }: UvLock,
  own: UvRequest['own'],
  { withoutMembers, withoutDirectories }: LockSelection,
  projectName: string | undefined,
): boolean | undefined {
  if (!isDirectory(one.source) && one.source.kind !== 'path') return false;
  const member = members.includes(one.name) || one.name === projectName;
  if (withoutDirectories || (withoutMembers && member)) return true;
  if (own !== 'none') return false;
  return withoutDirectories === undefined || (member && withoutMembers === undefined) ? undefined : false;
}
