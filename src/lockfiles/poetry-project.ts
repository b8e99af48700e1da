import { createHash } from 'node:crypto';
import { normaliseName } from '../python/names.ts';
import type { LockSelection } from '../python/recognise/lock-selection.ts';
import { listOf, type Table, tableAt, tableOf, tablesOf, textOf, type Unclear } from './documents.ts';
import { pythonJson } from './python-json.ts';

/** The needs of poetry's main group. */
export const MAIN_GROUP = 'main';

/** What of a pyproject.toml poetry goes by. */
export interface PoetryProject {
  /** Normalised; undefined if it is not to be a package. */
  readonly name: string | undefined;
  readonly version: string | undefined;
  /** All groups, normalised, the main one among them; true for those that are installed only if asked for. */
  readonly groups: ReadonlyMap<string, { readonly optional: boolean; readonly dependencies: Table }>;
  /** By normalised name: the names of what an extra brings, normalised. */
  readonly extras: Readonly<Record<string, readonly string[]>>;
  /** Addresses of package sources by their names, lower case. */
  readonly sources: ReadonlyMap<string, string>;
  /** True if packages without a source of their own surely come from PyPI. */
  readonly pypi: boolean;
  /** True if needs stand elsewhere than in the group's own list: in `[project]`, `[dependency-groups]`, other groups. */
  readonly standard: boolean;
}

/** Reads what poetry needs of a pyproject.toml. */
export function readPoetryProject(manifest: Table): PoetryProject {
  const poetry = tableAt(manifest, 'tool', 'poetry');
  const project = tableAt(manifest, 'project');
  const standardGroups = tableAt(manifest, 'dependency-groups');
  const groups = new Map<string, { optional: boolean; dependencies: Table }>();
  groups.set(MAIN_GROUP, { optional: false, dependencies: tableAt(poetry, 'dependencies') });
  if (poetry['dev-dependencies'] !== undefined)
    groups.set('dev', { optional: false, dependencies: tableAt(poetry, 'dev-dependencies') });
  for (const name of Object.keys(standardGroups))
    groups.set(normaliseName(name), { optional: false, dependencies: {} });
  for (const [name, value] of Object.entries(tableAt(poetry, 'group'))) {
    const group = tableOf(value) ?? {};
    const dependencies = {
      ...groups.get(normaliseName(name))?.dependencies,
      ...tableAt(group, 'dependencies'),
    };
    groups.set(normaliseName(name), { optional: group.optional === true, dependencies });
  }
  const sources = tablesOf(poetry.source);
  const name = textOf(project.name) ?? textOf(poetry.name);
  const isPackage = poetry['package-mode'] !== false;
  return {
    name: isPackage && name !== undefined ? normaliseName(name) : undefined,
    version: textOf(project.version) ?? textOf(poetry.version),
    groups,
    extras: extrasOf(tableAt(poetry, 'extras'), tableAt(project, 'optional-dependencies')),
    sources: new Map(sources.map((one) => [String(one.name).toLowerCase(), textOf(one.url) ?? ''] as const)),
    pypi: sources.some((one) => String(one.name).toLowerCase() === 'pypi') || !sources.some(replacesPypi),
    standard:
      Object.values(tableAt(poetry, 'group')).some((one) => tableOf(one)?.['include-groups'] !== undefined) ||
      project.dependencies !== undefined ||
      project['optional-dependencies'] !== undefined ||
      Object.keys(standardGroups).length > 0,
  };
}

/** Since poetry 2 primary sources stand in the place of PyPI. */
function replacesPypi({ priority, default: isDefault }: Table): boolean {
  return isDefault === true || priority === undefined || priority === 'primary' || priority === 'default';
}

function extrasOf(poetry: Table, standard: Table): Record<string, readonly string[]> {
  const from = Object.keys(standard).length > 0 ? standard : poetry;
  return Object.fromEntries(
    Object.entries(from).map(([extra, list]) => [
      normaliseName(extra),
      listOf(list).map((one) => normaliseName(/^[A-Za-z0-9._-]+/.exec(String(one))?.[0] ?? '')),
    ]),
  );
}

/** The groups that are installed. */
export function poetryGroups(
  { groups }: PoetryProject,
  selection: LockSelection,
): ReadonlySet<string> | Unclear {
  const { onlyGroups, withoutGroups, defaultGroups } = selection;
  const asked = selection.groups === 'all' ? [...groups.keys()] : selection.groups;
  const missing = [...asked, ...withoutGroups, ...(onlyGroups ?? [])].find((one) => !groups.has(one));
  if (missing !== undefined) return { reason: `pyproject.toml does not have the group ${missing}` };
  if (onlyGroups !== undefined) return new Set(onlyGroups);
  const defaults = defaultGroups
    ? [...groups].filter(([, { optional }]) => !optional).map(([name]) => name)
    : [MAIN_GROUP];
  return new Set([...defaults, ...asked].filter((one) => !withoutGroups.includes(one)));
}

const PYTHON_SEPARATORS = { item: ', ', key: ': ' };

/**
 * poetry's hashes of what of a pyproject.toml decides its lock; versions of poetry differ in whether groups after PEP 735 count.
 *
 * @returns 64 hex digits each; empty if they cannot be known
 */
export function contentHashes(manifest: Table): readonly string[] {
  const texts = [true, false].map((withGroups) =>
    pythonJson(relevantContent(manifest, withGroups), PYTHON_SEPARATORS),
  );
  return [...new Set(texts)].flatMap((text) =>
    text === undefined ? [] : createHash('sha256').update(text).digest('hex'),
  );
}

function relevantContent(manifest: Table, withGroups: boolean): Table {
  const poetry = tableAt(manifest, 'tool', 'poetry');
  const project = tableAt(manifest, 'project');
  const groups = withGroups ? tableAt(manifest, 'dependency-groups') : {};
  const ofProject = Object.fromEntries(
    ['requires-python', 'dependencies', 'optional-dependencies']
      .filter((key) => project[key] !== undefined)
      .map((key) => [key, project[key]]),
  );
  const hasProject = Object.keys(ofProject).length > 0;
  const hasGroups = Object.keys(groups).length > 0;
  const legacy = ['dependencies', 'source', 'extras', 'dev-dependencies'];
  const ofPoetry = Object.fromEntries(
    [...legacy, 'group']
      .filter((key) => poetry[key] !== undefined || (key !== 'group' && !hasProject && !hasGroups))
      .map((key) => [key, poetry[key] ?? null]),
  );
  if (!hasProject && !hasGroups) return ofPoetry;
  return {
    ...(hasProject ? { project: ofProject } : {}),
    ...(hasGroups ? { 'dependency-groups': groups } : {}),
    tool: { poetry: ofPoetry },
  };
}
