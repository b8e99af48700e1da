/**
 * Versions after PEP 440, compared exactly: numbers of any length, local versions with letters.
 *
 * Packages for this differ from pip's `packaging` in rare versions; a test compares these functions with it.
 */
export interface Version {
  readonly epoch: bigint;
  readonly release: readonly bigint[];
  readonly pre: { readonly letter: 'a' | 'b' | 'rc'; readonly number: bigint } | undefined;
  readonly post: bigint | undefined;
  readonly dev: bigint | undefined;
  readonly local: readonly (bigint | string)[] | undefined;
}

const VERSION =
  /^v?(?:(?<epoch>[0-9]+)!)?(?<release>[0-9]+(?:\.[0-9]+)*)(?:[-_.]?(?<preLetter>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?<preNumber>[0-9]+)?)?(?<post>-(?<postOnly>[0-9]+)|[-_.]?(?:post|rev|r)[-_.]?(?<postNumber>[0-9]+)?)?(?<dev>[-_.]?dev[-_.]?(?<devNumber>[0-9]+)?)?(?:\+(?<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?$/i;

/** Parses a version, surrounding space allowed; undefined if it is none. */
export function parseVersion(text: string): Version | undefined {
  const groups = VERSION.exec(text.trim())?.groups;
  if (groups === undefined) return undefined;
  return {
    epoch: BigInt(groups.epoch ?? 0),
    release: (groups.release as string).split('.').map(BigInt),
    pre: groups.preLetter
      ? { letter: preLetter(groups.preLetter), number: BigInt(groups.preNumber ?? 0) }
      : undefined,
    post: groups.post === undefined ? undefined : BigInt(groups.postOnly ?? groups.postNumber ?? 0),
    dev: groups.dev === undefined ? undefined : BigInt(groups.devNumber ?? 0),
    local: groups.local
      ?.toLowerCase()
      .split(/[-_.]/)
      .map((part) => (/^[0-9]+$/.test(part) ? BigInt(part) : part)),
  };
}

function preLetter(written: string): 'a' | 'b' | 'rc' {
  const letter = written.toLowerCase();
  return letter.startsWith('a') ? 'a' : letter.startsWith('b') ? 'b' : 'rc';
}

/** The normal form, as wheels' file names and dist-info directories have it: `1.0rc1.post2+cu118`. */
export function formatVersion(version: Version): string {
  const { epoch, release, pre, post, dev, local } = version;
  return [
    epoch === 0n ? '' : `${epoch}!`,
    release.join('.'),
    pre ? `${pre.letter}${pre.number}` : '',
    post === undefined ? '' : `.post${post}`,
    dev === undefined ? '' : `.dev${dev}`,
    local ? `+${local.join('.')}` : '',
  ].join('');
}

/** True for alphas, betas, release candidates and development releases. */
export function isPrerelease(version: Version): boolean {
  return version.pre !== undefined || version.dev !== undefined;
}

/** Negative if `a` is the older one, 0 if they are the same version, else positive. */
export function compareVersions(a: Version, b: Version): number {
  return (
    compareNumbers(a.epoch, b.epoch) ||
    compareReleases(a.release, b.release) ||
    compareNumbers(preRank(a), preRank(b)) ||
    compareNumbers(a.pre?.number ?? 0n, b.pre?.number ?? 0n) ||
    compareNumbers(a.post ?? -1n, b.post ?? -1n) ||
    compareDev(a.dev, b.dev) ||
    compareLocals(a.local, b.local)
  );
}

/** True if both texts are the same version; texts that are no versions are compared as they are. */
export function sameVersion(a: string, b: string): boolean {
  const [one, other] = [parseVersion(a), parseVersion(b)];
  return one && other ? compareVersions(one, other) === 0 : a.toLowerCase() === b.toLowerCase();
}

function compareNumbers(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareReleases(a: readonly bigint[], b: readonly bigint[]): number {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const order = compareNumbers(a[index] ?? 0n, b[index] ?? 0n);
    if (order !== 0) return order;
  }
  return 0;
}

/** A development release of the version itself comes before its alphas, the version after its candidates. */
function preRank({ pre, post, dev }: Version): bigint {
  if (pre !== undefined) return { a: 1n, b: 2n, rc: 3n }[pre.letter];
  return dev !== undefined && post === undefined ? 0n : 4n;
}

function compareDev(a: bigint | undefined, b: bigint | undefined): number {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? 1 : -1;
  return compareNumbers(a, b);
}

function compareLocals(a: Version['local'], b: Version['local']): number {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? -1 : 1;
  for (const [index, part] of a.entries()) {
    const other = b[index];
    if (other === undefined) return 1;
    const order = compareLocalParts(part, other);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareLocalParts(a: bigint | string, b: bigint | string): number {
  if (typeof a === 'bigint' && typeof b === 'bigint') return compareNumbers(a, b);
  if (typeof a === 'bigint') return 1;
  if (typeof b === 'bigint') return -1;
  return a < b ? -1 : a > b ? 1 : 0;
}
