import {
  type Built,
  compareBytecode,
  compareLauncher,
  compareLibrary,
  compareRecord,
  compareUvCache,
  isUsedAlike,
  type Verdict,
} from './compare-content.ts';
import type { Difference, DifferenceKind, Excuse, TreeComparison } from './difference.ts';
import { builtPaths, type CompareRules, homeCaches, isLeftByPip, isSolveNoise, isUvLock } from './excuses.ts';
import type { Tree, TreeEntry } from './tree.ts';

/**
 * Compares two file systems path by path: type, mode, owner, group, link target, device, extended attributes and content.
 * Pure. What is excused is in `EXCUSES`, each narrow, and each counted.
 *
 * @param image the image that is looked at
 * @param plain what it should be
 */
export function compareTrees(image: Tree, plain: Tree, rules: CompareRules): TreeComparison {
  const caches = homeCaches([image, plain], rules.homes);
  const sides: Sides = { image, plain, rules, caches, built: builtInBoth(image, plain) };
  const paths = new Set([...image.entries.keys(), ...plain.entries.keys()]);
  const differences: Difference[] = [];
  const excused: Partial<Record<Excuse, number>> = {};
  for (const path of [...paths].sort())
    for (const finding of findingsAt(path, sides)) {
      if (typeof finding === 'string') excused[finding] = (excused[finding] ?? 0) + 1;
      else differences.push(finding);
    }
  return { paths: paths.size, differences, excused };
}

interface Sides {
  readonly image: Tree;
  readonly plain: Tree;
  readonly rules: CompareRules;
  /** The `.cache` directories of homes. */
  readonly caches: readonly string[];
  readonly built: Built;
}

/** Found out when it is asked for the first time: RECORDs are many. */
function builtInBoth(image: Tree, plain: Tree): Built {
  let sets: readonly ReadonlySet<string>[] | undefined;
  return (path) => {
    sets ??= [builtPaths(image), builtPaths(plain)];
    return sets.every((one) => one.has(path));
  };
}

/** What is found at a path: differences, and names of exceptions that were made. */
function* findingsAt(path: string, sides: Sides): Generator<Difference | Excuse> {
  const { image, plain, caches } = sides;
  const [here, there] = [image.entries.get(path), plain.entries.get(path)];
  const isCached = caches.some((cache) => path === cache || path.startsWith(`${cache}/`));
  if (here === undefined || there === undefined)
    yield isCached ? 'home-cache' : oneSided((here ?? there) as TreeEntry, sides);
  else if (isCached) {
    if (!isSame(here, there)) yield 'home-cache';
  } else if (here.type !== there.type) yield difference(here, 'type', here.type, there.type);
  else yield* alterations(here, there, sides);
}

function oneSided(entry: TreeEntry, { image, plain, rules }: Sides): Difference | Excuse {
  const isOurs = image.entries.has(entry.path);
  if (rules.solveNoise && isSolveNoise(entry.path)) return 'solve-noise';
  if (isUvLock(entry)) return 'uv-lock';
  if (isLeftByPip(entry, isOurs ? image : plain, isOurs ? plain : image)) return 'bytecode-of-pip-run';
  return isOurs
    ? difference(entry, 'added', describe(entry), null)
    : difference(entry, 'missing', null, describe(entry));
}

/** What is compared as it stands; a symbolic link's mode means nothing and differs between programs. */
const ASPECTS: readonly (readonly [DifferenceKind, (entry: TreeEntry) => string])[] = [
  ['mode', ({ type, mode }) => (type === 'symlink' ? '' : mode.toString(8).padStart(4, '0'))],
  ['owner', ({ uid }) => String(uid)],
  ['group', ({ gid }) => String(gid)],
  ['link', ({ link }) => link],
  ['device', ({ device }) => device],
  ['xattr', xattrText],
];

function xattrText({ xattrs }: TreeEntry): string {
  return Object.entries(xattrs)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=0x${Buffer.from(value, 'latin1').toString('hex')}`)
    .join(' ');
}

function* alterations(here: TreeEntry, there: TreeEntry, sides: Sides): Generator<Difference | Excuse> {
  if (here.mtime !== there.mtime) yield 'mtime';
  for (const [kind, of] of ASPECTS)
    if (of(here) !== of(there)) yield difference(here, kind, of(here), of(there));
  if (here.sha256 === there.sha256 && isUsedAlike(here, there, sides.image, sides.plain)) return;
  if (sides.rules.solveNoise && isSolveNoise(here.path)) {
    yield 'solve-noise';
    return;
  }
  const verdict = contentVerdict(here, there, sides);
  yield verdict.excuse ?? difference(here, verdict.kind, verdict.image, verdict.plain);
}

function isSame(here: TreeEntry, there: TreeEntry): boolean {
  return (
    here.type === there.type &&
    here.sha256 === there.sha256 &&
    ASPECTS.every(([, of]) => of(here) === of(there))
  );
}

function contentVerdict(here: TreeEntry, there: TreeEntry, { image, plain, built }: Sides): Verdict {
  return (
    compareBytecode(here, there, image, plain) ??
    compareLauncher(here, there) ??
    compareUvCache(here, there) ??
    compareLibrary(here, there, built) ??
    compareRecord(here, there, image, plain, built) ?? {
      excuse: undefined,
      kind: 'content',
      image: describe(here),
      plain: describe(there),
    }
  );
}

/** `entry` is the image's, where it has one. */
function difference(
  entry: TreeEntry,
  kind: DifferenceKind,
  image: string | null,
  plain: string | null,
): Difference {
  return { path: `/${entry.path}`, kind, image, plain, layer: image === null ? null : entry.layer };
}

/** An entry in a few words. */
function describe({ type, size, sha256, link, device }: TreeEntry): string {
  if (type === 'file') return `file of ${size.toLocaleString('en-US')} B, sha256:${sha256.slice(0, 12)}`;
  if (type === 'symlink') return `link to ${link}`;
  return device === '' ? type : `${type} device ${device}`;
}
