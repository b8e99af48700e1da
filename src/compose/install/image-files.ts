import { closest } from 'fastest-levenshtein';
import { readContextFile } from '../../context/content.ts';
import type { Context } from '../../context/context.ts';
import { bytesOf } from '../copy-step.ts';
import { absolutePath } from '../cut.ts';
import type { ImageState } from '../state.ts';

/** A bind mount of a step: a path in the image, which may be relative to the working directory, and one of the context or of a stage. */
export interface BoundPath {
  readonly target: string;
  readonly source: string;
  readonly from?: string | undefined;
}

/** What reading files of an image in the making takes. */
export interface FileWorld {
  readonly context: () => Promise<Context>;
}

/**
 * A file of the image in the making: of a bind mount of the context, a COPY, or one of the small files that are kept of images.
 *
 * @param path absolute
 * @returns undefined if it is not there, or its content is not known
 */
export async function readImageFile(
  world: FileWorld,
  state: Pick<ImageState, 'stage' | 'files' | 'copied'>,
  binds: readonly BoundPath[],
  path: string,
): Promise<Uint8Array | undefined> {
  for (const { target, source, from } of binds) {
    const root = absolutePath(target, state.stage.image.config.WorkingDir ?? '/');
    if (path !== root && !path.startsWith(`${root}/`)) continue;
    if (from !== undefined) return undefined;
    const context = await world.context();
    const inContext = absolutePath(`${source}/${path.slice(root.length)}`, '/').slice(1);
    const file = context.entries.get(inContext);
    return file?.type === 'file' ? await readContextFile(context, file) : undefined;
  }
  const { path: resolved, entry } = state.files.index.resolve(path);
  if (entry === undefined) return undefined;
  const copied = state.copied.get(resolved);
  if (copied !== undefined) return await bytesOf(await world.context(), copied);
  const kept = state.files.contents.get(resolved);
  return kept === undefined ? undefined : Buffer.from(kept);
}

/** Reads files as {@link readImageFile} does, as text. */
export function textReader(
  world: FileWorld,
  state: Pick<ImageState, 'stage' | 'files' | 'copied'>,
  binds: readonly BoundPath[],
): (path: string) => Promise<string | undefined> {
  return async (path) => {
    const bytes = await readImageFile(world, state, binds, path);
    return bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8');
  };
}

/** Among the copied files of the same directory the one with the most similar name. */
export function nearPath({ files, copied }: ImageState, path: string): string | undefined {
  const parent = path.slice(0, path.lastIndexOf('/'));
  const names = files.index.children(parent).filter((name) => copied.has(`${parent}/${name}`.slice(1)));
  return names.length === 0 ? undefined : closest(path.slice(parent.length + 1), [...names]);
}
