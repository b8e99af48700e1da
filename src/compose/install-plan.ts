import type { PathEntry } from '../image/path-entry.ts';
import type { PathIndex } from '../image/path-index.ts';
import type { Compression, DependencyLayerRequest, DirectoryFacts, Installer } from '../layers/layer.ts';
import {
  ancestorsOf,
  directoryEntry,
  directoryFacts,
  groupBelow,
  parentOf,
} from '../layers/layer-directories.ts';
import { type Group, type GroupMember, groupDistributions } from '../plan/groups.ts';
import { installOrder } from '../plan/install-order.ts';
import { keyOf } from '../plan/key.ts';
import type { InstallScheme, PythonFacts } from '../python/facts.ts';
import type { LockedDistribution, WheelFacts } from '../python/lock.ts';
import { normaliseName } from '../python/names.ts';
import { placedPaths } from '../python/wheel-placement.ts';

/** A distribution of a lock with what its wheel says. */
export interface ToInstall {
  readonly locked: LockedDistribution;
  readonly facts: WheelFacts;
}

/** Everything that decides the dependency layers of one step. */
export interface InstallInput {
  /** The image below. */
  readonly files: PathIndex;
  readonly python: PythonFacts;
  readonly distributions: readonly ToInstall[];
  readonly installer: Installer;
  readonly bytecode: boolean;
  readonly uid: number;
  readonly gid: number;
  readonly umask: number;
  /** If given, only what is at or below one of these absolute paths is wanted. */
  readonly keep: readonly string[] | undefined;
  readonly compression: Compression;
  /** Seconds since 1970. */
  readonly mtime: number;
}

/** One dependency layer, before it is known whether it has to be made. */
export interface PlannedLayer {
  readonly key: string;
  readonly group: Group;
  /** In the order of installation. */
  readonly wheels: readonly LockedDistribution[];
  readonly request: Omit<DependencyLayerRequest, 'wheels' | 'compiler'>;
}

/** What installing comes to. */
export interface PlannedInstall {
  readonly layers: readonly PlannedLayer[];
  /** What is written, bytecode aside, as later instructions see it; sizes are not known. */
  readonly entries: readonly PathEntry[];
}

/**
 * Divides what a step installs into layers and names each by its key. Pure.
 *
 * @returns a reason (for people) if installing there is not surely understood
 */
export function planInstall(input: InstallInput): PlannedInstall | { readonly reason: string } {
  const prepared = prepare(input);
  if ('reason' in prepared) return prepared;
  const { scheme, members, groups } = prepared;
  const byName = new Map(input.distributions.map((one) => [one.locked.name, one]));
  const pathsOf = new Map(members.map(({ name, paths }) => [name, paths]));
  const layers = groups.flatMap((group) => {
    const paths = group.names.flatMap((name) => pathsOf.get(name) ?? []);
    const kept = paths.filter((path) => isKept(path, input.keep));
    if (kept.length === 0) return [];
    const wheels = inOrder(group, byName);
    const request = {
      scheme,
      executable: input.python.executable,
      cacheTag: input.bytecode ? input.python.cacheTag : undefined,
      installer: input.installer,
      directories: directoriesAbove(input.files, kept),
      uid: input.uid,
      gid: input.gid,
      umask: input.umask,
      mtime: input.mtime,
      keep: kept.length === paths.length ? undefined : [...(input.keep ?? [])].sort(),
      compression: input.compression,
    };
    return [{ key: layerKey(request, wheels), group, wheels, request }];
  });
  const written = members.flatMap(({ paths }) => paths).filter((path) => isKept(path, input.keep));
  return { layers, entries: writtenEntries(input, written) };
}

interface Prepared {
  readonly files: PathIndex;
  readonly scheme: InstallScheme;
  readonly members: readonly GroupMember[];
  readonly groups: readonly Group[];
}

/** By what is installed: a splice plans the same once more, with less kept of it. */
const preparedInstalls = new WeakMap<readonly ToInstall[], Prepared>();

function prepare({
  files,
  python,
  distributions,
  bytecode,
}: InstallInput): Prepared | { readonly reason: string } {
  const known = preparedInstalls.get(distributions);
  if (known?.files === files) return known;
  const scheme = resolvedScheme(files, python.scheme);
  const members = distributions.map(({ locked, facts }) => ({
    name: locked.name,
    bytes: facts.bytes,
    paths: placedPaths(facts, scheme),
  }));
  for (const { name, paths } of members) {
    const trouble = troubleWith(files, name, paths, bytecode);
    if (trouble !== undefined) return { reason: trouble };
  }
  const prepared = { files, scheme, members, groups: groupDistributions(members) };
  preparedInstalls.set(distributions, prepared);
  return prepared;
}

/** Covers every input of a dependency layer; see `DependencyLayerRequest`. */
export function layerKey(request: PlannedLayer['request'], wheels: readonly LockedDistribution[]): string {
  return keyOf('dependency-layer', {
    ...request,
    installer: [request.installer.tool, request.installer.version],
    relocation: request.relocation && [request.relocation.from, request.relocation.to],
    scheme: { ...request.scheme },
    directories: Object.fromEntries(
      Object.entries(request.directories).map(([path, { mode, uid, gid }]) => [path, { mode, uid, gid }]),
    ),
    wheels: wheels.map(({ name, version, wheel, requested }) => ({
      name,
      version,
      sha256: wheel?.sha256,
      requested,
    })),
  });
}

/** A path through a link of the image would replace the link by a directory. */
function resolvedScheme(files: PathIndex, scheme: InstallScheme): InstallScheme {
  const resolve = (path: string) => `/${files.resolve(path).path}`;
  return {
    purelib: resolve(scheme.purelib),
    platlib: resolve(scheme.platlib),
    headers: resolve(scheme.headers),
    scripts: resolve(scheme.scripts),
    data: resolve(scheme.data),
  };
}

/** Wheels of a group in the order of installation, which matters only where several write one path. */
function inOrder(group: Group, byName: ReadonlyMap<string, ToInstall>): readonly LockedDistribution[] {
  const members = group.names.map((name) => byName.get(name) as ToInstall);
  if (!group.overlaps) return members.map(({ locked }) => locked);
  const all = [...byName.values()];
  const needs = new Map(
    all.map(({ locked, facts }) => [locked.name, facts.requiresDist.map(nameOfRequirement)]),
  );
  const requested = all.filter(({ locked }) => locked.requested).map(({ locked }) => locked.name);
  const order = installOrder([...byName.keys()], requested, needs);
  return order.flatMap((name) => members.find(({ locked }) => locked.name === name)?.locked ?? []);
}

/** `Foo.Bar[extra]>=1; marker` -> `foo-bar`. */
function nameOfRequirement(requirement: string): string {
  return normaliseName(/^\s*([A-Za-z0-9][A-Za-z0-9._-]*)/.exec(requirement)?.[1] ?? '');
}

/** Names by the directory that they are written to. */
type Writes = ReadonlyMap<string, readonly string[]>;

function writesOf(paths: readonly string[]): Writes {
  const found = new Map<string, string[]>();
  for (const path of paths) {
    const slash = path.lastIndexOf('/');
    const directory = slash < 0 ? '' : path.slice(0, slash);
    const name = path.slice(slash + 1);
    const names = found.get(directory);
    if (names === undefined) found.set(directory, [name]);
    else names.push(name);
  }
  return found;
}

/** What stands in the way of a distribution's files. pip replaces a file; anything else it would follow or fail at. */
function troubleWith(
  files: PathIndex,
  name: string,
  paths: readonly string[],
  bytecode: boolean,
): string | undefined {
  const checked = new Set<string>();
  for (const [directory, names] of writesOf(paths)) {
    for (const one of [directory, ...above(directory)]) {
      if (checked.has(one)) break;
      checked.add(one);
      const type = files.get(one)?.type ?? 'directory';
      if (type !== 'directory') return `${name} writes below /${one}, which is a ${type} in the image`;
    }
    // In a new directory nothing is in the way.
    if (files.get(directory) === undefined) continue;
    const cache = `${directory}/__pycache__`;
    const cached = bytecode && names.some((one) => one.endsWith('.py')) ? files.get(cache)?.type : undefined;
    if (cached !== undefined && cached !== 'directory')
      return `${name} writes below /${cache}, which is a ${cached} in the image`;
    for (const one of names) {
      const path = directory === '' ? one : `${directory}/${one}`;
      const there = files.get(path);
      if (there !== undefined && there.type !== 'file')
        return `${name} writes /${path}, which is a ${there.type} in the image`;
    }
  }
  return undefined;
}

function directoriesAbove(files: PathIndex, paths: readonly string[]): Record<string, DirectoryFacts> {
  const found: Record<string, DirectoryFacts> = {};
  const checked = new Set<string>();
  const take = (directory: string) => {
    if (checked.has(directory)) return false;
    checked.add(directory);
    const entry = files.get(directory);
    if (entry?.type === 'directory') found[directory] = { mode: entry.mode, uid: entry.uid, gid: entry.gid };
    return true;
  };
  for (const [directory, names] of writesOf(paths)) {
    for (const one of [directory, ...above(directory)]) if (!take(one)) break;
    // Their bytecode goes there.
    if (names.some((name) => name.endsWith('.py')))
      take(directory === '' ? '__pycache__' : `${directory}/__pycache__`);
  }
  return found;
}

/** The directories above a path, the nearest first, the root last. */
function* above(path: string): Generator<string> {
  if (path === '') return;
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) yield path.slice(0, at);
  yield '';
}

function isKept(path: string, keep: readonly string[] | undefined): boolean {
  return (
    keep === undefined || keep.some((prefix) => `/${path}` === prefix || `/${path}`.startsWith(`${prefix}/`))
  );
}

/** Directories before what is in them. Which files may be executed is not known here. */
function writtenEntries(input: InstallInput, paths: readonly string[]): readonly PathEntry[] {
  const { uid, gid, umask } = input;
  const facts = directoryFacts({ directories: directoriesAbove(input.files, paths), uid, gid, umask });
  const directories = [...ancestorsOf(paths)].filter((path) => input.files.get(path) === undefined).sort();
  return [
    ...directories.map((path) => directoryEntry(path, facts(path))),
    ...paths.map((path): PathEntry => {
      const group = groupBelow(facts(parentOf(path)), gid);
      return { path, type: 'file', mode: 0o666 & ~umask, uid, gid: group, size: 0, link: '' };
    }),
  ];
}
