import type { CopyContent } from '../../context/copy-tree.ts';
import type { PathEntry } from '../../image/path-entry.ts';
import { ancestorsOf } from '../../layers/layer-directories.ts';
import { movedPath } from '../../layers/relocate.ts';
import { type InstallInput, installedPaths } from '../install/install-plan.ts';
import type { Extracted, ImageState } from '../state.ts';

/** Where what stands under a path of a stage comes from. */
export type Origin =
  /** A path of an image that is there. */
  | ({ readonly kind: 'given' } & Extracted)
  /** A dependency layer writes it. */
  | { readonly kind: 'installed' }
  | { readonly kind: 'context'; readonly content: CopyContent }
  /** A directory or link that an instruction made. */
  | { readonly kind: 'made' };

/** What is known of a stage's files. */
export interface Origins {
  /** Undefined for a file of which it is not known, or what is not there. */
  readonly of: (path: string) => Origin | undefined;
  /** Why the layers of what was installed do not make what the stage has at or below a path; undefined if they do. */
  readonly trouble: (roots: readonly string[]) => string | undefined;
  /** All that dependency layers write, without a leading slash. */
  readonly installed: ReadonlySet<string>;
}

function pathsOf(installs: readonly InstallInput[]): ReadonlySet<string> | { readonly reason: string } {
  const all = new Set<string>();
  for (const install of installs) {
    const paths = installedPaths(install);
    if ('reason' in paths) return paths;
    for (const [, now] of paths) all.add(now);
  }
  return all;
}

/** What replaces a file leaves no trace where it is told what was taken out of images. */
function isStill({ type, size, link }: PathEntry, { image, path }: Extracted): boolean {
  const there = image.files.index.get(path);
  return there?.type === type && there.size === size && there.link === link;
}

/** Finds out where the files of a stage come from. Pure. */
export function originsOf(state: ImageState): Origins | { readonly reason: string } {
  const installed = pathsOf(state.installs);
  const hidden = pathsOf(state.hidden ?? []);
  if ('reason' in installed) return installed;
  if ('reason' in hidden) return hidden;
  const above = ancestorsOf(installed);
  const { files, given, copied, extracted } = state;
  const of = (path: string): Origin | undefined => {
    const entry = files.index.get(path);
    if (entry === undefined) return undefined;
    const content = copied.get(path);
    if (content !== undefined) return { kind: 'context', content };
    const taken = extracted?.get(path);
    if (taken !== undefined && isStill(entry, taken)) return { kind: 'given', ...taken };
    if (installed.has(path)) return { kind: 'installed' };
    // What no instruction has touched is the same object.
    if (given.files.index.get(path) === entry) return { kind: 'given', image: given, path };
    if (entry.type === 'directory') return { kind: above.has(path) ? 'installed' : 'made' };
    return entry.type === 'symlink' ? { kind: 'made' } : undefined;
  };
  const trouble = (roots: readonly string[]) => {
    const isCopied = (path: string) =>
      roots.some((from) => movedPath({ from, to: from }, path) !== undefined);
    for (const path of hidden)
      if (isCopied(path) && files.index.get(path) !== undefined)
        return `/${path} was installed before something ran in the stage`;
    for (const path of installed) {
      if (!isCopied(path)) continue;
      if (files.index.get(path) === undefined) return `/${path} was installed in the stage and removed again`;
      if (copied.has(path) || extracted?.has(path))
        return `/${path} was installed in the stage and copied too`;
    }
    return undefined;
  };
  return { of, trouble, installed };
}
