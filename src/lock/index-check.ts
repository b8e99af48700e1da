import type { Host } from '../host/host.ts';
import { inParallel } from '../host/parallel.ts';
import { type DistributionNeeds, demandsOf, fitsPython } from '../python/closure.ts';
import type { LockedDistribution } from '../python/lock.ts';
import { normaliseName } from '../python/names.ts';
import { allowsPrereleases, pinnedVersion, type Specifier, satisfies } from '../python/specifiers.ts';
import { compareVersions, isPrerelease, parseVersion, type Version } from '../python/versions.ts';
import { bestWheel, parseWheelName } from '../python/wheel-tags.ts';
import type { Applicable } from './applicable.ts';
import { indexCredentials, packageIndexes } from './index-url.ts';
import type { NotLocked } from './lock-input.ts';
import { remoteMetadata } from './remote-metadata.ts';
import { type IndexFile, projectFiles } from './simple-index.ts';

const REQUESTS_AT_ONCE = 8;

/**
 * Looks at the indexes for what uv was not allowed to see or sees otherwise than pip: a newer version of which there is only a
 * source distribution, a newer prerelease that a requirement allows, other files of the same version on another index.
 *
 * @returns why pip might install something else than the lock has
 * @throws LayerwrightError `INDEX_UNREACHABLE` (75), `INDEX_DENIED` (2), `INDEX_INVALID` (75)
 */
export async function indexProblem(
  host: Host,
  applying: Applicable,
  distributions: readonly LockedDistribution[],
): Promise<NotLocked | undefined> {
  const unclear = distributions.filter((one) => needsLook(one, applying));
  const findings = await inParallel(unclear, REQUESTS_AT_ONCE, (one) => finding(host, applying, one));
  const problem = findings.find((one) => one !== undefined && 'reason' in one);
  if (problem && 'reason' in problem) return problem;
  const newer = findings.filter((one): one is Newer => one !== undefined && 'versions' in one);
  return newer.length === 0 ? undefined : await newerProblem(host, applying, distributions, newer);
}

/** Versions that pip may prefer over the locked one, if nothing else in the lock speaks against them. */
interface Newer {
  readonly name: string;
  readonly versions: readonly string[];
}

/** The conditions that the step itself has for a name. */
function ownSpecifiers({ input }: Applicable, name: string): readonly Specifier[] {
  return [...input.requirements, ...input.constraints]
    .filter((one) => one.name === name)
    .flatMap(({ specifiers }) => specifiers);
}

function needsLook({ name }: LockedDistribution, applying: Applicable): boolean {
  // One index and one version: uv had no choice.
  return (
    packageIndexes(applying.input.options).length > 1 ||
    pinnedVersion(ownSpecifiers(applying, name)) === undefined
  );
}

async function finding(
  host: Host,
  applying: Applicable,
  locked: LockedDistribution,
): Promise<Newer | NotLocked | undefined> {
  const { name } = locked;
  const lists = await Promise.all(
    packageIndexes(applying.input.options).map((index) => projectFiles(host, index, name)),
  );
  const files = lists.flatMap((list) => list ?? []);
  const version = parseVersion(locked.version);
  if (version === undefined) return { reason: `${name} ${locked.version} is no version` };
  const elsewhere = sameVersionProblem(applying, locked, version, files);
  if (elsewhere) return elsewhere;
  const newer = newerVersions(applying, name, version, files);
  return newer.length === 0 ? undefined : { name, versions: newer };
}

/** Whether all indexes agree about the wheel of the locked version. */
function sameVersionProblem(
  { tags, hashes }: Applicable,
  { name, wheel }: LockedDistribution,
  version: Version,
  files: readonly IndexFile[],
): NotLocked | undefined {
  const permitted = hashes?.get(name);
  const wheels = files.filter((file) => {
    const itsVersion = fileVersion(file, name);
    return (
      file.filename.endsWith('.whl') &&
      itsVersion !== undefined &&
      compareVersions(itsVersion, version) === 0 &&
      (permitted === undefined || (file.sha256 !== undefined && permitted.has(`sha256:${file.sha256}`)))
    );
  });
  // The same file on two indexes is one.
  const distinct = [...new Map(wheels.map((file) => [`${file.filename} ${file.sha256}`, file])).values()];
  const best = bestWheel(distinct, tags);
  if (best === 'ambiguous')
    return { reason: `the indexes have different files of the same wheel of ${name}` };
  if (best?.filename === wheel?.filename && (best?.sha256 ?? wheel?.sha256) === wheel?.sha256)
    return undefined;
  return { reason: `pip may take another wheel of ${name} than uv (${best?.filename ?? 'none'})` };
}

/** Newer versions that uv passes over and pip may not: without a wheel that fits, or a prerelease. */
function newerVersions(
  applying: Applicable,
  name: string,
  locked: Version,
  files: readonly IndexFile[],
): readonly string[] {
  const { options } = applying.input;
  const wheelsOnly = [':all:', name].some((one) => options.onlyBinary.includes(one)) || options.preferBinary;
  const specifiers = ownSpecifiers(applying, name);
  const byVersion = new Map<string, { version: Version; wheel: boolean }>();
  for (const file of files) {
    const version = fileVersion(file, name);
    if (version === undefined || compareVersions(version, locked) <= 0 || !satisfies(version, specifiers))
      continue;
    if (file.yanked || !isForPython(file, applying)) continue;
    const wheel = file.filename.endsWith('.whl');
    if (wheel ? bestWheel([file], applying.tags) === undefined : wheelsOnly) continue;
    const text = file.filename;
    const known = [...byVersion.values()].find((one) => compareVersions(one.version, version) === 0);
    if (known) known.wheel ||= wheel;
    else byVersion.set(text, { version, wheel });
  }
  return [...byVersion]
    .filter(([, one]) => !one.wheel || isPrerelease(one.version))
    .map(([filename]) => fileVersionText(filename, name) as string);
}

function isForPython(file: IndexFile, { environment }: Applicable): boolean {
  // One that is not understood counts: the look must not miss anything.
  return file.requiresPython === undefined || fitsPython(file.requiresPython, environment) !== false;
}

function fileVersion(file: IndexFile, name: string): Version | undefined {
  const text = fileVersionText(file.filename, name);
  return text === undefined ? undefined : parseVersion(text);
}

/** The version in the name of a wheel or source distribution; undefined for other files (eggs, installers, signatures). */
function fileVersionText(filename: string, name: string): string | undefined {
  if (filename.endsWith('.whl')) return parseWheelName(filename)?.version;
  const stem = /^(.+)\.(?:tar\.gz|zip|tar\.bz2|tgz|tar\.xz|tar)$/.exec(filename)?.[1];
  if (stem === undefined) return undefined;
  // Old names have dashes on both sides: the one that leaves the project's name divides them.
  for (let dash = stem.indexOf('-'); dash !== -1; dash = stem.indexOf('-', dash + 1))
    if (normaliseName(stem.slice(0, dash)) === name) return stem.slice(dash + 1);
  return undefined;
}

/** Asks the metadata of the whole lock whether it allows the newer versions. */
async function newerProblem(
  host: Host,
  applying: Applicable,
  distributions: readonly LockedDistribution[],
  newer: readonly Newer[],
): Promise<NotLocked | undefined> {
  const { input, environment } = applying;
  const needs = await needsOf(host, applying, distributions);
  if ('reason' in needs) return needs;
  const { requirements, constraints, options } = input;
  const question = { requirements, constraints, environment, distributions: needs, noDeps: options.noDeps };
  const demands = demandsOf(question);
  if ('reason' in demands) return demands;
  for (const { name, versions } of newer) {
    const specifiers = demands.get(name)?.specifiers ?? [];
    const possible = versions.find((text) => {
      const version = parseVersion(text) as Version;
      if (!satisfies(version, specifiers)) return false;
      return !isPrerelease(version) || options.pre || allowsPrereleases(specifiers);
    });
    if (possible !== undefined)
      return {
        reason: `pip may take ${name} ${possible}, which has no wheel for the image or is a prerelease`,
        inImage: true,
      };
  }
  return undefined;
}

async function needsOf(
  host: Host,
  { input }: Applicable,
  distributions: readonly LockedDistribution[],
): Promise<ReadonlyMap<string, DistributionNeeds> | NotLocked> {
  const credentials = indexCredentials(input.options);
  const read = await inParallel(distributions, REQUESTS_AT_ONCE, async ({ name, version, wheel }) => {
    const metadata = wheel && (await remoteMetadata(host, wheel, credentials));
    return metadata ? ([name, { ...metadata, version }] as const) : undefined;
  });
  const known = read.filter((one) => one !== undefined);
  if (known.length < distributions.length)
    return { reason: 'the index does not give the metadata of every wheel' };
  return new Map(known);
}
