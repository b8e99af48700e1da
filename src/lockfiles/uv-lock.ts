import { normaliseName } from '../python/names.ts';
import {
  listOf,
  parseToml,
  type Table,
  tableAt,
  tableOf,
  tablesOf,
  textOf,
  textsOf,
  type Unclear,
} from './documents.ts';

/** A uv.lock (https://docs.astral.sh/uv/concepts/projects/layout/#the-lockfile). */
export interface UvLock {
  readonly revision: number;
  readonly requiresPython: string | undefined;
  /** Markers of which one must be fulfilled; empty for any environment. */
  readonly supportedMarkers: readonly string[];
  /** Sets of items of which at most one may be on. */
  readonly conflicts: readonly (readonly ConflictItem[])[];
  /** Names of the workspace's members; empty where the project is its only one. */
  readonly members: readonly string[];
  /** What belongs to no package: settings of the workspace, and needs of a root without a project. */
  readonly manifest: Table;
  /** How it was resolved. */
  readonly options: Table;
  readonly packages: readonly UvPackage[];
}

/** An extra, a group, or the needs of a package themselves. */
export interface ConflictItem {
  readonly package: string;
  readonly extra: string | undefined;
  readonly group: string | undefined;
}

export interface UvPackage {
  /** Normalised. */
  readonly name: string;
  /** Undefined where it is dynamic. */
  readonly version: string | undefined;
  readonly source: UvSource;
  /** Markers of which one is fulfilled wherever this entry of several of the name is meant. */
  readonly resolutionMarkers: readonly string[];
  readonly dependencies: readonly UvDependency[];
  readonly optional: Readonly<Record<string, readonly UvDependency[]>>;
  readonly groups: Readonly<Record<string, readonly UvDependency[]>>;
  readonly metadata: Table;
  readonly wheels: readonly Table[];
  readonly sdist: Table | undefined;
  readonly defaultGroups: unknown;
}

/** Where a package comes from; `at` as written: an address, or a path relative to the lock's directory. */
export interface UvSource {
  readonly kind: 'registry' | 'git' | 'url' | 'path' | 'directory' | 'editable' | 'virtual';
  readonly at: string;
  readonly subdirectory: string | undefined;
}

/** A need of a package; version and source are given where several packages have the name. */
export interface UvDependency {
  readonly name: string;
  readonly version: string | undefined;
  readonly source: UvSource | undefined;
  readonly extras: readonly string[];
  readonly marker: string | undefined;
}

const KINDS = ['registry', 'git', 'url', 'path', 'directory', 'editable', 'virtual'] as const;

/** The newest revision of version 1 that is understood. */
const NEWEST_REVISION = 5;

/** Reads a uv.lock. */
export function parseUvLock(text: string): UvLock | Unclear {
  const document = parseToml(text);
  if (document === undefined) return { reason: 'uv.lock is no TOML' };
  if (document.version !== 1) return { reason: `uv.lock is of version ${String(document.version)}, not 1` };
  const revision = document.revision ?? 0;
  if (typeof revision !== 'number' || revision > NEWEST_REVISION)
    return { reason: `uv.lock is of revision ${String(revision)}, which is newer than ${NEWEST_REVISION}` };
  const packages = tablesOf(document.package).map(packageOf);
  const wrong = packages.indexOf(undefined);
  if (wrong !== -1)
    return {
      reason: `entry ${wrong + 1} of uv.lock (${String(tablesOf(document.package)[wrong]?.name)}) is not understood`,
    };
  const conflicts = listOf(document.conflicts).map((set) => tablesOf(set).map(conflictItem));
  const manifest = tableAt(document, 'manifest');
  return {
    revision,
    requiresPython: textOf(document['requires-python']),
    supportedMarkers: textsOf(document['supported-markers']) ?? [],
    conflicts,
    members: (textsOf(manifest.members) ?? []).map(normaliseName),
    manifest,
    options: tableAt(document, 'options'),
    packages: packages as readonly UvPackage[],
  };
}

function conflictItem(table: Table): ConflictItem {
  const name = (value: unknown) => (typeof value === 'string' ? normaliseName(value) : undefined);
  return { package: name(table.package) ?? '', extra: name(table.extra), group: name(table.group) };
}

function packageOf(table: Table): UvPackage | undefined {
  const name = textOf(table.name);
  const source = sourceOf(table.source);
  const dependencies = dependenciesOf(table.dependencies);
  const optional = dependencyLists(table['optional-dependencies']);
  // Revisions before the standard's name call them so.
  const groups = dependencyLists(table['dev-dependencies'] ?? table['dependency-groups']);
  if (name === undefined || !source || !dependencies || !optional || !groups) return undefined;
  return {
    name: normaliseName(name),
    version: textOf(table.version),
    source,
    resolutionMarkers: textsOf(table['resolution-markers']) ?? [],
    ...{ dependencies, optional, groups },
    metadata: tableAt(table, 'metadata'),
    wheels: tablesOf(table.wheels),
    sdist: tableOf(table.sdist),
    defaultGroups: table['default-groups'],
  };
}

function sourceOf(value: unknown): UvSource | undefined {
  const table = tableOf(value);
  const kind = KINDS.find((one) => typeof table?.[one] === 'string');
  if (table === undefined || kind === undefined) return undefined;
  // A file below a Git repository, and large files of it, are not told apart here.
  if (kind === 'git' && /[?&](?:path|lfs)=/.test(table.git as string)) return undefined;
  const inQuery = kind === 'git' ? /[?&]subdirectory=([^&#]*)/.exec(table.git as string)?.[1] : undefined;
  return {
    kind,
    at: table[kind] as string,
    subdirectory: textOf(table.subdirectory) ?? (inQuery && decodeURIComponent(inQuery)),
  };
}

function dependenciesOf(value: unknown): readonly UvDependency[] | undefined {
  const found = tablesOf(value).map((table): UvDependency | undefined => {
    const name = textOf(table.name);
    const source = table.source === undefined ? undefined : sourceOf(table.source);
    if (name === undefined || (table.source !== undefined && source === undefined)) return undefined;
    return {
      name: normaliseName(name),
      version: textOf(table.version),
      source,
      extras: (textsOf(table.extra) ?? []).map(normaliseName),
      marker: textOf(table.marker),
    };
  });
  return found.every((one) => one !== undefined) ? found : undefined;
}

function dependencyLists(value: unknown): Record<string, readonly UvDependency[]> | undefined {
  const lists: Record<string, readonly UvDependency[]> = {};
  for (const [name, list] of Object.entries(tableOf(value) ?? {})) {
    const dependencies = dependenciesOf(list);
    if (dependencies === undefined) return undefined;
    lists[normaliseName(name)] = dependencies;
  }
  return lists;
}

/** True if both name the same place. */
export function sameSource(a: UvSource, b: UvSource): boolean {
  return a.kind === b.kind && a.at === b.at && a.subdirectory === b.subdirectory;
}

/** True if it is a directory of the project's own files. */
export function isDirectory({ kind }: UvSource): boolean {
  return kind === 'directory' || kind === 'editable' || kind === 'virtual';
}
