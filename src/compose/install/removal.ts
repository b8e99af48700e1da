import { LayerwrightError } from '../../errors.ts';
import type { ImageFacts } from '../../facts/image-facts.ts';
import type { PathEntry } from '../../image/path-entry.ts';
import type { PathIndex } from '../../image/path-index.ts';
import { ancestorsOf, parentOf } from '../../layers/layer-directories.ts';
import { contentOf } from '../../python/detect/detect-files.ts';
import { parseEntryPoints } from '../../python/entry-points.ts';
import type { InstalledDistribution, PythonFacts } from '../../python/facts.ts';
import type { InstallerTool } from '../../python/installer.ts';
import { refusalOf } from '../../python/wheel-error.ts';

/**
 * The whiteouts of what pip uninstalls before it installs another version: the files of RECORD and their bytecode, and the
 * directories of these if no other file is left in them. In a layer of their own, since no layer may remove and write the same path.
 *
 * @returns no entries if nothing is removed (pip leaves what is outside the environment alone); a reason if what pip would
 *   remove is not surely known
 */
export function removalEntries(
  files: ImageFacts,
  python: PythonFacts,
  distributions: readonly InstalledDistribution[],
  tool: InstallerTool = 'pip',
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
      // pip passes over what is outside a virtual environment.
      if (python.venv !== undefined && !`/${path}`.startsWith(`${python.venv}/`)) continue;
      for (const one of [path, ...bytecodeOf(path, python.cacheTag)])
        if (index.get(one) !== undefined) paths.add(one);
    }
    if (tool === 'uv') continue;
    const scripts = scriptsOf(files, python, metadata);
    if (scripts === undefined)
      return { reason: `the entry points of ${name} in the image are not understood` };
    for (const path of scripts) paths.add(path);
  }
  return { entries: whiteouts(index, paths) };
}

/**
 * What has the name of an entry point beside the environment's scripts, whatever RECORD says: the link `pip` to `pip3` of the official
 * images. uv leaves that where it is.
 */
function scriptsOf(
  files: ImageFacts,
  { scheme, venv }: PythonFacts,
  metadata: string,
): readonly string[] | undefined {
  const text = contentOf(files, `${metadata}/entry_points.txt`);
  if (text === undefined) return [];
  const { index } = files;
  const refuse = refusalOf('entry_points.txt');
  try {
    const { console, gui } = parseEntryPoints(text, refuse);
    const directory = index.resolve(scheme.scripts).path;
    if (venv !== undefined && !`/${directory}/`.startsWith(`${venv}/`)) return [];
    return [...console.keys(), ...gui.keys()]
      .filter((name) => /^[\w.+-]+$/.test(name))
      .map((name) => `${directory}/${name}`)
      .filter((path) => index.resolve(`/${path}`).entry !== undefined);
  } catch (error) {
    if (error instanceof LayerwrightError && error.code === 'WHEEL_INVALID') return undefined;
    throw error;
  }
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

/** Where pip looks for the bytecode of a module: that of other interpreters, or optimised, stays. */
function bytecodeOf(path: string, cacheTag: string): readonly string[] {
  const [, directory = '', module = ''] = /^(.*\/)?([^/]+)\.py$/.exec(path) ?? [];
  if (module === '') return [];
  return [
    `${directory}${module}.pyc`,
    `${directory}${module}.pyo`,
    `${directory}__pycache__/${module}.${cacheTag}.pyc`,
  ];
}

/**
 * The files, or the directories that they are directly in where all files below are among them, however deep; a directory that
 * only has such directories stays, empty as it then is.
 */
function compressed(index: PathIndex, files: ReadonlySet<string>): readonly string[] {
  const gone: string[] = [];
  const rest = new Set(files);
  // The shorter ones first: what is below a directory that is gone has no files left to be gone with.
  const parents = [...new Set([...files].map(parentOf))].sort((a, b) => a.length - b.length);
  for (const directory of parents) {
    const below = [...filesBelow(index, directory)];
    if (!below.every((path) => rest.has(path))) continue;
    for (const path of below) rest.delete(path);
    gone.push(directory);
  }
  return [...gone, ...rest];
}

/** A link to a directory counts as a directory that nothing is in. */
function* filesBelow(index: PathIndex, directory: string): Generator<string> {
  for (const name of index.children(directory)) {
    const path = `${directory}/${name}`;
    const type = index.get(path)?.type;
    if (type === 'directory') yield* filesBelow(index, path);
    else if (type !== 'symlink' || index.resolve(path).entry?.type !== 'directory') yield path;
  }
}

function whiteouts(index: PathIndex, files: ReadonlySet<string>): readonly PathEntry[] {
  const top = compressed(index, files);
  const directories = [...ancestorsOf(top)].map((path) => index.get(path) as PathEntry);
  const marks = top.map((path): PathEntry => {
    const parent = parentOf(path);
    const name = `.wh.${path.slice(path.lastIndexOf('/') + 1)}`;
    const at = parent === '' ? name : `${parent}/${name}`;
    return { path: at, type: 'file', mode: 0o644, uid: 0, gid: 0, size: 0, link: '' };
  });
  return [...directories, ...marks].sort((a, b) => (a.path < b.path ? -1 : 1));
}
