import type { InstalledDistribution } from '../python/facts.ts';
import type { LockedDistribution } from '../python/lock.ts';
import { evaluateMarker, type MarkerEnvironment, markerEnvironment } from '../python/markers.ts';
import type { FileRequirement } from '../python/requirements/requirement-file.ts';
import { sameVersion } from '../python/versions.ts';
import { compatibleTags } from '../python/wheel-tags.ts';
import type { LockedChange, LockInput, NotLocked } from './lock-input.ts';

/** The input as it applies to the image: what is not for it is left out. */
export interface Applicable {
  /** Without markers. */
  readonly input: LockInput;
  readonly environment: MarkerEnvironment;
  /** Tags of wheels that fit, best first. */
  readonly tags: readonly string[];
  /** Names that the step names itself. */
  readonly named: ReadonlySet<string>;
  /** By name the permitted `sha256:...`; undefined unless hashes are demanded. */
  readonly hashes: ReadonlyMap<string, ReadonlySet<string>> | undefined;
}

/** The oldest pip whose resolver and options these rules are about. */
const OLDEST_PIP = 22;

/** What of an input applies to its image; a reason where pip's behaviour is not known before the build. */
export function applicable(input: LockInput): Applicable | NotLocked {
  const { facts, options } = input;
  const old = input.tool === 'uv' ? undefined : oldPip(input);
  if (old !== undefined) return old;
  const environment = markerEnvironment(facts);
  const tags = compatibleTags(facts);
  if (environment === undefined || tags === undefined)
    return { reason: `Python ${facts.version} on ${facts.architecture} is not a known platform` };
  const requirements = applying(input.requirements, environment);
  const constraints = applying(input.constraints, environment);
  if ('reason' in requirements) return requirements;
  if ('reason' in constraints) return constraints;
  const hashes = permittedHashes(requirements, constraints, options.requireHashes);
  if (hashes && 'reason' in hashes) return hashes;
  return {
    input: { ...input, requirements, constraints },
    ...{ environment, tags, named: new Set(requirements.map(({ name }) => name)), hashes },
  };
}

function oldPip({ facts, options }: LockInput): NotLocked | undefined {
  const pip = Number.parseInt(facts.pip ?? '', 10);
  if (Number.isNaN(pip)) return { reason: 'there is no pip in the environment' };
  if (pip < OLDEST_PIP) return { reason: `pip ${facts.pip} is older than ${OLDEST_PIP}` };
  if (facts.externallyManaged && !options.breakSystemPackages)
    return { reason: 'the environment is externally managed (PEP 668), so pip refuses to install into it' };
  return undefined;
}

function applying(
  requirements: readonly FileRequirement[],
  environment: MarkerEnvironment,
): readonly FileRequirement[] | NotLocked {
  const kept: FileRequirement[] = [];
  for (const requirement of requirements) {
    const applies = requirement.marker ? evaluateMarker(requirement.marker, environment, '') : true;
    if (applies === undefined)
      return { reason: `${requirement.from}: "${requirement.markerText}" is not known before the build` };
    if (applies) kept.push({ ...requirement, marker: undefined, markerText: '' });
  }
  return kept;
}

/** One hash anywhere makes pip demand hashes of everything. */
function permittedHashes(
  requirements: readonly FileRequirement[],
  constraints: readonly FileRequirement[],
  demanded: boolean,
): Map<string, ReadonlySet<string>> | NotLocked | undefined {
  if (constraints.some(({ hashes }) => hashes.length > 0)) return { reason: 'constraints with hashes' };
  if (!demanded && requirements.every(({ hashes }) => hashes.length === 0)) return undefined;
  const permitted = new Map<string, ReadonlySet<string>>();
  for (const { name, hashes } of requirements) {
    if (hashes.length === 0) continue;
    if (!hashes.some((hash) => hash.startsWith('sha256:')))
      return { reason: `${name} has hashes of another kind than SHA-256` };
    const before = permitted.get(name);
    permitted.set(name, before ? new Set(hashes.filter((hash) => before.has(hash))) : new Set(hashes));
  }
  return permitted;
}

/** What installing a lock changes. */
export function changesOf(
  distributions: readonly LockedDistribution[],
  installed: readonly InstalledDistribution[],
  exact = false,
): readonly LockedChange[] {
  const wanted = new Set(distributions.map(({ name }) => name));
  const removed = exact ? installed.filter(({ name }) => !wanted.has(name)) : [];
  const changes = distributions.map(({ name, version }): LockedChange => {
    const before = installed.find((one) => one.name === name);
    if (before === undefined) return { name, action: 'install', installed: undefined };
    return { name, action: sameVersion(before.version, version) ? 'keep' : 'replace', installed: before };
  });
  return [
    ...changes,
    ...removed.map((one): LockedChange => ({ name: one.name, action: 'remove', installed: one })),
  ];
}
