import { createHash } from 'node:crypto';
import type { FileRequirement } from '../python/requirements/requirement-file.ts';
import { formatRequirement } from '../python/requirements/requirement-line.ts';
import { packageIndexes } from './index-url.ts';
import type { LockInput } from './lock-input.ts';

/** Raised when the same input may lead to another lock. */
const FORMAT = 1;

/**
 * Names an input: the same for inputs that lead to the same lock at one time, in whatever order requirements are
 * written; without logins.
 *
 * @returns 64 hex digits
 */
export function lockKey(input: LockInput): string {
  return digest([
    'lock',
    lockScope(input),
    input.requirements.map(requirementText).sort(),
    input.constraints.map(requirementText).sort(),
    input.options.noDeps,
    input.options.upgrade,
    input.options.upgradeStrategy,
    ...(input.tool === 'uv' ? ['uv', input.exact ?? false] : []),
  ]);
}

/**
 * Names what decides about each distribution by itself: the Python, the platform, the indexes and what is taken of them.
 * Locks of one scope have the same wheel for the same version.
 *
 * @returns 64 hex digits
 */
export function lockScope({ facts, options }: LockInput): string {
  const { requireHashes, pre, preferBinary, onlyBinary, breakSystemPackages } = options;
  return digest([
    'scope',
    [facts.version, facts.cacheTag, facts.libc.kind, facts.libc.version, facts.architecture],
    [facts.pip ?? '', facts.externallyManaged, breakSystemPackages],
    packageIndexes(options).map(({ url }) => url),
    [...new Set(options.trustedHosts)].sort(),
    [requireHashes, pre, preferBinary, [...onlyBinary].sort()],
    facts.installed.map(({ name, version }) => `${name}==${version}`).sort(),
  ]);
}

function requirementText(requirement: FileRequirement): string {
  return JSON.stringify([formatRequirement(requirement), requirement.hashes]);
}

/** JSON keeps parts apart whatever they hold. */
function digest(parts: readonly unknown[]): string {
  return createHash('sha256')
    .update(JSON.stringify([FORMAT, ...parts]))
    .digest('hex');
}
