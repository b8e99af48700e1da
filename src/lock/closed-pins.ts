import { LayerwrightError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { inParallel } from '../host/parallel.ts';
import { closureProblem, type DistributionNeeds, fitsPython } from '../python/closure.ts';
import type { LockedDistribution, LockedWheel } from '../python/lock.ts';
import { normaliseName } from '../python/names.ts';
import { pinnedVersion } from '../python/specifiers.ts';
import {
  compareVersions,
  formatVersion,
  parseVersion,
  sameVersion,
  type Version,
} from '../python/versions.ts';
import { parseWheelName } from '../python/wheel-tags.ts';
import type { Applicable } from './applicable.ts';
import { chooseWheel } from './choose-wheel.ts';
import { indexCredentials, packageIndexes } from './index-url.ts';
import { lockScope } from './key.ts';
import type { PreviousLock } from './lock-input.ts';
import { remoteMetadata } from './remote-metadata.ts';
import { type IndexFile, projectFiles } from './simple-index.ts';

/**
 * The lock where every distribution is pinned to one version: then there is nothing to choose, and it is enough to look at what
 * changed since an earlier lock, and to prove that the whole is closed: everything needed is there, in a version that all
 * others allow, and nothing else.
 *
 * @returns undefined if anything is unclear: a full resolution finds out
 */
export async function lockFromPins(
  host: Host,
  applying: Applicable,
  previous: PreviousLock,
): Promise<readonly LockedDistribution[] | undefined> {
  if (previous.scope !== lockScope(applying.input)) return undefined;
  const pins = pinsOf(applying);
  if (pins === undefined || keepsInstalled(applying, pins)) return undefined;
  try {
    const members = await inParallel([...pins], 8, ([name, version]) =>
      memberOf(host, applying, previous, name, version),
    );
    const known = members.filter((one) => one !== undefined);
    if (known.length < members.length || !isClosed(applying, known)) return undefined;
    return known.map(({ distribution }) => distribution);
  } catch (error) {
    // The resolver asks the same index in its own way, and says what is wrong if it is.
    if (error instanceof LayerwrightError && /^INDEX_|^TIMEOUT$|^UNREACHABLE$/.test(error.code))
      return undefined;
    throw error;
  }
}

interface Member {
  readonly distribution: LockedDistribution;
  readonly needs: DistributionNeeds;
}

/** The pinned versions by name; undefined if a requirement is not pinned, or twice to different versions. */
function pinsOf({ input }: Applicable): ReadonlyMap<string, Version> | undefined {
  const pins = new Map<string, Version>();
  for (const { name, specifiers } of input.requirements) {
    const version = pinnedVersion(specifiers);
    const before = pins.get(name);
    if (version === undefined || (before && compareVersions(before, version) !== 0)) return undefined;
    pins.set(name, version);
  }
  return pins;
}

/** With a local version aside, `==1.0` allows more than one: what is installed may be kept. */
function keepsInstalled({ input }: Applicable, pins: ReadonlyMap<string, Version>): boolean {
  return input.facts.installed.some(({ name, version }) => pins.has(name) && parseVersion(version)?.local);
}

function isClosed({ input, environment }: Applicable, members: readonly Member[]): boolean {
  const { requirements, constraints, options } = input;
  const distributions = new Map(members.map(({ distribution, needs }) => [distribution.name, needs]));
  return (
    closureProblem({ requirements, constraints, environment, distributions, noDeps: options.noDeps }) ===
    undefined
  );
}

async function memberOf(
  host: Host,
  applying: Applicable,
  previous: PreviousLock,
  name: string,
  version: Version,
): Promise<Member | undefined> {
  const before = previous.lock.distributions.find((one) => one.name === name);
  if (before?.wheel && sameVersion(before.version, formatVersion(version)))
    return knownMember(applying, previous, { ...before, requested: true }, before.wheel);
  const wheel = await indexWheel(host, applying, name, version);
  const metadata = wheel && (await remoteMetadata(host, wheel, indexCredentials(applying.input.options)));
  if (wheel === undefined || metadata === undefined) return undefined;
  // An index that mixes up its files is nothing to build on.
  if (normaliseName(metadata.name) !== name || !sameVersion(metadata.version, formatVersion(version)))
    return undefined;
  const distribution = { name, version: formatVersion(version), wheel, requested: true };
  return { distribution, needs: { ...metadata, version: distribution.version } };
}

function knownMember(
  { hashes, tags }: Applicable,
  previous: PreviousLock,
  distribution: LockedDistribution,
  wheel: LockedWheel,
): Member | undefined {
  const facts = previous.facts.get(wheel.sha256);
  const choice = chooseWheel(distribution.name, [wheel], { hashes, tags });
  if (facts === undefined || 'reason' in choice || choice.wheel === undefined) return undefined;
  const { requiresDist, requiresPython } = facts;
  return { distribution, needs: { version: distribution.version, requiresDist, requiresPython } };
}

/** The wheel of a pinned version, where all indexes and pip's rules leave exactly one. */
async function indexWheel(
  host: Host,
  applying: Applicable,
  name: string,
  version: Version,
): Promise<LockedWheel | undefined> {
  const indexes = packageIndexes(applying.input.options);
  const lists = await Promise.all(indexes.map((index) => projectFiles(host, index, name)));
  const wheels = lists.flatMap((list) => list ?? []).filter((file) => isWheelOf(file, name, version));
  // Local versions beside the public one, or a withdrawn file: the resolver knows the rules.
  if (wheels.some(({ filename, yanked }) => yanked || !isExactly(filename, version))) return undefined;
  const fitting = wheels.filter(
    ({ requiresPython }) => requiresPython === undefined || fitsPython(requiresPython, applying.environment),
  );
  if (fitting.length < wheels.length || fitting.some(({ sha256 }) => sha256 === undefined)) return undefined;
  const distinct = [...new Map(fitting.map((file) => [`${file.filename} ${file.sha256}`, file])).values()];
  const choice = chooseWheel(name, distinct.map(lockedWheel), applying);
  return 'reason' in choice ? undefined : choice.wheel;
}

function isWheelOf({ filename }: IndexFile, name: string, version: Version): boolean {
  const parsed = parseWheelName(filename);
  const itsVersion = parsed && parseVersion(parsed.version);
  if (parsed?.name !== name || itsVersion === undefined) return false;
  const compared = version.local === undefined ? { ...itsVersion, local: undefined } : itsVersion;
  return compareVersions(compared, version) === 0;
}

function isExactly(filename: string, version: Version): boolean {
  const parsed = parseVersion(parseWheelName(filename)?.version ?? '');
  return parsed !== undefined && compareVersions(parsed, version) === 0;
}

function lockedWheel({ url, filename, sha256, size }: IndexFile): LockedWheel {
  return { url, filename, sha256: sha256 as string, size };
}
