import { compareVersions, formatVersion, isPrerelease, parseVersion, type Version } from './versions.ts';

/** One condition on a version, as `>=1.2` or `==1.*`. */
export interface Specifier {
  readonly operator: '==' | '!=' | '<=' | '>=' | '<' | '>' | '~=';
  readonly version: Version;
  /** True for `==1.*` and `!=1.*`. */
  readonly prefix: boolean;
}

/**
 * Parses conditions that are separated by commas, after PEP 440.
 *
 * @returns undefined if one is not understood, or is one that versions of pip understand differently: `===`, and what only
 * old ones accept (`>=2.*`, versions that are no versions)
 */
export function parseSpecifiers(text: string): readonly Specifier[] | undefined {
  const specifiers = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(parseSpecifier);
  return specifiers.every((one) => one !== undefined) ? specifiers : undefined;
}

function parseSpecifier(text: string): Specifier | undefined {
  const [, operator, rest = ''] = /^(~=|==|!=|<=|>=|<|>)\s*([^=\s]\S*)$/.exec(text) ?? [];
  if (operator === undefined) return undefined;
  const prefix = rest.endsWith('.*');
  const version = parseVersion(prefix ? rest.slice(0, -2) : rest);
  if (version === undefined) return undefined;
  const { release, pre, post, dev, local } = version;
  const equality = operator === '==' || operator === '!=';
  if (local !== undefined && !equality) return undefined;
  if (prefix && (!equality || [pre, post, dev, local].some((part) => part !== undefined))) return undefined;
  // In other spellings pip's `~=` counts other parts than the release's.
  if (operator === '~=' && (release.length < 2 || formatVersion(version) !== rest)) return undefined;
  return { operator: operator as Specifier['operator'], version, prefix };
}

/** Whether a version fulfils all conditions; prereleases are versions like others here. */
export function satisfies(version: Version, specifiers: readonly Specifier[]): boolean {
  return specifiers.every((specifier) => fulfils(version, specifier));
}

/** True if a condition names a prerelease, which makes pip take prereleases into account. */
export function allowsPrereleases(specifiers: readonly Specifier[]): boolean {
  return specifiers.some(
    ({ operator, version }) => !['!=', '<', '>'].includes(operator) && isPrerelease(version),
  );
}

/** The only version that the conditions allow, if one of them is `==` without a `*`. */
export function pinnedVersion(specifiers: readonly Specifier[]): Version | undefined {
  return specifiers.find(({ operator, prefix }) => operator === '==' && !prefix)?.version;
}

function fulfils(version: Version, { operator, version: bound, prefix }: Specifier): boolean {
  const without = { ...version, local: undefined };
  switch (operator) {
    case '==':
      return prefix ? hasPrefix(version, bound, bound.release.length) : equals(version, bound);
    case '!=':
      return !(prefix ? hasPrefix(version, bound, bound.release.length) : equals(version, bound));
    case '<=':
      return compareVersions(without, bound) <= 0;
    case '>=':
      return compareVersions(without, bound) >= 0;
    case '~=':
      return compareVersions(without, bound) >= 0 && hasPrefix(version, bound, bound.release.length - 1);
    case '<':
      if (compareVersions(version, bound) >= 0) return false;
      return isPrerelease(bound) || !isPrerelease(version) || !sameBase(version, bound);
    case '>':
      if (compareVersions(version, bound) <= 0) return false;
      if (version.local !== undefined && sameBase(version, bound)) return false;
      return bound.post !== undefined || version.post === undefined || !sameBase(version, bound);
  }
}

/** A condition without a local version does not look at the candidate's. */
function equals(version: Version, bound: Version): boolean {
  return compareVersions(bound.local === undefined ? { ...version, local: undefined } : version, bound) === 0;
}

function hasPrefix(version: Version, bound: Version, length: number): boolean {
  return (
    version.epoch === bound.epoch &&
    bound.release.slice(0, length).every((part, index) => part === (version.release[index] ?? 0n))
  );
}

function sameBase(a: Version, b: Version): boolean {
  const base = ({ epoch, release }: Version): Version => ({
    ...{ epoch, release },
    ...{ pre: undefined, post: undefined, dev: undefined, local: undefined },
  });
  return compareVersions(base(a), base(b)) === 0;
}
