import { readRecord } from './record.ts';
import { parentOf, type Tree, type TreeEntry } from './tree.ts';

/** What may be excused beside what always may. */
export interface CompareRules {
  /** Whether both sides ran a RUN of the Dockerfile, so that its traces differ from run to run. */
  readonly solveNoise: boolean;
  /** Home directories beside those of /etc/passwd, absolute, e.g. the `HOME` of the image's environment. */
  readonly homes: readonly string[];
}

/** Where a RUN leaves times, random names and mount points. */
const SOLVE_NOISE: readonly RegExp[] = [
  /^etc\/(?:resolv\.conf|hosts|hostname|ld\.so\.cache)$/,
  /^(?:proc|sys|dev)(?:\/|$)/,
  /^var\/log\//,
  /^var\/cache\/ldconfig\/aux-cache$/,
  /^var\/(?:lib|cache)\/apt\//,
];

/** True for a path that a RUN may alter, add or leave behind whatever it does. */
export function isSolveNoise(path: string): boolean {
  return SOLVE_NOISE.some((pattern) => pattern.test(path));
}

/** True for what uv leaves in the directory of temporary files for each environment that is no virtual one. */
export function isUvLock({ path, type, size }: TreeEntry): boolean {
  return type === 'file' && size === 0 && /^(?:var\/)?tmp\/uv-[0-9a-f]{16}\.lock$/.test(path);
}

/**
 * Files of distributions that were built where they are installed. Of wheels from elsewhere the tags name what they need of a system
 * (manylinux, musllinux); of those that pip or uv builds, the system itself.
 */
export function builtPaths({ entries }: Tree): ReadonlySet<string> {
  const paths = new Set<string>();
  for (const { path, text } of entries.values())
    if (path.endsWith('.dist-info/RECORD') && isBuilt(path, entries))
      for (const one of readRecord(text ?? '', path)?.keys() ?? []) paths.add(one);
  return paths;
}

function isBuilt(record: string, entries: Tree['entries']): boolean {
  const { text = '' } = entries.get(`${parentOf(record)}/WHEEL`) ?? {};
  return /^Tag: \S+-linux_\w+\r?$/m.test(text);
}

/** The `.cache` directories of all homes, without a leading slash. */
export function homeCaches(trees: readonly Tree[], homes: readonly string[]): readonly string[] {
  const listed = trees.flatMap(({ entries }) =>
    (entries.get('etc/passwd')?.text ?? '').split('\n').map((line) => line.split(':')[5] ?? ''),
  );
  const all = ['/root', ...homes, ...listed].map((home) => home.replace(/^\/+|\/+$/g, ''));
  // `/` is the home of system users that have none.
  return [...new Set(all.filter((home) => home !== ''))].map((home) => `${home}/.cache`);
}

const LIBRARY = String.raw`^(?:.+/)?lib(?:64)?/python3(?:\.\d+)?/`;
/** Python's own library, and what pip's run imports of the installed: modules that other distributions bring are not in it. */
const RUN_BY_PIP = [
  new RegExp(`${LIBRARY}(?!(?:site|dist)-packages(?:/|$))`),
  new RegExp(
    `${LIBRARY}(?:site|dist)-packages/(?:pip|setuptools|pkg_resources|_distutils_hack|wheel)(?:/|$)`,
  ),
];

const PIPS_PACKAGES = ['pip', 'setuptools', 'pkg_resources', '_distutils_hack', 'wheel'];

/** pip's packages are such wherever their directory was copied to. */
function isRunByPip(path: string, tree: Tree): boolean {
  if (RUN_BY_PIP.some((pattern) => pattern.test(path))) return true;
  const parts = path.split('/');
  return parts.some(
    (part, at) =>
      PIPS_PACKAGES.includes(part) &&
      tree.entries.has([...parts.slice(0, at), 'pip', '__main__.py'].join('/')),
  );
}

/** True for bytecode, or its directory, that pip leaves behind when it runs. */
export function isLeftByPip(entry: TreeEntry, tree: Tree, other: Tree): boolean {
  if (!isRunByPip(entry.path, tree)) return false;
  if (entry.type === 'directory') return isEmptyBut(entry, tree, other);
  const source = sourceOf(entry.path);
  if (source === undefined || entry.type !== 'file') return false;
  const [here, there] = [tree.entries.get(source), other.entries.get(source)];
  return here !== undefined && here.type === 'file' && here.sha256 === there?.sha256;
}

/** The `.py` of a `__pycache__/NAME.TAG[.opt-N].pyc`. */
export function sourceOf(path: string): string | undefined {
  const [, directory = '', name] =
    /^(.*\/)?__pycache__\/([^/]+?)\.[^./]+(?:\.opt-[^./]+)?\.pyc$/.exec(path) ?? [];
  return name === undefined ? undefined : `${directory}${name}.py`;
}

/** A `__pycache__` that only one side has, with nothing but such bytecode in it. */
function isEmptyBut(directory: TreeEntry, tree: Tree, other: Tree): boolean {
  if (!directory.path.endsWith('/__pycache__')) return false;
  if (other.entries.get(parentOf(directory.path))?.type !== 'directory') return false;
  const inside = [...tree.entries.values()].filter(({ path }) => path.startsWith(`${directory.path}/`));
  return inside.every((one) => one.type === 'file' && isLeftByPip(one, tree, other));
}
