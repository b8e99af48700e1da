import type { PathEntry } from '../image/path-entry.ts';
import type { PathIndex } from '../image/path-index.ts';
import { groupDistributions } from '../plan/groups.ts';
import { type AddedFile, type AddedFiles, isSameEntry } from './added-files.ts';
import { type FoundDistribution, findDistributions, findWheels } from './distributions.ts';
import { isVolatile } from './places.ts';
import { CannotSplit, type SplitKind, type SplitRequest } from './request.ts';

/** What a layer will hold, directories above aside. */
export interface PlacedLayer {
  readonly kind: Exclude<SplitKind, 'removed'>;
  readonly title: string;
  readonly paths: readonly string[];
}

/** Which layer each path goes to: every added file is in exactly one. */
export interface Placement {
  readonly layers: readonly PlacedLayer[];
  /** Paths of each distribution, bytecode included. */
  readonly distributions: readonly (readonly string[])[];
  /** By path of bytecode: its hash in a RECORD. */
  readonly hashes: ReadonlyMap<string, string>;
}

/**
 * Divides the added files: distributions into groups by the same rule as composed ones, what is other in each run into a layer of
 * its own, the rest into another.
 *
 * @throws CannotSplit if there is no distribution
 */
export async function placeFiles(
  { files, contents }: AddedFiles,
  { below, after, name, budget }: SplitRequest,
): Promise<Placement> {
  const lasting = new Map([...files].filter(([path]) => !isVolatile(path)));
  const installed = await findDistributions(lasting, contents, after);
  const owned = new Set(installed.flatMap(({ paths }) => paths));
  const wheels = findWheels(new Map([...lasting].filter(([path]) => !owned.has(path))));
  const found = [...installed, ...wheels].map((one) => withBytecode(one, owned, lasting, after));
  if (found.length === 0) throw new CannotSplit('it installs no distribution that can be told by its RECORD');
  const byId = new Map(found.map((one) => [one.id, one]));
  const groups = groupDistributions(
    found.map(({ id, paths }) => ({ name: id, ...measured(paths, files) })),
    budget,
  );
  const placed = groups.map(({ id, names }): PlacedLayer => {
    const members = names.map((one) => byId.get(one) as FoundDistribution);
    const list = members.map(({ title }) => title).join(', ');
    const bucket = id.split('+').filter((home) => /^bucket-\d+$/.test(home));
    return {
      kind: 'distributions',
      title: bucket.length > 0 ? `${bucket.join('+')}: ${list}` : list,
      paths: [...new Set(members.flatMap(({ paths }) => paths))].sort(),
    };
  });
  const taken = new Set(placed.flatMap(({ paths }) => paths));
  const others = pathsOfOthers(files, taken, below);
  const changing = others.filter((path) => isVolatile(path) || isBytecodeOfBelow(path, files));
  const changes = new Set(changing);
  return {
    layers: [
      ...placed,
      { kind: 'rest', title: `the rest of ${name}`, paths: others.filter((path) => !changes.has(path)) },
      { kind: 'volatile', title: `logs and caches of ${name}`, paths: changing },
    ].filter(({ paths }) => paths.length > 0) as PlacedLayer[],
    distributions: found.map(({ paths }) => paths),
    hashes: new Map(found.flatMap((one) => [...one.hashes])),
  };
}

/** A layer's content without bytecode decides whether it is large: as for composed layers. */
function measured(paths: readonly string[], files: ReadonlyMap<string, AddedFile>) {
  const sources = paths.filter((path) => !path.endsWith('.pyc'));
  const bytes = sources.reduce((sum, path) => sum + (files.get(path)?.entry.size ?? 0), 0);
  return { paths: sources, bytes };
}

/** Installers other than pip do not name bytecode: it belongs to whoever its source belongs to. */
function withBytecode(
  found: FoundDistribution,
  owned: ReadonlySet<string>,
  files: ReadonlyMap<string, AddedFile>,
  after: PathIndex,
): FoundDistribution {
  const more: string[] = [];
  for (const path of found.paths) {
    if (!path.endsWith('.py')) continue;
    const slash = path.lastIndexOf('/');
    const stem = path.slice(slash + 1, -'.py'.length);
    const caches = `${path.slice(0, slash + 1)}__pycache__`;
    for (const name of after.children(caches)) {
      const cache = `${caches}/${name}`;
      if (!name.startsWith(`${stem}.`) || !/^[^.]+(?:\.opt-\d)?\.pyc$/.test(name.slice(stem.length + 1)))
        continue;
      if (!owned.has(cache) && files.get(cache)?.entry.type === 'file') more.push(cache);
    }
  }
  return more.length === 0 ? found : { ...found, paths: [...new Set([...found.paths, ...more])].sort() };
}

/** Files without an owner; and directories that are above none, if they are new or were changed. */
function pathsOfOthers(
  files: ReadonlyMap<string, AddedFile>,
  taken: ReadonlySet<string>,
  below: PathIndex,
): readonly string[] {
  const above = new Set<string>();
  for (const [path, { entry }] of files) {
    if (entry.type === 'directory') continue;
    for (
      let at = path.lastIndexOf('/');
      at > 0 && !above.has(path.slice(0, at));
      at = path.lastIndexOf('/', at - 1)
    )
      above.add(path.slice(0, at));
  }
  const isSettled = (path: string, entry: PathEntry) => {
    const before = below.get(path);
    return above.has(path) || (before !== undefined && isSameEntry(before, entry));
  };
  return [...files]
    .filter(
      ([path, { entry }]) => !taken.has(path) && !(entry.type === 'directory' && isSettled(path, entry)),
    )
    .map(([path]) => path);
}

/** Bytecode of modules that were there before, made when they were first imported. */
function isBytecodeOfBelow(path: string, files: ReadonlyMap<string, AddedFile>): boolean {
  const [, directory = '', stem] =
    /^(?:(.*)\/)?__pycache__\/([^/]+?)\.[^./]+(?:\.opt-\d)?\.pyc$/.exec(path) ?? [];
  if (stem === undefined) return false;
  return !files.has(directory === '' ? `${stem}.py` : `${directory}/${stem}.py`);
}
