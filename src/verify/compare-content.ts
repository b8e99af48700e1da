import { pinnedUvCacheInfo } from '../layers/uv-cache-info.ts';
import type { DifferenceKind, Excuse } from './difference.ts';
import { sourceOf } from './excuses.ts';
import type { Launcher } from './launcher.ts';
import { readRecord, recordDifference } from './record.ts';
import type { Bytecode, Tree, TreeEntry } from './tree.ts';

/** What two different contents of one path come to: an exception, or a difference. */
export type Verdict =
  | { readonly excuse: Excuse }
  | {
      readonly excuse: undefined;
      readonly kind: DifferenceKind;
      readonly image: string;
      readonly plain: string;
    };

/** Two bytecode files; undefined if either is none. */
export function compareBytecode(
  here: TreeEntry,
  there: TreeEntry,
  image: Tree,
  plain: Tree,
): Verdict | undefined {
  const [ours, theirs] = [here.bytecode, there.bytecode];
  if (ours === undefined || theirs === undefined) return undefined;
  const differ = (a: string, b: string): Verdict => ({
    excuse: undefined,
    kind: 'bytecode',
    image: a,
    plain: b,
  });
  if (ours.magic !== theirs.magic)
    return differ(`magic number ${ours.magic}`, `magic number ${theirs.magic}`);
  const [mine, yours] = [useOf(here, image), useOf(there, plain)];
  if (mine !== yours) return differ(mine, yours);
  if (ours.code === theirs.code) return { excuse: 'bytecode-header' };
  const [a, b] = [ours.canonical, theirs.canonical];
  // Whatever cannot be read may be anything: never silently the same.
  if (a === undefined || b === undefined)
    return differ(toldCode(ours), `${toldCode(theirs)}; not compared: unknown to this version`);
  return a === b ? { excuse: 'bytecode-sharing' } : differ(toldCode(ours), toldCode(theirs));
}

function toldCode({ canonical, code }: Bytecode): string {
  return canonical === undefined ? `unread code ${code.slice(0, 12)}` : `code ${canonical.slice(0, 12)}`;
}

/** False for bytecode, be it the same, that Python uses on one side and not on the other. */
export function isUsedAlike(here: TreeEntry, there: TreeEntry, image: Tree, plain: Tree): boolean {
  return useOf(here, image) === useOf(there, plain);
}

/**
 * What Python makes of a bytecode file when it imports the module: bytecode that is not valid is compiled at every start,
 * and unchecked bytecode hides later changes of its source.
 */
function useOf({ path, bytecode }: TreeEntry, tree: Tree): string {
  if (bytecode?.validity === 'unchecked') return 'used whatever its source says';
  const source = tree.entries.get(sourceOf(path) ?? '');
  if (bytecode?.source === undefined || source?.type !== 'file' || source.mtime === undefined)
    return 'used if its source is the same';
  const isValid =
    bytecode.source.size === source.size % 2 ** 32 &&
    bytecode.source.mtime === ((source.mtime % 2 ** 32) + 2 ** 32) % 2 ** 32;
  return isValid ? 'used if its source is the same' : 'not used: its source has another time or size';
}

/** Two launchers of a console script; undefined if either is none. */
export function compareLauncher(here: TreeEntry, there: TreeEntry): Verdict | undefined {
  if (here.launcher === undefined || there.launcher === undefined) return undefined;
  if (isLauncherExcused(here, there)) return { excuse: 'launcher' };
  return {
    excuse: undefined,
    kind: 'launcher',
    image: toldLauncher(here.launcher),
    plain: toldLauncher(there.launcher),
  };
}

/** True for launchers that do the same by other words. */
function isLauncherExcused(here: TreeEntry | undefined, there: TreeEntry | undefined): boolean {
  if (here?.launcher === undefined || there?.launcher === undefined || here.sha256 === there.sha256)
    return false;
  return here.mode === there.mode && toldLauncher(here.launcher) === toldLauncher(there.launcher);
}

function toldLauncher({ interpreter, module, imported, called }: Launcher): string {
  return `${interpreter} ${module}:${called}${called.split('.')[0] === imported ? '' : ` (imports ${imported})`}`;
}

/**
 * Two libraries that are the same but for what a debugger reads: a compiler puts in where it worked, which is a temporary directory
 * of another name each time. Undefined if they are none, or differ otherwise.
 */
export function compareLibrary(here: TreeEntry, there: TreeEntry, built: Built): Verdict | undefined {
  return isLibraryExcused(here, there, built) ? { excuse: 'debug-information' } : undefined;
}

/** Whether both sides compiled the file where it is installed. */
export type Built = (path: string) => boolean;

function isLibraryExcused(here: TreeEntry | undefined, there: TreeEntry | undefined, built: Built): boolean {
  return (
    here?.compiled !== undefined &&
    here.compiled === there?.compiled &&
    here.sha256 !== there.sha256 &&
    built(here.path)
  );
}

/** Two `uv_cache.json`, which differ in times alone; undefined if they are none, or differ otherwise. */
export function compareUvCache(here: TreeEntry, there: TreeEntry): Verdict | undefined {
  return isUvCacheExcused(here, there) ? { excuse: 'uv-cache' } : undefined;
}

function isUvCacheExcused(here: TreeEntry | undefined, there: TreeEntry | undefined): boolean {
  if (here?.text === undefined || there?.text === undefined) return false;
  if (!here.path.endsWith('.dist-info/uv_cache.json')) return false;
  const [ours, theirs] = [pinnedUvCacheInfo(here.text), pinnedUvCacheInfo(there.text)];
  return ours !== undefined && ours === theirs;
}

/** Two RECORDs; undefined if either is none that can be read. */
export function compareRecord(
  here: TreeEntry,
  there: TreeEntry,
  image: Tree,
  plain: Tree,
  built: Built,
): Verdict | undefined {
  if (!here.path.endsWith('.dist-info/RECORD')) return undefined;
  const ours = readRecord(here.text ?? '', here.path);
  const theirs = readRecord(there.text ?? '', there.path);
  if (ours === undefined || theirs === undefined || here.text === undefined || there.text === undefined)
    return undefined;
  const told = recordDifference(ours, theirs, (path) => {
    const [mine, yours] = [image.entries.get(path), plain.entries.get(path)];
    // Of modules that were copied without their launchers RECORD says what these would be.
    if (mine === undefined && yours === undefined) return /(?:^|\/)bin\/[^/]+$/.test(path);
    return (
      isLauncherExcused(mine, yours) || isUvCacheExcused(mine, yours) || isLibraryExcused(mine, yours, built)
    );
  });
  return told === ''
    ? { excuse: 'record' }
    : { excuse: undefined, kind: 'record', image: told, plain: `${theirs.size} files` };
}
