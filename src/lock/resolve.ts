import { EXIT, LayerwrightError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { LockedDistribution } from '../python/lock.ts';
import { satisfies } from '../python/specifiers.ts';
import { parseVersion, sameVersion } from '../python/versions.ts';
import { type Applicable, applicable, changesOf } from './applicable.ts';
import { chooseWheel } from './choose-wheel.ts';
import { lockFromPins } from './closed-pins.ts';
import { indexProblem } from './index-check.ts';
import { packageIndexes } from './index-url.ts';
import type { LockInput, NotLocked, PreviousLock, ResolvedLock } from './lock-input.ts';
import type { PylockPackage } from './pylock.ts';
import { projectFiles } from './simple-index.ts';
import { compileWithUv } from './uv.ts';

/**
 * Finds out what pip would install in an image for this input, without running anything of it.
 *
 * @param previous an earlier lock of the step: where only pins changed, it is enough to look at those
 * @returns the lock, or a reason to let BuildKit's pip do it
 * @throws LayerwrightError `LOCK_UNSATISFIABLE` (1), `INDEX_UNREACHABLE` (75), `INDEX_DENIED` (2), `INDEX_INVALID` (75)
 */
export async function resolveLock(
  host: Host,
  input: LockInput,
  previous?: PreviousLock,
): Promise<ResolvedLock | NotLocked> {
  const applying = applicable(input);
  if ('reason' in applying) return applying;
  if (applying.input.requirements.length === 0)
    return { lock: { distributions: [] }, changes: [], by: 'resolver', warnings: [] };
  const pinned = previous && (await lockFromPins(host, applying, previous));
  if (pinned) return finished(pinned, input, 'pins', []);
  return await resolveAll(host, applying);
}

async function resolveAll(host: Host, applying: Applicable): Promise<ResolvedLock | NotLocked> {
  const { input } = applying;
  const preferred = keptVersions(applying);
  const resolution = await compileWithUv(host, input, { preferred, constraints: [] });
  if ('reason' in resolution) return resolution;
  if ('unsatisfiable' in resolution) return await unsatisfiable(host, input, resolution.unsatisfiable);
  const { parsePylock } = await import('./pylock.ts');
  const packages = parsePylock(resolution.pylock);
  if ('reason' in packages) return packages;
  const distributions = chosen(packages, applying);
  if ('reason' in distributions) return distributions;
  const problem =
    (await keepProblem(host, applying, distributions, preferred)) ??
    (await indexProblem(host, applying, distributions));
  return problem ?? finished(distributions, input, 'resolver', resolution.warnings);
}

function finished(
  distributions: readonly LockedDistribution[],
  { facts, exact }: LockInput,
  by: ResolvedLock['by'],
  warnings: readonly string[],
): ResolvedLock {
  const sorted = distributions.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return {
    lock: { distributions: sorted },
    changes: changesOf(sorted, facts.installed, exact),
    by,
    warnings,
  };
}

function chosen(
  packages: readonly PylockPackage[],
  applying: Applicable,
): readonly LockedDistribution[] | NotLocked {
  const distributions: LockedDistribution[] = [];
  for (const { name, version, wheels } of packages) {
    const choice = chooseWheel(name, wheels, applying);
    if ('reason' in choice) return choice;
    distributions.push({ name, version, wheel: choice.wheel, requested: applying.named.has(name) });
  }
  return distributions;
}

/** The versions that pip keeps if nothing speaks against them: those that are installed, unless it is told to upgrade. */
function keptVersions({ input, named }: Applicable): ReadonlyMap<string, string> {
  const { upgrade, upgradeStrategy } = input.options;
  if (upgrade && upgradeStrategy === 'eager') return new Map();
  return new Map(
    input.facts.installed
      .filter(({ name }) => !(upgrade && named.has(name)))
      .map(({ name, version }) => [name, version]),
  );
}

/**
 * pip keeps what is installed and good enough. Where the resolver took another version, it must be proved that the
 * installed one is not: an index that does not have it any more is no such proof.
 */
async function keepProblem(
  host: Host,
  { input }: Applicable,
  distributions: readonly LockedDistribution[],
  preferred: ReadonlyMap<string, string>,
): Promise<NotLocked | undefined> {
  for (const { name, version } of distributions) {
    const installed = preferred.get(name);
    if (installed === undefined || sameVersion(installed, version) || isExcluded(input, name, installed))
      continue;
    const constraints = [`${name}==${installed}`];
    const asked = await compileWithUv(host, input, { preferred: new Map(), constraints });
    const excluded = 'unsatisfiable' in asked && isSure(asked.unsatisfiable, [name]);
    if (!excluded) return { reason: `whether pip keeps the image's ${name} ${installed} is not certain` };
  }
  return undefined;
}

/** True if the step itself asks for another version. */
function isExcluded({ requirements, constraints }: LockInput, name: string, installed: string): boolean {
  const version = parseVersion(installed);
  const specifiers = [...requirements, ...constraints]
    .filter((one) => one.name === name)
    .flatMap((one) => one.specifiers);
  return version !== undefined && !satisfies(version, specifiers);
}

/** Words of uv that name something that pip may see otherwise: it builds, takes prereleases, has other indexes at hand. */
const UNSURE =
  /usable wheels|wheels? (?:are|with)|building from source|pre-?release|yanked|platform|Python ABI|could not be queried|offline/i;

function isSure(words: string, kept: readonly string[] = []): boolean {
  const gone = kept.some((name) => new RegExp(`no version of ${name}\\b|${name} was not found`).test(words));
  return !gone && !UNSURE.test(words);
}

async function unsatisfiable(host: Host, { options }: LockInput, words: string): Promise<NotLocked> {
  // uv says so of an index too that refuses its login.
  for (const [, name = ''] of words.matchAll(/([a-z0-9][a-z0-9._-]*) was not found in the package registry/g))
    for (const index of packageIndexes(options))
      if ((await projectFiles(host, index, name)) !== undefined)
        return { reason: `uv does not find ${name}, though an index has it` };
  if (!isSure(words))
    return { reason: `no set of wheels fulfils the requirements:\n${words}`, inImage: true };
  throw new LayerwrightError('no set of versions fulfils the requirements', {
    code: 'LOCK_UNSATISFIABLE',
    exit: EXIT.failed,
    detail: words,
    hint: 'Loosen one of the conditions that contradict each other.',
  });
}
