import { createHash } from 'node:crypto';
import type { Host } from '../host/host.ts';
import { inParallel } from '../host/parallel.ts';
import type { LockedFile, SelectedDistribution } from '../lockfiles/selected.ts';
import { fitsPython } from '../python/closure.ts';
import type { LockedDistribution, LockedWheel, SourceDistribution } from '../python/lock.ts';
import { parseWheelName } from '../python/wheel-tags.ts';
import type { FrozenInput, FrozenScope, OwnProject } from './frozen.ts';
import { directUrlOf } from './frozen-direct-url.ts';
import { preferredWheel } from './frozen-wheel.ts';
import { indexCredentials, type PackageIndex, packageIndexes, withoutCredentials } from './index-url.ts';
import type { NotLocked } from './lock-input.ts';
import { type IndexFile, projectFiles } from './simple-index.ts';

const REQUESTS_AT_ONCE = 8;

/** What an index was asked for and where that led to, by the name of a distribution, as an earlier lock of the same step has it. */
export type KnownFiles = ReadonlyMap<
  string,
  Pick<LockedDistribution, 'wheel' | 'source'> & { readonly asked: string }
>;

/** What is selected, with the files that the tool takes; both sorted by name. */
export interface Located {
  readonly distributions: readonly LockedDistribution[];
  readonly own: readonly OwnProject[];
  /** By name, of what the index had to be asked for: 64 hex digits, the same as long as the lock says the same of it. */
  readonly asked: Readonly<Record<string, string>>;
}

type Place = Pick<LockedDistribution, 'wheel' | 'source'>;

/** Chooses the file of each distribution; asks the index where a lock names files by their hashes alone. */
export async function locateAll(
  host: Host,
  input: FrozenInput,
  scope: FrozenScope,
  selected: readonly SelectedDistribution[],
  known: KnownFiles,
): Promise<Located | NotLocked> {
  const own = selected.flatMap((one) => ownProject(input, one) ?? []);
  const others = selected.filter(({ origin }) => origin.kind !== 'directory');
  const found = await inParallel(others, REQUESTS_AT_ONCE, (one) => locate(host, input, scope, one, known));
  const distributions: LockedDistribution[] = [];
  for (const one of found) {
    if ('reason' in one) return one;
    distributions.push(one);
  }
  const asked = others.flatMap((one) => {
    const question = questionOf(input, one);
    return question === undefined ? [] : [[one.name, question] as const];
  });
  return { distributions: byName(distributions), own: byName(own), asked: Object.fromEntries(asked) };
}

function byName<T extends { readonly name: string }>(list: readonly T[]): readonly T[] {
  return list.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** poetry writes REQUESTED for nothing, the others for all that they install. */
function isRequested({ tool }: FrozenInput): boolean {
  return tool !== 'poetry';
}

function ownProject(
  input: FrozenInput,
  { name, version, origin }: SelectedDistribution,
): OwnProject | undefined {
  if (origin.kind !== 'directory') return undefined;
  const there = input.facts.installed.some((one) => one.name === name);
  return {
    ...{ name, version, path: origin.path, editable: origin.editable, requested: isRequested(input) },
    directUrl: directUrlOf(input, origin),
    change: there ? 'replace' : 'install',
  };
}

async function locate(
  host: Host,
  input: FrozenInput,
  scope: FrozenScope,
  one: SelectedDistribution,
  known: KnownFiles,
): Promise<LockedDistribution | NotLocked> {
  const { name, origin } = one;
  const before = known.get(name);
  const place =
    before !== undefined && before.asked === questionOf(input, one)
      ? { wheel: before.wheel, ...(before.source && { source: before.source }) }
      : await placeOf(host, input, scope, one);
  if ('reason' in place) return place;
  const version = one.version ?? (place.wheel && parseWheelName(place.wheel.filename)?.version);
  if (version === undefined) return { reason: `the version of ${name} is known only when it is built` };
  const directUrl = directUrlOf(input, origin);
  return {
    ...{ name, version, ...place, requested: isRequested(input) },
    ...(directUrl === undefined ? {} : { directUrl }),
  };
}

/** Everything of a lock that decides which file of an index is taken. */
function questionOf(
  { tool }: FrozenInput,
  { name, version, origin }: SelectedDistribution,
): string | undefined {
  if (origin.kind !== 'hashes') return undefined;
  const index = origin.index && URL.canParse(origin.index) ? bare(origin.index) : origin.index;
  const question = [tool, name, version, index, [...origin.hashes].sort()];
  return createHash('sha256').update(JSON.stringify(question)).digest('hex');
}

async function placeOf(
  host: Host,
  input: FrozenInput,
  scope: FrozenScope,
  { name, origin }: SelectedDistribution,
): Promise<Place | NotLocked> {
  switch (origin.kind) {
    case 'files':
      // Of wheels for variants of a platform uv knows more.
      if (origin.wheels.some(({ filename }) => parseWheelName(filename) === undefined))
        return { reason: `a wheel of ${name} has a name that is not understood` };
      return chosen(name, origin.wheels, origin.sdist, input, scope);
    case 'hashes': {
      const files = await indexFiles(host, input, scope, name, origin);
      if ('reason' in files) return files;
      const [sdist, second] = files.filter(({ filename }) =>
        /\.(?:tar\.(?:gz|bz2|xz)|tgz|zip)$/.test(filename),
      );
      const wheels = files.filter(({ filename }) => filename.endsWith('.whl'));
      const place = chosen(name, wheels, sdist, input, scope);
      return 'source' in place && second ? { reason: `the lock has several archives of ${name}` } : place;
    }
    case 'url':
      return addressed(name, origin, input, scope);
    case 'git': {
      const { url, commit, subdirectory } = origin;
      return { wheel: undefined, source: { kind: 'git', url: bare(url), revision: commit, subdirectory } };
    }
    case 'directory':
      throw new Error('directories are no files');
  }
}

/** The wheel that the tool prefers, else the source archive. */
function chosen(
  name: string,
  wheels: readonly LockedFile[],
  sdist: LockedFile | undefined,
  { tool }: FrozenInput,
  { tags }: FrozenScope,
): Place | NotLocked {
  const best = preferredWheel(tool, wheels, tags);
  if (best === 'ambiguous') return { reason: `several wheels of ${name} fit equally well` };
  if (best) return { wheel: wheelOf(best) };
  if (sdist === undefined) return { reason: `no file of ${name} in the lock fits this environment` };
  return { wheel: undefined, source: archive(sdist.url, sdist.sha256, undefined) };
}

function addressed(
  name: string,
  { url, sha256, size, subdirectory }: Extract<SelectedDistribution['origin'], { kind: 'url' }>,
  { tool }: FrozenInput,
  { tags }: FrozenScope,
): Place | NotLocked {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    return { reason: `${name} comes from an address that is not taken` };
  const filename = decodeURIComponent(new URL(url).pathname.split('/').at(-1) as string);
  if (!filename.endsWith('.whl')) return { wheel: undefined, source: archive(url, sha256, subdirectory) };
  if (sha256 === undefined) return { reason: `the lock gives the wheel of ${name} no SHA-256` };
  const file = { url, filename, sha256, size };
  return preferredWheel(tool, [file], tags) === file
    ? { wheel: wheelOf(file) }
    : { reason: `the wheel of ${name} does not fit this environment` };
}

function archive(
  url: string,
  sha256: string | undefined,
  subdirectory: string | undefined,
): SourceDistribution {
  return { kind: 'archive', url: bare(url), sha256, subdirectory };
}

function wheelOf({ url, filename, sha256, size }: LockedFile): LockedWheel {
  return { url: bare(url), filename, sha256, size };
}

function bare(url: string): string {
  return withoutCredentials(new URL(url)).href;
}

/** The files that an index has under the hashes of a lock. */
async function indexFiles(
  host: Host,
  { tool, indexes }: FrozenInput,
  { environment }: FrozenScope,
  name: string,
  { index, hashes }: Extract<SelectedDistribution['origin'], { kind: 'hashes' }>,
): Promise<readonly LockedFile[] | NotLocked> {
  const asked = packageIndex(index, indexes);
  const all = (await projectFiles(host, asked, name)) ?? [];
  const permitted = all.filter(({ sha256 }) => sha256 !== undefined && hashes.has(`sha256:${sha256}`));
  if (all.some(({ sha256 }) => sha256 === undefined))
    return { reason: `the index gives files of ${name} no SHA-256` };
  // poetry does not look at what the index says of Python.
  const fitting = tool === 'poetry' ? permitted : forPython(permitted, environment);
  if (fitting === undefined) return { reason: `for which Python the files of ${name} are is not certain` };
  // A withdrawn file is taken only if no other is there.
  const offered = fitting.some(({ yanked }) => !yanked) ? fitting.filter(({ yanked }) => !yanked) : fitting;
  if (offered.length === 0) return { reason: `the index has no file of ${name} that the lock permits` };
  return offered.map(({ url, filename, sha256, size }) => ({
    url,
    filename,
    sha256: sha256 as string,
    size,
  }));
}

function forPython(
  files: readonly IndexFile[],
  environment: FrozenScope['environment'],
): readonly IndexFile[] | undefined {
  const verdicts = files.map(
    ({ requiresPython }) => !requiresPython || fitsPython(requiresPython, environment),
  );
  return verdicts.includes(undefined) ? undefined : files.filter((_one, at) => verdicts[at]);
}

/** An index of a lock, with the login that is known for its origin. */
function packageIndex(url: string | undefined, options: FrozenInput['indexes']): PackageIndex {
  const [index] = packageIndexes({ indexUrl: url, extraIndexUrls: [] });
  const { authorization } = index as PackageIndex;
  const { origin } = new URL((index as PackageIndex).url);
  const known = indexCredentials(options).find((one) => one.origin === origin)?.authorization;
  return { url: (index as PackageIndex).url, authorization: authorization ?? known };
}
