import type { InstalledDistribution } from '../facts.ts';
import { isName, normaliseName } from '../names.ts';
import { contentOf, type DetectedImage } from './detect-files.ts';
import type { Unclear } from './detect-interpreter.ts';

/**
 * What pip sees as installed in directories of `sys.path`.
 *
 * @param directories absolute, in the order of `sys.path`: the first that has a name wins
 * @param own where pip installs to: only what is there, or in the user's directory, can be uninstalled
 * @param user the user's own, if that is one of the directories
 */
export function installedIn(
  image: DetectedImage,
  directories: readonly string[],
  own: string,
  user?: string,
): readonly InstalledDistribution[] | Unclear {
  const found = new Map<string, InstalledDistribution>();
  for (const directory of directories) {
    const here = distributionsIn(image, directory, directory === own || directory === user);
    if ('reason' in here) return here;
    for (const one of here)
      if (!found.has(one.name))
        found.set(one.name, { ...one, ...(directory === user && { user: true as const }) });
  }
  return [...found.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
}

function distributionsIn(
  image: DetectedImage,
  directory: string,
  own: boolean,
): readonly InstalledDistribution[] | Unclear {
  const found = new Map<string, InstalledDistribution>();
  for (const child of image.index.children(image.index.resolve(directory).path)) {
    const kind = /\.(dist-info|egg-info|egg|egg-link)$/.exec(child)?.[1];
    if (kind === undefined) continue;
    const metadata = `${directory}/${child}`;
    const one = kind === 'egg' || kind === 'egg-link' ? undefined : distributionAt(image, metadata, kind);
    if (one === undefined) return { reason: `${metadata} is no installed distribution as pip makes them` };
    if (found.has(one.name)) return { reason: `${directory} has two versions of ${one.name}` };
    const recorded = image.index.resolve(`${metadata}/RECORD`).entry?.type === 'file';
    found.set(one.name, { ...one, metadata, removable: own && kind === 'dist-info' && recorded });
  }
  return [...found.values()];
}

/** Name and version of a metadata directory (or file, of old programs); undefined if it is not surely understood. */
function distributionAt(
  image: DetectedImage,
  path: string,
  kind: string,
): { readonly name: string; readonly version: string } | undefined {
  const file = kind === 'dist-info' ? `${path}/METADATA` : eggInfoFile(image, path);
  if (image.index.resolve(file).entry?.type !== 'file') return undefined;
  const header = contentOf(image, file)?.split(/\r?\n\r?\n/, 1)[0];
  const field = (name: string) => new RegExp(`^${name}: *(.*?) *\r?$`, 'm').exec(header ?? '')?.[1];
  const base = path.slice(path.lastIndexOf('/') + 1).replace(/\.(?:dist-info|egg-info)$/, '');
  const [, dirName, dirVersion] = /^(.+?)-(\d[^-]*)(?:-py\d[\d.]*)?$/.exec(base) ?? [];
  const name = header === undefined ? dirName : field('Name');
  const version = header === undefined ? dirVersion : field('Version');
  if (name === undefined || version === undefined || version === '' || !isName(name)) return undefined;
  // A leftover of a failed run of pip has a `~` in front, which pip passes over with a warning.
  return base.startsWith('~') ? undefined : { name: normaliseName(name), version };
}

function eggInfoFile(image: DetectedImage, path: string): string {
  return image.index.resolve(path).entry?.type === 'directory' ? `${path}/PKG-INFO` : path;
}

/** Lines that programs are known to write into `.pth` files, and that change nothing of what pip does. */
const KNOWN_PTH: readonly RegExp[] = [
  /^(?:#.*)?$/,
  /^import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os\.environ\.get\(var, '(?:local|stdlib)'\) == 'local'; enabled and __import__\('_distutils_hack'\)(?:\.add_shim\(\))?;$/,
  /^import _virtualenv$/,
  // Namespace packages of setuptools: their names are all that differs.
  /^import sys, types, os;(?:has_mfs = sys\.version_info > \(3, 5\);)?p = os\.path\.join\(sys\._getframe\(1\)\.f_locals\['sitedir'\], \*\(['\w, ]+\)\);importlib = (?:has_mfs and )?__import__\('importlib\.util'\);(?:has_mfs and )?__import__\('importlib\.machinery'\);m = (?:has_mfs and )?sys\.modules\.setdefault\('[\w.]+', importlib\.util\.module_from_spec\(importlib\.machinery\.PathFinder\.find_spec\('[\w.]+', \[os\.path\.dirname\(p\)\]\)\)\);m = m or sys\.modules\.setdefault\('[\w.]+', types\.ModuleType\('[\w.]+'\)\);mp = \(m or \[\]\) and m\.__dict__\.setdefault\('__path__',\[\]\);\(p not in mp\) and mp\.append\(p\)(?:;m and setattr\(sys\.modules\['[\w.]+'\], '\w+', m\))?$/,
];

/** Debian's own sitecustomize.py, comments and blank lines left out: reports crashes if apport is there. */
const DEBIAN_SITECUSTOMIZE = [
  'try:',
  'import apport_python_hook',
  'except ImportError:',
  'pass',
  'else:',
  'apport_python_hook.install()',
].join('\n');

/**
 * Why Python would do something of its own before pip starts: customising modules, or `.pth` files that add directories or run
 * code; undefined if nothing does.
 *
 * @param sites absolute site directories
 * @param others other directories of `sys.path`, the standard library among them
 */
export function startupTrouble(
  image: DetectedImage,
  sites: readonly string[],
  others: readonly string[],
): string | undefined {
  for (const directory of [...sites, ...others])
    for (const name of image.index.children(image.index.resolve(directory).path)) {
      const path = `${directory}/${name}`;
      if (/^(?:site|user)customize(?:$|\.)/.test(name) && !isDebians(image, path))
        return `Python runs ${path} when it starts`;
      if (name.endsWith('.pth') && sites.includes(directory) && !isKnownPth(image, path))
        return `${path} changes what Python finds or does`;
    }
  return undefined;
}

function isKnownPth(image: DetectedImage, path: string): boolean {
  const lines = contentOf(image, path)?.split(/\r?\n/);
  return lines?.every((line) => KNOWN_PTH.some((known) => known.test(line.trimEnd()))) ?? false;
}

function isDebians(image: DetectedImage, path: string): boolean {
  const lines = contentOf(image, path)
    ?.split('\n')
    .map((line) => line.trim());
  return (
    lines?.filter((line) => line !== '' && !line.startsWith('#')).join('\n') === DEBIAN_SITECUSTOMIZE &&
    image.index.resolve('usr/lib/python3/dist-packages/apport_python_hook.py').entry === undefined
  );
}
