import type { ImageFacts } from '../facts/image-facts.ts';
import type { PathEntry } from '../image/path-entry.ts';
import type { PathIndex } from '../image/path-index.ts';
import { ancestorsOf, parentOf } from '../layers/layer-directories.ts';
import { contentOf } from '../python/detect-files.ts';
import type { InstalledDistribution, PythonFacts } from '../python/facts.ts';

/**
 * The whiteouts of what pip uninstalls before it installs another version: the files of RECORD and their bytecode, and
 * directories that nothing else is left in. In a layer of their own, since no layer may remove and write the same path.
 *
 * @returns no entries if nothing is removed (pip leaves what is outside the environment alone); a reason if what pip would
 *   remove is not surely known
 */
export function removalEntries(
  files: ImageFacts,
  python: PythonFacts,
  distributions: readonly InstalledDistribution[],
): { readonly entries: readonly PathEntry[] } | { readonly reason: string } {
  const { index } = files;
  const paths = new Set<string>();
  for (const { name, version, metadata, removable } of distributions) {
    // "Not uninstalling ... outside environment": both stay.
    if (!isInside(python, metadata)) continue;
    const record = contentOf(files, `${metadata}/RECORD`);
    if (!removable || record === undefined)
      return { reason: `how to remove ${name} ${version} from the image is not known` };
    for (const path of recordedPaths(record, parentOf(metadata.slice(1)))) {
      if (path === undefined) return { reason: `the RECORD of ${name} in the image is not understood` };
      for (const one of [path, ...bytecodeOf(index, path)]) if (index.get(one) !== undefined) paths.add(one);
    }
  }
  return { entries: whiteouts(index, paths) };
}

function isInside({ venv, scheme }: PythonFacts, metadata: string): boolean {
  const roots = venv === undefined ? [scheme.purelib, scheme.platlib] : [venv];
  return roots.some((root) => metadata.startsWith(`${root}/`));
}

/** Paths of a RECORD, undefined for one that leads nowhere or has quotes that are not plain. */
function recordedPaths(record: string, library: string): readonly (string | undefined)[] {
  return record
    .split(/\r?\n/)
    .filter((line) => line !== '')
    .map((line) => {
      const quoted = /^"((?:[^"]|"")*)",/.exec(line)?.[1]?.replaceAll('""', '"');
      const path = quoted ?? line.replace(/,[^,]*,[^,]*$/, '');
      const parts = path.startsWith('/') ? [] : library.split('/');
      for (const part of path.split('/')) {
        if (part === '' || part === '.') continue;
        if (part !== '..') parts.push(part);
        else if (parts.pop() === undefined) return undefined;
      }
      return parts.join('/');
    });
}

/** Bytecode of a module that is in the image, whatever interpreter made it. */
function bytecodeOf(index: PathIndex, path: string): readonly string[] {
  const module = /([^/]+)\.py$/.exec(path)?.[1];
  if (module === undefined) return [];
  const directory = `${parentOf(path)}/__pycache__`;
  return index
    .children(directory)
    .filter((name) => name.startsWith(`${module}.`) && name.endsWith('.pyc'))
    .map((name) => `${directory}/${name}`);
}

function whiteouts(index: PathIndex, files: ReadonlySet<string>): readonly PathEntry[] {
  const gone = new Set(files);
  const isGone = (path: string): boolean => {
    if (gone.has(path)) return true;
    const entry = index.get(path);
    if (entry?.type !== 'directory') return false;
    const names = index.children(path);
    if (names.length === 0 || !names.every((name) => isGone(`${path}/${name}`))) return false;
    gone.add(path);
    return true;
  };
  for (const path of files)
    for (let above = parentOf(path); above !== '' && isGone(above); ) above = parentOf(above);
  const top = [...gone].filter((path) => !gone.has(parentOf(path)));
  const directories = [...ancestorsOf(top)].map((path) => index.get(path) as PathEntry);
  const marks = top.map((path): PathEntry => {
    const parent = parentOf(path);
    const name = `.wh.${path.slice(path.lastIndexOf('/') + 1)}`;
    const at = parent === '' ? name : `${parent}/${name}`;
    return { path: at, type: 'file', mode: 0o644, uid: 0, gid: 0, size: 0, link: '' };
  });
  return [...directories, ...marks].sort((a, b) => (a.path < b.path ? -1 : 1));
}
