import type { PythonFacts } from './facts.ts';
import { MACHINES } from './markers.ts';
import { isName, normaliseName } from './names.ts';
import { parseVersion } from './versions.ts';

/** What the name of a wheel says (https://packaging.python.org/en/latest/specifications/binary-distribution-format/). */
export interface WheelName {
  /** Normalised. */
  readonly name: string;
  /** As written, `_` as `-`. */
  readonly version: string;
  /** Number and rest; undefined if there is none, which comes before all. */
  readonly build: { readonly number: bigint; readonly rest: string } | undefined;
  /** `cp311-cp311-manylinux_2_17_x86_64` of all combinations. */
  readonly tags: readonly string[];
}

/** Parses a wheel's file name; undefined if it is none. */
export function parseWheelName(filename: string): WheelName | undefined {
  const [, name = '', version = '', build, interpreters = '', abis = '', platforms = ''] =
    /^([^\s-]+)-([^\s-]+)(?:-(\d[^\s-]*))?-([^\s-]+)-([^\s-]+)-([^\s-]+)\.whl$/.exec(filename) ?? [];
  if (!isName(name) || parseVersion(version.replaceAll('_', '-')) === undefined) return undefined;
  const [, number = '', rest = ''] = /^(\d+)(.*)$/.exec(build ?? '') ?? [];
  return {
    name: normaliseName(name),
    version: version.replaceAll('_', '-'),
    build: build === undefined ? undefined : { number: BigInt(number), rest },
    tags: interpreters
      .split('.')
      .flatMap((interpreter) =>
        abis
          .split('.')
          .flatMap((abi) =>
            platforms.split('.').map((platform) => `${interpreter}-${abi}-${platform}`.toLowerCase()),
          ),
      ),
  };
}

/**
 * The tags of wheels that fit a CPython, best first: pip's own order.
 *
 * @returns undefined for a Python that is not known: a free-threaded or debug build, another processor
 */
export function compatibleTags(
  facts: Pick<PythonFacts, 'version' | 'libc' | 'architecture' | 'executable' | 'cacheTag'>,
): readonly string[] | undefined {
  const machine = MACHINES[facts.architecture];
  const [, major, minor] = /^(3)\.(\d+)(?:\.|$)/.exec(facts.version) ?? [];
  if (machine === undefined || major === undefined || minor === undefined) return undefined;
  if (facts.cacheTag !== `cpython-3${minor}` || /\d[td]+$/.test(facts.executable)) return undefined;
  const platforms = platformTags(facts.libc, machine);
  if (platforms === undefined) return undefined;
  const on = (tag: string) => platforms.map((platform) => `${tag}-${platform}`);
  const lower = Array.from({ length: Number(minor) }, (_one, index) => Number(minor) - 1 - index);
  const generic = [`py3${minor}`, 'py3', ...lower.map((one) => `py3${one}`)];
  return [
    ...on(`cp3${minor}-cp3${minor}`),
    ...on(`cp3${minor}-abi3`),
    ...on(`cp3${minor}-none`),
    ...lower.filter((one) => one >= 2).flatMap((one) => on(`cp3${one}-abi3`)),
    ...generic.flatMap((one) => on(`${one}-none`)),
    `cp3${minor}-none-any`,
    ...generic.map((one) => `${one}-none-any`),
  ];
}

/** Older names of some manylinux versions. */
const LEGACY: Readonly<Record<number, string>> = {
  17: 'manylinux2014',
  12: 'manylinux2010',
  5: 'manylinux1',
};

function platformTags(libc: PythonFacts['libc'], machine: string): readonly string[] | undefined {
  const [, major, minorText] = /^(\d+)\.(\d+)/.exec(libc.version) ?? [];
  const minor = Number(minorText);
  const linux = `linux_${machine}`;
  if (libc.kind === 'musl') {
    if (major !== '1') return undefined;
    return [...descending(minor, 0).map((one) => `musllinux_1_${one}_${machine}`), linux];
  }
  if (major !== '2') return undefined;
  // On x86 there were wheels before manylinux 2014.
  const oldest = machine === 'x86_64' ? 5 : 17;
  return [
    ...descending(minor, oldest).flatMap((one) => [
      `manylinux_2_${one}_${machine}`,
      ...(LEGACY[one] ? [`${LEGACY[one]}_${machine}`] : []),
    ]),
    linux,
  ];
}

function descending(from: number, to: number): readonly number[] {
  return Array.from({ length: Math.max(0, from - to + 1) }, (_one, index) => from - index);
}

/**
 * The wheel that pip takes of several of one version: by tag, then by build.
 *
 * @returns undefined if none fits, `ambiguous` if pip's choice depends on the order in which an index lists them
 */
export function bestWheel<T extends { readonly filename: string }>(
  wheels: readonly T[],
  tags: readonly string[],
): T | 'ambiguous' | undefined {
  const ranks = new Map(tags.map((tag, index) => [tag, index]));
  const fitting = wheels.flatMap((wheel) => {
    const name = parseWheelName(wheel.filename);
    const rank = Math.min(...(name?.tags ?? []).map((tag) => ranks.get(tag) ?? Number.POSITIVE_INFINITY));
    return name && Number.isFinite(rank) ? [{ wheel, rank, build: name.build }] : [];
  });
  fitting.sort((a, b) => a.rank - b.rank || -compareBuilds(a.build, b.build));
  const [first, second] = fitting;
  if (first && second && first.rank === second.rank && compareBuilds(first.build, second.build) === 0)
    return 'ambiguous';
  return first?.wheel;
}

function compareBuilds(a: WheelName['build'], b: WheelName['build']): number {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? -1 : 1;
  if (a.number !== b.number) return a.number < b.number ? -1 : 1;
  return a.rest < b.rest ? -1 : a.rest > b.rest ? 1 : 0;
}
