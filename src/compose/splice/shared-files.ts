import type { PathEntry } from '../../image/path-entry.ts';
import type { GivenImage, ImageState } from '../state.ts';

/** True if a stage begins with the very layers of an image, and has a path still as they have it. Pure. */
export function isInBoth(image: GivenImage, path: string, { files, given }: ImageState): boolean {
  const here = files.index.get(path);
  // What was not touched is the same object.
  return here !== undefined && here === given.files.index.get(path) && sameLayers(image, given);
}

const known = new WeakMap<GivenImage, WeakMap<GivenImage, boolean>>();

function sameLayers(one: GivenImage, other: GivenImage): boolean {
  const of = known.get(one) ?? new WeakMap<GivenImage, boolean>();
  known.set(one, of);
  const found =
    of.get(other) ??
    (one.layers.length === other.layers.length &&
      one.layers.every(({ blob }, at) => blob.diffId === other.layers[at]?.blob.diffId));
  of.set(other, found);
  return found;
}

/** True for entries of the same type, mode and owner. */
export function isAlike(here: PathEntry | undefined, there: PathEntry | undefined): boolean {
  return (
    here !== undefined &&
    here.type === there?.type &&
    here.mode === there.mode &&
    here.uid === there.uid &&
    here.gid === there.gid
  );
}
