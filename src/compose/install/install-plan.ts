import type { PathEntry } from '../../image/path-entry.ts';
import type { PathIndex } from '../../image/path-index.ts';
import type { Compression, DependencyLayerRequest, Relocation } from '../../layers/layer.ts';
import {
  ancestorsOf,
  directoryEntry,
  directoryFacts,
  groupBelow,
  parentOf,
} from '../../layers/layer-directories.ts';
import { type Group, type GroupMember, groupDistributions } from '../../plan/groups.ts';
import { installOrder } from '../../plan/install-order.ts';
import { keyOf } from '../../plan/key.ts';
import { compilingRelease } from '../../python/detect/bytecode-magic.ts';
import type { InstallScheme, PythonFacts } from '../../python/facts.ts';
import type { Installer } from '../../python/installer.ts';
import type { LockedDistribution, WheelFacts } from '../../python/lock.ts';
import { normaliseName } from '../../python/names.ts';
import { placedPaths, TARGET_RECORD_SCHEME } from '../../python/wheel-placement.ts';
import type { GivenImage } from '../state.ts';
import { copiedPaths, type InstallCopy, wantedOf } from './install-copies.ts';
import { above, directoriesAbove, isKept, writesOf } from './install-paths.ts';

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
  /** The image below whose layers are all there. */
  readonly given: GivenImage;
  readonly distributions: readonly ToInstall[];
  readonly installer: Installer;
  readonly bytecode: boolean;
  readonly uid: number;
  readonly gid: number;
  readonly umask: number;
  /** If given, only what is at or below one of these absolute paths is wanted. */
  readonly keep: readonly string[] | undefined;
  /** Copies of it, one after the other: `COPY --from` of a stage that has installed it. What the last one comes to is wanted. */
  readonly copies?: readonly InstallCopy[];
  /** True for `pip install --target`, whose scheme `python` then has: pip moves what it has installed elsewhere. */
  readonly isTarget?: boolean;
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
  /** Where a Python is that makes its bytecode. */
  readonly interpreter: ImageInterpreter;
}

/** The Python that distributions are installed for, and an image that may have it. */
export interface ImageInterpreter {
  readonly image: GivenImage;
  readonly python: PythonFacts;
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
  const interpreter: ImageInterpreter = { image: input.given, python: input.python };
  const layers = groups.flatMap((group) => {
    const paths = group.names.flatMap((name) => pathsOf.get(name) ?? []);
    const wanted = wantedOf(input, paths);
    if (wanted.paths.length === 0) return [];
    const wheels = inOrder(group, byName);
    const request = {
      scheme,
      executable: executableOf(input),
      cacheTag: input.bytecode ? input.python.cacheTag : undefined,
      ...releaseOf(input),
      installer: input.installer,
      ...(input.isTarget && { recordScheme: TARGET_RECORD_SCHEME }),
      directories: directoriesAbove(input.files, wanted.paths),
      uid: input.uid,
      gid: input.gid,
      umask: input.umask,
      mtime: input.mtime,
      ...wanted.request,
      compression: input.compression,
    };
    return [{ key: layerKey(request, wheels), group, wheels, request, interpreter }];
  });
  const written = members.flatMap(({ paths }) => paths).filter((path) => isKept(path, input.keep));
  return { layers, entries: writtenEntries(input, written) };
}

/** Poetry starts the `python` of a virtual environment, else the interpreter by its longest name, whatever these are links to. */
function executableOf({ installer, python: { executable, version, venv }, files }: InstallInput): string {
  if (installer.tool !== 'poetry') return executable;
  const path = venv === undefined ? `/${files.resolve(executable).path}` : executable;
  const directory = path.slice(0, path.lastIndexOf('/'));
  const minor = version.split('.').slice(0, 2).join('.');
  const names = venv === undefined ? [`python${minor}`, 'python3', 'python'] : ['python', 'python3'];
  const name = names.find((one) => files.resolve(`${directory}/${one}`).entry !== undefined);
  return name === undefined ? executable : `${directory}/${name}`;
}

/** The paths that installing writes, bytecode aside, where its copies have brought them, by where they were installed. */
export function installedPaths(
  input: InstallInput,
): readonly (readonly [made: string, now: string])[] | { readonly reason: string } {
  const prepared = prepare(input);
  if ('reason' in prepared) return prepared;
  return prepared.members
    .flatMap(({ paths }) => paths)
    .flatMap((path) => copiedPaths(path, input.copies ?? []).map((now) => [path, now] as const));
}

interface Prepared {
  readonly files: PathIndex;
  readonly python: PythonFacts;
  readonly installer: Installer;
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
  installer,
  bytecode,
  isTarget,
}: InstallInput): Prepared | { readonly reason: string } {
  if (installer.tool === 'poetry' && installer.version === undefined)
    return { reason: 'the version of Poetry, which it leaves behind, is not known' };
  const known = preparedInstalls.get(distributions);
  if (known?.files === files && known.python === python && known.installer === installer) return known;
  const scheme = resolvedScheme(files, python.scheme);
  const members = distributions.map(({ locked, facts }) => ({
    name: locked.name,
    bytes: facts.bytes,
    paths: pathsOf(locked, facts, scheme, installer),
  }));
  const all = members.flatMap(({ paths }) => paths);
  const target = isTarget ? targetTrouble(files, scheme, all) : undefined;
  if (target !== undefined) return { reason: target };
  for (const { name, paths } of members) {
    const trouble = troubleWith(files, name, paths, bytecode);
    if (trouble !== undefined) return { reason: trouble };
  }
  const prepared = { files, python, installer, scheme, members, groups: groupDistributions(members) };
  preparedInstalls.set(distributions, prepared);
  return prepared;
}

function pathsOf(
  { directUrl, files = {} }: LockedDistribution,
  facts: WheelFacts,
  scheme: InstallScheme,
  { tool }: Installer,
): readonly string[] {
  const placed = placedPaths(facts, scheme, tool);
  const mark = placed.find((path) => path.endsWith('.dist-info/INSTALLER'));
  const more = [...(directUrl === undefined ? [] : ['direct_url.json']), ...Object.keys(files).sort()];
  if (more.length === 0 || mark === undefined) return placed;
  return [...placed, ...more.map((one) => mark.replace(/INSTALLER$/, one))];
}

/** For bytecode of some versions of Python its release counts. */
function releaseOf({ bytecode, python }: InstallInput): { readonly release?: string } {
  const release = bytecode ? compilingRelease(python.version) : undefined;
  return release === undefined ? {} : { release };
}

/** Covers every input of a dependency layer; see `DependencyLayerRequest`. */
export function layerKey(request: PlannedLayer['request'], wheels: readonly LockedDistribution[]): string {
  const { relocations, recordScheme, ...rest } = request;
  return keyOf('dependency-layer', {
    ...rest,
    // Beside what every layer has.
    ...(recordScheme && { recordScheme: { ...recordScheme } }),
    installer: [request.installer.tool, request.installer.version],
    relocation: relocations?.map(relocationKey),
    scheme: { ...request.scheme },
    directories: directoriesKey(request.directories),
    wheels: wheels.map(({ name, version, wheel, requested, directUrl, files }) => ({
      ...{ name, version, sha256: wheel?.sha256, requested },
      ...(directUrl !== undefined && { directUrl }),
      ...(files !== undefined && { files: { ...files } }),
    })),
  });
}

function relocationKey({ moves, directories }: Relocation) {
  return {
    moves: moves.map(({ from, to, owner, mode }) => [from, to, owner?.uid, owner?.gid, mode]),
    directories: directoriesKey(directories),
  };
}

function directoriesKey(directories: Relocation['directories']) {
  return Object.fromEntries(
    Object.entries(directories).map(([path, { mode, uid, gid }]) => [path, { mode, uid, gid }]),
  );
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

/** `pip install --target` leaves what is there as it is, whole directories too; what two schemes write comes to one place. */
function targetTrouble(
  files: PathIndex,
  { purelib }: InstallScheme,
  paths: readonly string[],
): string | undefined {
  const root = purelib.slice(1);
  const names = new Set(paths.map((path) => path.slice(root.length + 1).split('/', 1)[0] as string));
  const there = [...names].find((name) => files.get(`${root}/${name}`) !== undefined);
  return there === undefined
    ? undefined
    : `/${root}/${there} is there already, and pip --target leaves it as it is`;
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
