import { posix } from 'node:path';
import type { Difference } from './difference.ts';
import type { Tree, TreeEntry } from './tree.ts';

/** A file that has to be in an image. */
export interface ExpectedFile {
  /** Without a leading slash. */
  readonly path: string;
  /** 64 hex digits; undefined if its content is written anew for each image. */
  readonly sha256: string | undefined;
}

/** What a distribution has to have left in an image. */
export interface ExpectedDistribution {
  readonly name: string;
  readonly version: string;
  /** True if its wheel is for one platform: then all its programs are that one's. */
  readonly isNative: boolean;
  /** Absolute path of the Python that it is for. */
  readonly executable: string;
  readonly files: readonly ExpectedFile[];
}

/** What was found. */
export interface FilesCheck {
  readonly distributions: number;
  /** Files of wheels that were looked for. */
  readonly files: number;
  /** Of these: programs and libraries in ELF's form, of wheels that are for one platform. */
  readonly programs: number;
  readonly differences: readonly Difference[];
}

/** `e_machine` of ELF files by OCI's names of processors (https://gabi.xinuos.com/elf/a-emachine.html). */
const MACHINES: Readonly<Record<string, readonly [number, string]>> = {
  '386': [3, 'i386'],
  arm: [40, 'ARM'],
  ppc64le: [21, 'PowerPC64'],
  s390x: [22, 'S/390'],
  amd64: [62, 'x86-64'],
  arm64: [183, 'AArch64'],
  riscv64: [243, 'RISC-V'],
};

/** True if programs of this processor can be told by their files. */
export function knowsMachine(architecture: string): boolean {
  return MACHINES[architecture] !== undefined;
}

/**
 * Looks for the files of wheels in an image, each with its content, and whether programs and interpreters are for its processor.
 * Pure.
 *
 * @param architecture OCI's name, one that {@link knowsMachine} knows
 */
export function checkFiles(
  tree: Tree,
  expected: readonly ExpectedDistribution[],
  architecture: string,
): FilesCheck {
  const [machine] = MACHINES[architecture] as readonly [number, string];
  const differences = expected.flatMap(({ files, isNative }) =>
    files.flatMap((file) => fileDifferences(tree, file, isNative ? machine : undefined)),
  );
  const executables = [...new Set(expected.map(({ executable }) => executable))];
  const all = expected.flatMap(({ files, isNative }) => files.map(({ path }) => ({ path, isNative })));
  return {
    distributions: expected.length,
    files: all.length,
    programs: all.filter(({ path, isNative }) => isNative && tree.entries.get(path)?.machine).length,
    differences: [
      ...differences,
      ...executables.flatMap((path) => interpreterDifferences(tree, path, machine)),
    ].sort((a, b) => (a.path < b.path ? -1 : 1)),
  };
}

function fileDifferences(
  tree: Tree,
  { path, sha256 }: ExpectedFile,
  machine: number | undefined,
): readonly Difference[] {
  const found = tree.entries.get(path);
  const difference = (one: Pick<Difference, 'kind' | 'image' | 'plain'>): Difference => ({
    ...{ path: `/${path}`, layer: found?.layer ?? null },
    ...one,
  });
  if (found?.type !== 'file')
    return [difference({ kind: 'missing', image: found?.type ?? null, plain: 'a file of its wheel' })];
  const other = machine === undefined ? undefined : otherMachine(found, machine);
  return [
    ...(sha256 === undefined || sha256 === found.sha256
      ? []
      : [difference({ kind: 'content', image: `sha256:${found.sha256}`, plain: `sha256:${sha256}` })]),
    ...(other === undefined ? [] : [difference(other)]),
  ];
}

/** The interpreter behind its links: for a base image of another processor nothing else may be wrong. */
function interpreterDifferences(tree: Tree, executable: string, machine: number): readonly Difference[] {
  const found = followed(tree, executable.replace(/^\/+/, ''));
  if (found === undefined)
    return [
      { path: executable, kind: 'missing', image: null, plain: 'the interpreter of its wheels', layer: null },
    ];
  const other = otherMachine(found, machine);
  return other === undefined ? [] : [{ path: `/${found.path}`, layer: found.layer, ...other }];
}

function otherMachine(
  { machine }: TreeEntry,
  wanted: number,
): Pick<Difference, 'kind' | 'image' | 'plain'> | undefined {
  if (machine === undefined || machine === wanted) return undefined;
  return { kind: 'machine', image: machineName(machine), plain: machineName(wanted) };
}

function machineName(machine: number): string {
  return Object.values(MACHINES).find(([number]) => number === machine)?.[1] ?? `machine ${machine}`;
}

/** As in a kernel. */
const MAX_LINKS = 40;

/** What a path leads to; links of its own name and of directories are followed. */
function followed(tree: Tree, path: string): TreeEntry | undefined {
  let rest = path.split('/');
  let here = '';
  for (let links = 0; links <= MAX_LINKS; ) {
    const [part, ...more] = rest;
    if (part === undefined) return tree.entries.get(here);
    const next = posix.join(here, part);
    const entry = tree.entries.get(next);
    if (entry === undefined) return undefined;
    if (entry.type === 'symlink') {
      links += 1;
      const target = entry.link.startsWith('/') ? entry.link : posix.join('/', here, entry.link);
      rest = [...posix.normalize(target).split('/').filter(Boolean), ...more];
      here = '';
    } else {
      here = next;
      rest = more;
    }
  }
  return undefined;
}
