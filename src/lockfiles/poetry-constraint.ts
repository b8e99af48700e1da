import { parseSpecifiers, type Specifier, satisfies } from '../python/specifiers.ts';
import { parseVersion, type Version } from '../python/versions.ts';

/** What poetry's constraint allows: one of several lists of conditions. */
export type PoetryConstraint = readonly (readonly Specifier[])[];

/**
 * Parses a constraint as poetry has it: `^1.2`, `~1.2`, `1.*`, `1.2` for exactly that, `>=1,<2 || >=3`, `*`.
 *
 * @returns undefined if it is not understood
 */
export function parsePoetryConstraint(text: string): PoetryConstraint | undefined {
  const alternatives = text.split(/\s*\|\|?\s*/).map(parseAll);
  return alternatives.every((one) => one !== undefined) ? alternatives : undefined;
}

/** True if a version is allowed. */
export function constraintAllows(constraint: PoetryConstraint, version: Version): boolean {
  return constraint.some((specifiers) => satisfies(version, specifiers));
}

/**
 * True if a Python is allowed; conditions with one or two numbers look at the minor version, as markers do.
 *
 * @param full `3.11.2`
 */
export function constraintAllowsPython(constraint: PoetryConstraint, full: string): boolean | undefined {
  const exact = parseVersion(full);
  const minor = parseVersion(full.split('.').slice(0, 2).join('.'));
  if (exact === undefined || minor === undefined) return undefined;
  return constraint.some((specifiers) =>
    specifiers.every((one) => satisfies(one.version.release.length > 2 ? exact : minor, [one])),
  );
}

function parseAll(text: string): readonly Specifier[] | undefined {
  // Conditions stand side by side with commas or with space between them.
  const parts = text
    .trim()
    .replaceAll(/([<>=!~^]+)\s+/g, '$1')
    .split(/\s*,\s*|\s+/)
    .filter((one) => one !== '');
  const found = parts.map(parseOne);
  return parts.length > 0 && found.every((one) => one !== undefined) ? found.flat() : undefined;
}

function parseOne(text: string): readonly Specifier[] | undefined {
  if (text === '*') return [];
  const [, sign = '', rest = ''] = /^(\^|~(?!=)|)(.*)$/.exec(text) ?? [];
  if (sign === '' && /^[<>=!~]/.test(rest)) return parseSpecifiers(rest.replace(/^=(?!=)/, '=='));
  if (sign === '') return parseSpecifiers(`==${rest}`);
  const version = parseVersion(rest);
  if (version === undefined) return undefined;
  const above = sign === '^' ? nextBreaking(version.release) : nextMinor(version.release);
  return parseSpecifiers(`>=${rest},<${above.join('.')}`);
}

/** `^`: the first number that is not zero may not change. */
function nextBreaking(release: readonly bigint[]): readonly bigint[] {
  const first = release.findIndex((one) => one !== 0n);
  const at = first === -1 ? release.length - 1 : first;
  return [...release.slice(0, at), (release[at] as bigint) + 1n];
}

/** `~`: the minor version may not change, or the major one where it stands alone. */
function nextMinor([major = 0n, minor]: readonly bigint[]): readonly bigint[] {
  return minor === undefined ? [major + 1n] : [major, minor + 1n];
}
