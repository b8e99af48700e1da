import { posix } from 'node:path';
import { fitsPython } from '../python/closure.ts';
import type { MarkerEnvironment } from '../python/markers.ts';
import { normaliseName } from '../python/names.ts';
import type { LockSelection } from '../python/recognise/lock-selection.ts';
import { parseToml, type Table, tableOf, tablesOf, textOf, textsOf, type Unclear } from './documents.ts';
import { type MarkerScope, markerApplies } from './marker-scope.ts';
import type { LockedFile, Origin, SelectedDistribution } from './selected.ts';

/** What an installer is asked for of a pylock.toml. */
export interface PylockRequest {
  readonly lock: string;
  /** The lock's directory, absolute. */
  readonly root: string;
  readonly selection: LockSelection;
  readonly environment: MarkerEnvironment;
}

/** What is installed from a pylock.toml (https://packaging.python.org/en/latest/specifications/pylock-toml/). */
export function selectFromPylock(request: PylockRequest): readonly SelectedDistribution[] | Unclear {
  const { lock, environment, selection } = request;
  const document = parseToml(lock);
  if (document === undefined) return { reason: 'pylock.toml is no TOML' };
  if (document['lock-version'] !== '1.0')
    return { reason: `pylock.toml is of version ${String(document['lock-version'])}, not 1.0` };
  const scope = scopeOf(document, selection, environment);
  if ('reason' in scope) return scope;
  const unsupported = supportProblem(document, scope);
  if (unsupported) return unsupported;
  const result: SelectedDistribution[] = [];
  for (const table of tablesOf(document.packages)) {
    const one = selectedOf(table, request, scope);
    if (one === undefined) continue;
    if ('reason' in one) return one;
    if (result.some(({ name }) => name === one.name))
      return { reason: `pylock.toml has several ${one.name} for this environment` };
    if (!selection.without.includes(one.name)) result.push(one);
  }
  return result;
}

function scopeOf(
  document: Table,
  { extras, groups, withoutGroups, onlyGroups, defaultGroups }: LockSelection,
  environment: MarkerEnvironment,
): MarkerScope | Unclear {
  const ofLock = (key: string) => (textsOf(document[key]) ?? []).map(normaliseName);
  const wantedExtras = extras === 'all' ? ofLock('extras') : extras;
  const asked = [...(groups === 'all' ? ofLock('dependency-groups') : groups), ...(onlyGroups ?? [])];
  const missing =
    wantedExtras.find((one) => !ofLock('extras').includes(one)) ??
    asked.find(
      (one) => !ofLock('dependency-groups').includes(one) && !ofLock('default-groups').includes(one),
    );
  if (missing !== undefined) return { reason: `pylock.toml does not have the extra or group ${missing}` };
  const defaults = defaultGroups && onlyGroups === undefined ? ofLock('default-groups') : [];
  const on = [...defaults, ...asked].filter((one) => !withoutGroups.includes(one));
  return { environment, extras: new Set(wantedExtras), groups: new Set(on) };
}

function supportProblem(document: Table, scope: MarkerScope): Unclear | undefined {
  const python = textOf(document['requires-python']);
  if (python !== undefined && !fitsPython(python, scope.environment))
    return { reason: `pylock.toml is for Python ${python}, or this is not certain` };
  const environments = textsOf(document.environments) ?? [];
  if (environments.length > 0 && !environments.some((one) => markerApplies(one, scope)))
    return { reason: 'pylock.toml is for other environments than this one' };
  return undefined;
}

function selectedOf(
  table: Table,
  { root }: PylockRequest,
  scope: MarkerScope,
): SelectedDistribution | Unclear | undefined {
  const name = normaliseName(textOf(table.name) ?? '');
  const marker = textOf(table.marker);
  const applies = markerApplies(marker, scope);
  if (applies === false) return undefined;
  if (applies === undefined || name === '')
    return { reason: `whether "${marker}" is fulfilled (for ${name} of pylock.toml) is not known` };
  const python = textOf(table['requires-python']);
  if (python !== undefined && !fitsPython(python, scope.environment))
    return { reason: `${name} of pylock.toml is for Python ${python}` };
  const origin = originOf(name, table, root);
  return 'reason' in origin ? origin : { name, version: textOf(table.version), origin };
}

function originOf(name: string, table: Table, root: string): Origin | Unclear {
  const sources = ['vcs', 'directory', 'archive'].filter((key) => table[key] !== undefined);
  const files = table.wheels !== undefined || table.sdist !== undefined;
  if (sources.length + (files ? 1 : 0) !== 1)
    return { reason: `pylock.toml does not say where ${name} comes from` };
  const source = tableOf(table[sources[0] ?? '']) ?? {};
  const subdirectory = textOf(source.subdirectory);
  const url = textOf(source.url);
  switch (sources[0]) {
    case 'vcs': {
      const commit = textOf(source['commit-id']) ?? '';
      if (source.type !== 'git' || url === undefined || !/^[0-9a-f]{40,}$/.test(commit))
        return { reason: `${name} of pylock.toml does not come from Git by a commit` };
      return { kind: 'git', url, requested: textOf(source['requested-revision']), commit, subdirectory };
    }
    case 'directory': {
      const path = posix.join(posix.resolve(root, textOf(source.path) ?? ''), subdirectory ?? '');
      return { kind: 'directory', path, editable: source.editable === true };
    }
    case 'archive': {
      const sha256 = sha256Of(source);
      if (url === undefined || sha256 === undefined)
        return { reason: `${name} of pylock.toml is a file of the project, or has no SHA-256` };
      return { kind: 'url', url, sha256, size: sizeOf(source), subdirectory };
    }
    default:
      return filesOf(name, table);
  }
}

function filesOf(name: string, { wheels, sdist }: Table): Origin | Unclear {
  const files = tablesOf(wheels).map(fileOf);
  const archive = tableOf(sdist);
  const source = archive && fileOf(archive);
  if (files.some((one) => one === undefined) || (archive && source === undefined))
    return { reason: `pylock.toml gives a file of ${name} no address or no SHA-256` };
  return { kind: 'files', wheels: files as LockedFile[], sdist: source };
}

function fileOf(table: Table): LockedFile | undefined {
  const url = textOf(table.url);
  const sha256 = sha256Of(table);
  // A path would come first.
  if (url === undefined || table.path !== undefined || sha256 === undefined || !URL.canParse(url))
    return undefined;
  const filename =
    textOf(table.name) ?? decodeURIComponent(new URL(url).pathname.split('/').at(-1) as string);
  return { url, filename, sha256, size: sizeOf(table) };
}

function sha256Of({ hashes }: Table): string | undefined {
  const value = textOf(tableOf(hashes)?.sha256);
  return value !== undefined && /^[0-9a-f]{64}$/.test(value) ? value : undefined;
}

function sizeOf({ size }: Table): number | undefined {
  return typeof size === 'number' ? size : undefined;
}
