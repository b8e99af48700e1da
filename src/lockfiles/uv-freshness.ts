import { posix } from 'node:path';
import { normaliseName } from '../python/names.ts';
import {
  listOf,
  type Table,
  tableAt,
  tableOf,
  tablesOf,
  textOf,
  textsOf,
  type Unclear,
} from './documents.ts';
import { sameMarker, samePythons } from './marker-equal.ts';
import { isDirectory, type UvLock, type UvPackage } from './uv-lock.ts';
import {
  type ComparableRequirement,
  declaredRequirement,
  lockedRequirement,
  type RequirementContext,
  sameRequirements,
} from './uv-requirements.ts';

/** What a uv.lock is compared with. */
export interface UvFreshness {
  readonly lock: UvLock;
  /** The lock's directory, absolute. */
  readonly root: string;
  /** pyproject.toml by its directory: of the root, and of every directory that the lock names. */
  readonly manifests: ReadonlyMap<string, Table>;
  /** Addresses of the indexes of command line and environment, the default first. */
  readonly indexes: readonly string[];
}

/**
 * Why uv might find that a uv.lock does not belong to its project any more (`uv sync --locked`), and would then fail, or mend it.
 *
 * @returns undefined if it surely is up to date
 */
export function uvFreshnessProblem(question: UvFreshness): Unclear | undefined {
  const { lock, root, manifests } = question;
  for (const one of lock.packages.filter(({ source }) => isDirectory(source))) {
    const manifest = manifests.get(posix.join(root, one.source.at));
    const problem =
      manifest === undefined ? 'its pyproject.toml is not known' : memberProblem(question, one, manifest);
    if (problem)
      return { reason: `whether uv.lock is up to date with ${one.name} is not certain: ${problem}` };
  }
  const problem = settingsProblem(question) ?? indexProblem(question);
  return problem === undefined
    ? undefined
    : { reason: `whether uv.lock is up to date is not certain: ${problem}` };
}

function memberProblem(question: UvFreshness, one: UvPackage, manifest: Table): string | undefined {
  const { lock } = question;
  const project = tableAt(manifest, 'project');
  const dynamic = textsOf(project.dynamic) ?? [];
  if (normaliseName(textOf(project.name) ?? '') !== one.name) return 'it has another name';
  if (dynamic.some((key) => key === 'dependencies' || key === 'optional-dependencies'))
    return 'its needs are dynamic';
  if (dynamic.includes('version') ? one.version !== undefined : textOf(project.version) !== one.version)
    return 'its version is another';
  if (isPackage(manifest, one, lock) === (one.source.kind === 'virtual'))
    return 'whether it is built is not the same';
  const context = contextOf(question, one, manifest);
  const declared = needsOf(project, context);
  const locked = tablesOf(one.metadata['requires-dist']).map(lockedRequirement);
  // Newer locks may leave out what was asked for.
  const needs = [one.dependencies, ...Object.values(one.optional), ...Object.values(one.groups)].flat();
  if (needs.length > 0 && Object.keys(one.metadata).length === 0)
    return 'uv.lock does not tell what it asked for';
  if (!sameRequirements(declared, locked, lock.requiresPython)) return 'its dependencies are not the same';
  const extras = Object.keys(tableAt(project, 'optional-dependencies')).map(normaliseName);
  const lockedExtras = textsOf(one.metadata['provides-extras']) ?? [];
  if (lock.revision > 0 && !sameTexts(extras, lockedExtras)) return 'its extras are not the same';
  return (
    groupsProblem(manifest, one.metadata['requires-dev'], context, lock) ??
    memberSettings(one, manifest, lock)
  );
}

function memberSettings(one: UvPackage, manifest: Table, lock: UvLock): string | undefined {
  const settings = tableAt(manifest, 'tool', 'uv');
  if (settings['dependency-groups'] !== undefined) return 'its dependency groups have settings';
  const setting = (value: unknown) =>
    JSON.stringify(Array.isArray(value) ? [...value].sort() : (value ?? ['dev']));
  if (lock.revision >= 5 && setting(settings['default-groups']) !== setting(one.defaultGroups))
    return 'its default groups are not the same';
  return undefined;
}

/** As uv has it: what can be built is, and what others need. */
function isPackage(manifest: Table, { name }: UvPackage, { packages }: UvLock): boolean {
  const setting = tableAt(manifest, 'tool', 'uv').package;
  if (typeof setting === 'boolean') return setting;
  const isNeeded = packages.some(
    (other) =>
      other.name !== name &&
      [other.dependencies, ...Object.values(other.optional), ...Object.values(other.groups)]
        .flat()
        .some((need) => need.name === name),
  );
  return manifest['build-system'] !== undefined || isNeeded;
}

function contextOf(
  { lock, root, manifests }: UvFreshness,
  one: UvPackage,
  manifest: Table,
): RequirementContext {
  const entries = [manifests.get(root), manifest].flatMap((from) =>
    Object.entries(tableAt(from, 'tool', 'uv', 'sources')).map(
      ([name, value]) => [normaliseName(name), value] as const,
    ),
  );
  const members = lock.packages
    .filter(({ source }) => isDirectory(source))
    .map(({ name, source }) => [name, { kind: source.kind, at: source.at }] as const);
  return {
    sources: new Map(entries),
    indexes: new Map(
      [manifests.get(root), manifest].flatMap((from) =>
        tablesOf(tableAt(from, 'tool', 'uv').index).map(
          ({ name, url }) => [String(name), String(url)] as const,
        ),
      ),
    ),
    directory: posix.join(root, one.source.at),
    root,
    members: new Map(members),
  };
}

type Declared = readonly (ComparableRequirement | undefined)[];

function needsOf(project: Table, context: RequirementContext): Declared {
  const lines = (value: unknown, extra?: string) =>
    listOf(value).map((line) =>
      typeof line === 'string' ? declaredRequirement(line, extra, context) : undefined,
    );
  return [
    ...lines(project.dependencies),
    ...Object.entries(tableAt(project, 'optional-dependencies')).flatMap(([extra, list]) =>
      lines(list, normaliseName(extra)),
    ),
  ];
}

function groupsProblem(
  manifest: Table,
  locked: unknown,
  context: RequirementContext,
  lock: UvLock,
): string | undefined {
  const groups = declaredGroups(manifest);
  const names = new Set([...groups.keys(), ...Object.keys(tableOf(locked) ?? {}).map(normaliseName)]);
  for (const name of names) {
    const declared = expandGroup(groups, name, new Set()).map((line) =>
      line === undefined ? undefined : declaredRequirement(line, undefined, context),
    );
    const inLock = tablesOf(tableOf(locked)?.[name]).map(lockedRequirement);
    if (!sameRequirements(declared, inLock, lock.requiresPython))
      return `its dependency group ${name} is not the same`;
  }
  return undefined;
}

function declaredGroups(manifest: Table): ReadonlyMap<string, readonly unknown[]> {
  const groups = new Map(
    Object.entries(tableAt(manifest, 'dependency-groups')).map(
      ([name, list]) => [normaliseName(name), listOf(list)] as const,
    ),
  );
  const legacy = tableAt(manifest, 'tool', 'uv')['dev-dependencies'];
  if (legacy !== undefined) groups.set('dev', [...(groups.get('dev') ?? []), ...listOf(legacy)]);
  return groups;
}

/** The lines of a group and of those that it includes; undefined for one that is not understood. */
function expandGroup(
  groups: ReadonlyMap<string, readonly unknown[]>,
  name: string,
  within: ReadonlySet<string>,
): readonly (string | undefined)[] {
  if (within.has(name) || !groups.has(name)) return [undefined];
  return (groups.get(name) ?? []).flatMap((line) => {
    if (typeof line === 'string') return [line];
    const included = textOf(tableOf(line)?.['include-group']);
    return included === undefined
      ? [undefined]
      : expandGroup(groups, normaliseName(included), new Set([...within, name]));
  });
}

/** Lists of requirements that count for the whole workspace: in uv.lock, and in `[tool.uv]`. */
const WORKSPACE_LISTS = [
  ['constraints', 'constraint-dependencies'],
  ['overrides', 'override-dependencies'],
  ['build-constraints', 'build-constraint-dependencies'],
] as const;

const OPTIONS = [
  ['resolution-mode', 'resolution'],
  ['prerelease-mode', 'prerelease'],
  ['fork-strategy', 'fork-strategy'],
  ['exclude-newer', 'exclude-newer'],
] as const;

function settingsProblem({ lock, root, manifests }: UvFreshness): string | undefined {
  const manifest = manifests.get(root) ?? {};
  const settings = tableAt(manifest, 'tool', 'uv');
  const context = { sources: new Map(), indexes: new Map(), directory: root, root, members: new Map() };
  for (const [inLock, inSettings] of WORKSPACE_LISTS) {
    const declared = listOf(settings[inSettings]).map((line) =>
      typeof line === 'string' ? declaredRequirement(line, undefined, context) : undefined,
    );
    const locked = tablesOf(lock.manifest[inLock]).map(lockedRequirement);
    if (!sameRequirements(declared, locked, lock.requiresPython)) return `${inSettings} are not the same`;
  }
  for (const [inLock, inSettings] of OPTIONS)
    if ((lock.options[inLock] ?? undefined) !== (settings[inSettings] ?? undefined))
      return `${inSettings} is not the same`;
  const unknown = [
    ...Object.keys(lock.options).filter((key) => !OPTIONS.some(([known]) => known === key)),
    ...['excludes', 'dependency-metadata', 'group-requires-python', 'default-groups', 'requirements'].filter(
      (key) => lock.manifest[key],
    ),
    ...['exclude-dependencies', 'dependency-metadata', 'exclude-newer-package'].filter(
      (key) => settings[key],
    ),
  ];
  if (unknown.length > 0) return `it has ${unknown.join(', ')}`;
  const groups = tableOf(lock.manifest['dependency-groups']);
  if (manifest.project === undefined) {
    const problem = groupsProblem(manifest, groups, { ...context, sources: sourcesOf(settings) }, lock);
    if (problem) return problem;
  }
  return (
    environmentsProblem(lock, settings) ?? pythonProblem(lock, manifests) ?? conflictsProblem(lock, manifests)
  );
}

function sourcesOf(settings: Table): ReadonlyMap<string, unknown> {
  return new Map(
    Object.entries(tableAt(settings, 'sources')).map(([name, value]) => [normaliseName(name), value]),
  );
}

function environmentsProblem(
  { supportedMarkers, requiresPython }: UvLock,
  settings: Table,
): string | undefined {
  const declared =
    typeof settings.environments === 'string'
      ? [settings.environments]
      : (textsOf(settings.environments) ?? []);
  if (settings['required-environments'] !== undefined) return 'required-environments are not compared';
  const same =
    declared.length === supportedMarkers.length &&
    declared.every((one) => supportedMarkers.some((other) => sameMarker(one, other, requiresPython)));
  return same ? undefined : 'its environments are not the same';
}

function pythonProblem(lock: UvLock, manifests: ReadonlyMap<string, Table>): string | undefined {
  const declared = [...manifests.values()].flatMap(
    (one) => textOf(tableAt(one, 'project')['requires-python']) ?? [],
  );
  // All of them together; uv takes the workspace's members alone, so that others must not narrow it.
  return declared.length > 0 && samePythons(declared.join(','), lock.requiresPython ?? '')
    ? undefined
    : 'requires-python is not the same';
}

function conflictsProblem({ conflicts }: UvLock, manifests: ReadonlyMap<string, Table>): string | undefined {
  const declared = [...manifests.values()].flatMap((manifest) => {
    const name = textOf(tableAt(manifest, 'project').name) ?? '';
    return listOf(tableAt(manifest, 'tool', 'uv').conflicts).map((set) =>
      setKey(
        tablesOf(set).map((item) => [textOf(item.package) ?? name, textOf(item.extra), textOf(item.group)]),
      ),
    );
  });
  const locked = conflicts.map((set) => setKey(set.map((item) => [item.package, item.extra, item.group])));
  return sameTexts(declared, locked) ? undefined : 'its conflicts are not the same';
}

function setKey(items: readonly (readonly (string | undefined)[])[]): string {
  return items
    .map((item) => item.map((one) => (one === undefined ? '' : normaliseName(one))).join('\n'))
    .sort()
    .join('\n\n');
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return JSON.stringify([...new Set(a)].sort()) === JSON.stringify([...new Set(b)].sort());
}

function indexProblem({ lock, manifests, indexes }: UvFreshness): string | undefined {
  const own = [...manifests.values()].flatMap((one) => tablesOf(tableAt(one, 'tool', 'uv').index));
  const settings = [...manifests.values()].map((one) => tableAt(one, 'tool', 'uv'));
  if (settings.some((one) => one['index-url'] !== undefined || one['extra-index-url'] !== undefined))
    return 'pyproject.toml sets index-url';
  const replaced = own.some((one) => one.default === true);
  const known = [
    ...(replaced ? indexes.slice(1) : indexes),
    ...own.flatMap(({ url }) => textOf(url) ?? []),
  ].map(bare);
  const other = lock.packages.find(
    ({ source }) => source.kind === 'registry' && !known.includes(bare(source.at)),
  );
  return other && `${other.name} comes from an index that is not set`;
}

function bare(url: string): string {
  return url.replace(/^(https?:\/\/)[^/@]*@/, '$1').replace(/\/+$/, '');
}
