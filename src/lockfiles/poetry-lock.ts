import { posix } from 'node:path';
import { normaliseName } from '../python/names.ts';
import {
  parseToml,
  type Table,
  tableAt,
  tableOf,
  tablesOf,
  textOf,
  textsOf,
  type Unclear,
} from './documents.ts';
import type { PoetryProject } from './poetry-project.ts';
import type { Origin } from './selected.ts';

/** A poetry.lock, of poetry 1.1 and newer. */
export interface PoetryLock {
  /** Major and minor: `[2, 1]`. Since 2.1 it has the groups and markers under which a package is needed. */
  readonly version: readonly [number, number];
  readonly contentHash: string | undefined;
  /** What the project allows as Python, in poetry's words. */
  readonly pythonVersions: string | undefined;
  /** Extras of the project, normalised. */
  readonly extras: readonly string[];
  readonly packages: readonly PoetryPackage[];
  /** The poetry that wrote it, where it says so. */
  readonly writer: string | undefined;
}

export interface PoetryPackage {
  readonly name: string;
  readonly version: string;
  readonly optional: boolean;
  readonly groups: readonly string[];
  /** One marker, or one by group. */
  readonly markers: string | Readonly<Record<string, string>> | undefined;
  readonly source: Table | undefined;
  readonly develop: boolean;
  /** `sha256:...` and the like. */
  readonly hashes: readonly string[];
  /** By name as written: a constraint, a table, or a list of these. */
  readonly dependencies: Table;
  /** By normalised name: requirements after PEP 508. */
  readonly extras: Readonly<Record<string, readonly string[]>>;
}

/** Reads a poetry.lock. */
export function parsePoetryLock(text: string): PoetryLock | Unclear {
  const document = parseToml(text);
  if (document === undefined) return { reason: 'poetry.lock is no TOML' };
  const metadata = tableAt(document, 'metadata');
  const [, major, minor] = /^([12])\.(\d+)$/.exec(textOf(metadata['lock-version']) ?? '') ?? [];
  if (major === undefined || (major === '2' && Number(minor) > 1))
    return { reason: `poetry.lock is of version ${String(metadata['lock-version'])}, which is not known` };
  const packages = tablesOf(document.package).map((one) => packageOf(one, metadata));
  if (packages.some((one) => one === undefined))
    return { reason: 'an entry of poetry.lock is not understood' };
  return {
    version: [Number(major), Number(minor)],
    contentHash: textOf(metadata['content-hash']),
    pythonVersions: textOf(metadata['python-versions']),
    extras: Object.keys(tableAt(document, 'extras')).map(normaliseName),
    packages: packages as readonly PoetryPackage[],
    writer: /^#.*\bPoetry (\d[^\s]*)/.exec(text)?.[1],
  };
}

function packageOf(table: Table, metadata: Table): PoetryPackage | undefined {
  const name = textOf(table.name);
  const version = textOf(table.version);
  if (name === undefined || version === undefined) return undefined;
  // Older ones have the files of all packages in one place.
  const files = tablesOf(table.files ?? tableAt(metadata, 'files')[name]);
  const byGroup = tableOf(table.markers);
  return {
    ...{ name: normaliseName(name), version },
    optional: table.optional === true,
    groups: (textsOf(table.groups) ?? []).map(normaliseName),
    markers:
      byGroup === undefined
        ? textOf(table.markers)
        : Object.fromEntries(
            Object.entries(byGroup).map(([group, marker]) => [normaliseName(group), String(marker)]),
          ),
    source: tableOf(table.source),
    develop: table.develop === true,
    hashes: files.flatMap(({ hash }) => textOf(hash) ?? []),
    dependencies: tableAt(table, 'dependencies'),
    extras: Object.fromEntries(
      Object.entries(tableAt(table, 'extras')).map(([extra, list]) => [
        normaliseName(extra),
        textsOf(list) ?? [],
      ]),
    ),
  };
}

/**
 * Where a package of a poetry.lock comes from.
 *
 * @param root the lock's directory, absolute
 */
export function poetryOrigin(
  { name, source, develop, hashes }: PoetryPackage,
  root: string,
  { sources, pypi }: Pick<PoetryProject, 'sources' | 'pypi'>,
): Origin | Unclear {
  const url = textOf(source?.url);
  const type = textOf(source?.type);
  const sha256 = hashes.filter((one) => /^sha256:[0-9a-f]{64}$/.test(one));
  const subdirectory = textOf(source?.subdirectory);
  switch (type) {
    case undefined:
    case 'legacy': {
      if (sha256.length === 0 || sha256.length < hashes.length)
        return { reason: `poetry.lock does not give all files of ${name} a SHA-256` };
      if (type === undefined && !pypi)
        return { reason: `whether ${name} comes from PyPI depends on the version of poetry` };
      const reference = textOf(source?.reference);
      const index = type === undefined ? undefined : sources.get((reference ?? '').toLowerCase());
      if (type === 'legacy' && (index === undefined || bare(index) !== bare(url ?? '')))
        return { reason: `the package source ${reference} of poetry.lock is not that of pyproject.toml` };
      return { kind: 'hashes', index, hashes: new Set(sha256) };
    }
    case 'directory':
      return { kind: 'directory', path: posix.join(root, url ?? ''), editable: develop };
    case 'git': {
      const commit = textOf(source?.resolved_reference) ?? '';
      if (url === undefined || develop || !/^[0-9a-f]{40,}$/.test(commit))
        return {
          reason: `${name} comes from Git ${develop ? 'as an editable project' : 'without a commit'}`,
        };
      return { kind: 'git', url, requested: textOf(source?.reference), commit, subdirectory };
    }
    case 'url':
      if (url === undefined || sha256.length > 1) return { reason: `poetry.lock gives ${name} no address` };
      return { kind: 'url', url, sha256: sha256[0]?.slice('sha256:'.length), size: undefined, subdirectory };
    default:
      return { reason: `${name} is a ${type} of the project (${url})` };
  }
}

function bare(url: string): string {
  return url.replace(/\/+$/, '');
}
