import { createHash } from 'node:crypto';
import type { MarkerEnvironment } from '../python/markers.ts';
import { normaliseName } from '../python/names.ts';
import type { LockSelection } from '../python/recognise/lock-selection.ts';
import {
  parseJson,
  parseToml,
  type Table,
  tableAt,
  tableOf,
  tablesOf,
  textOf,
  textsOf,
  type Unclear,
} from './documents.ts';
import { markerApplies, plainScope } from './marker-scope.ts';
import { pythonJson } from './python-json.ts';
import type { Origin, SelectedDistribution } from './selected.ts';

/** What `pipenv install` or `pipenv sync` is asked for. */
export interface PipenvRequest {
  /** Of Pipfile.lock. */
  readonly lock: string;
  /** Of Pipfile; undefined where it is not known. */
  readonly pipfile: string | undefined;
  /** Whether the lock has to belong to the Pipfile. */
  readonly fresh: boolean;
  readonly selection: LockSelection;
  readonly environment: MarkerEnvironment;
}

const MOVED = new Set([
  'source',
  'packages',
  'dev-packages',
  'requires',
  'scripts',
  'pipfile',
  'pipenv',
  'default',
  'develop',
]);

/** What pipenv installs. It gives the lock's lines to pip and follows no dependency. */
export function selectFromPipfileLock({
  lock,
  pipfile,
  fresh,
  selection,
  environment,
}: PipenvRequest): readonly SelectedDistribution[] | Unclear {
  const locked = parseJson(lock);
  if (locked === undefined) return { reason: 'Pipfile.lock is no JSON' };
  const meta = tableAt(locked, '_meta');
  if (meta['pipfile-spec'] !== 6)
    return { reason: `Pipfile.lock is of version ${String(meta['pipfile-spec'])}, not 6` };
  const document = pipfile === undefined ? undefined : parseToml(pipfile);
  if (tableAt(document, 'pipenv').install_search_all_sources === true)
    return { reason: 'Pipfile makes pipenv search all package sources' };
  if (fresh && !isFresh(document, textOf(tableAt(meta, 'hash').sha256)))
    return { reason: 'Pipfile.lock was not made for this Pipfile, or this is not certain' };
  const sources = sourcesOf(meta);
  if ('reason' in sources) return sources;
  const result = new Map<string, SelectedDistribution>();
  for (const category of categories(selection))
    for (const [written, value] of Object.entries(tableAt(locked, category))) {
      const name = normaliseName(written);
      const one = selectedOf(name, tableOf(value), sources, environment);
      if (one === undefined) continue;
      if ('reason' in one) return one;
      const before = result.get(name);
      if (before && before.version !== one.version)
        return { reason: `Pipfile.lock has ${name} in two versions` };
      result.set(name, before ?? one);
    }
  return [...result.values()];
}

/** The lists of Pipfile.lock, in pipenv's order. */
function categories({ groups, onlyGroups, withoutGroups }: LockSelection): readonly string[] {
  const asked = onlyGroups ?? ['default', ...(groups === 'all' ? ['develop'] : groups)];
  return asked
    .filter((one) => !withoutGroups.includes(one))
    .map((one) => ({ packages: 'default', dev: 'develop', 'dev-packages': 'develop' })[one] ?? one);
}

interface Sources {
  readonly first: string;
  readonly named: ReadonlyMap<string, string>;
}

function sourcesOf(meta: Table): Sources | Unclear {
  const named = new Map(
    tablesOf(meta.sources).map(({ name, url }) => [String(name), textOf(url) ?? ''] as const),
  );
  const [first] = named.values();
  const wrong = [...named.values()].find((url) => !URL.canParse(url) || url.includes('$'));
  if (first === undefined || wrong !== undefined)
    return { reason: `the package source ${wrong ?? ''} of Pipfile.lock is not known before the build` };
  return { first, named };
}

function selectedOf(
  name: string,
  entry: Table | undefined,
  { first, named }: Sources,
  environment: MarkerEnvironment,
): SelectedDistribution | Unclear | undefined {
  if (entry === undefined) return { reason: `Pipfile.lock does not pin ${name}` };
  const scope = plainScope(environment);
  const markers = [entry.markers, entry.os_markers].map((one) => markerApplies(textOf(one), scope));
  if (markers.includes(false)) return undefined;
  if (markers.includes(undefined))
    return { reason: `whether the markers of ${name} in Pipfile.lock are fulfilled is not known` };
  const elsewhere = ['git', 'file', 'path', 'hg', 'svn', 'bzr'].find((key) => entry[key] !== undefined);
  if (elsewhere || entry.editable === true)
    return { reason: `${name} of Pipfile.lock comes from no index (${elsewhere ?? 'editable'})` };
  if (entry.no_binary || entry.pip_args) return { reason: `Pipfile.lock has options of pip for ${name}` };
  const version = /^==([^*,\s]+)$/.exec(textOf(entry.version) ?? '')?.[1];
  const hashes = textsOf(entry.hashes) ?? [];
  const sha256 = hashes.filter((one) => /^sha256:[0-9a-f]{64}$/.test(one));
  const index = entry.index === undefined ? first : named.get(String(entry.index));
  if (version === undefined || sha256.length === 0 || index === undefined)
    return { reason: `Pipfile.lock does not give ${name} a version, a SHA-256 and an index that it knows` };
  const origin: Origin = { kind: 'hashes', index, hashes: new Set(sha256) };
  return { name, version, origin };
}

/** Compares pipenv's own hash of what of a Pipfile decides its lock; newer ones normalise names. */
function isFresh(document: Table | undefined, hash: string | undefined): boolean {
  const hashes = document && [true, false].map((normalised) => pipfileHash(document, normalised));
  return hash !== undefined && (hashes?.includes(hash) ?? false);
}

function pipfileHash(document: Table, normalised: boolean): string | undefined {
  const section = (value: unknown): unknown => {
    const table = tableOf(value);
    return table && normalised
      ? Object.fromEntries(Object.entries(table).map(([key, one]) => [normaliseName(key), one]))
      : (value ?? {});
  };
  const others = Object.entries(document).filter(([name]) => !MOVED.has(name));
  const data = {
    _meta: { sources: document.source ?? {}, requires: document.requires ?? {} },
    default: section(document.packages),
    develop: section(document['dev-packages']),
    ...Object.fromEntries(others.map(([name, value]) => [name, section(value)])),
  };
  const text = pythonJson(data, { item: ',', key: ':' });
  return text === undefined ? undefined : createHash('sha256').update(text).digest('hex');
}
