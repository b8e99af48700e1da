import type { PathEntry } from '../image/path-entry.ts';
import type { PathIndex } from '../image/path-index.ts';
import { withLayer } from '../image/path-index-layer.ts';
import { ancestorsOf, sortedByPath } from '../layers/layer-directories.ts';
import type { LayerEntry } from '../layers/write-layer.ts';
import { type AddedFile, isSameEntry } from './added-files.ts';
import type { BytecodeTimes } from './bytecode-times.ts';
import type { ContentFile, Stretch } from './content-file.ts';
import type { PlacedLayer } from './placement.ts';
import { CannotSplit } from './request.ts';

/** All that is known of the files when layers are written. */
export interface Written {
  readonly files: ReadonlyMap<string, AddedFile>;
  readonly contents: ContentFile;
  readonly after: PathIndex;
  readonly mtime: number;
  readonly times: BytecodeTimes;
  readonly keepsTime: (path: string) => boolean;
  /** Bytecode that takes the place of what was there, by path. */
  readonly recompiled: ReadonlyMap<string, Stretch>;
}

/** Bytes that hard links may be written more often than they were there. */
const MOST_REPEATED = 64 * 1024 * 1024;

/**
 * The entries of a layer, in order, each with its content: files, and all directories above them as they are in the image. Hard links of each
 * other stay such within the layer.
 */
export function layerEntries(paths: readonly string[], written: Written): readonly LayerEntry[] {
  const { files, after } = written;
  const links = new Map<string, string>();
  const all = new Set([...ancestorsOf(paths), ...paths]);
  return sortedByPath([...all].map((path) => ({ path }))).map(({ path }) => {
    const file = files.get(path);
    if (file === undefined || file.entry.type === 'directory') {
      const mtime = file && written.keepsTime(path) ? file.mtime : written.mtime;
      return { entry: after.get(path) as PathEntry, mtime };
    }
    const mtime = timeOf(path, file, written);
    const same = written.times.mended.has(path) ? undefined : `${file.inode} ${mtime}`;
    const first = same && links.get(same);
    if (first !== undefined)
      return { entry: { ...file.entry, type: 'hardlink', size: 0, link: first }, mtime };
    if (same !== undefined) links.set(same, path);
    return { ...fileEntry(path, file, written), mtime };
  });
}

function timeOf(path: string, file: AddedFile, { times, keepsTime, mtime }: Written): number {
  return times.keptSources.has(path) || keepsTime(path) ? file.mtime : mtime;
}

function fileEntry(path: string, file: AddedFile, written: Written): LayerEntry {
  const { times, recompiled, contents, mtime } = written;
  const { entry } = file;
  if (entry.type !== 'file' || entry.size === 0) return { entry };
  const content = recompiled.get(path) ?? file.content;
  const chunks = contents.chunks(content);
  return {
    entry: { ...entry, size: content.size },
    content: times.mended.has(path) ? withTime(chunks, mtime) : chunks,
  };
}

/** Bytecode whose header has another time of the source. */
async function* withTime(chunks: AsyncIterable<Buffer>, mtime: number): AsyncGenerator<Buffer> {
  let isFirst = true;
  for await (const chunk of chunks) {
    if (isFirst) chunk.writeUInt32LE(mtime % 2 ** 32, 8);
    isFirst = false;
    yield chunk;
  }
}

/**
 * Looks whether the layers, upon the image below, give the files that they have to give.
 *
 * @param layers entries of each, the lowest first
 * @throws CannotSplit with the first path that would be another
 */
export function checkFiles(
  below: PathIndex,
  layers: readonly (readonly PathEntry[])[],
  { after, recompiled }: Pick<Written, 'after' | 'recompiled'>,
): void {
  const result = layers.reduce((index, entries) => withLayer(index, entries), below);
  const refuse = (path: string) => new CannotSplit(`/${path} would not be what it is`);
  if (!isSameEntry(result.root.entry, after.root.entry)) throw refuse('');
  for (const entry of after.entries()) {
    const found = result.get(entry.path);
    const size = recompiled.get(entry.path)?.size ?? entry.size;
    if (found === undefined || !isSameEntry(found, { ...entry, size })) throw refuse(entry.path);
  }
  if (result.size !== after.size) throw new CannotSplit('files would be left that are gone');
}

/**
 * Hard links do not reach from one layer into another: a file whose names are divided is written more than once.
 *
 * @throws CannotSplit if that is too much
 */
export function checkLinks(layers: readonly PlacedLayer[], files: ReadonlyMap<string, AddedFile>): void {
  const inLayers = new Map<number, Set<PlacedLayer>>();
  let bytes = 0;
  for (const layer of layers)
    for (const path of layer.paths) {
      const { inode, entry } = files.get(path) as AddedFile;
      const found = inLayers.get(inode);
      if (found === undefined) inLayers.set(inode, new Set([layer]));
      else if (!found.has(layer)) {
        found.add(layer);
        bytes += entry.size;
      }
    }
  if (bytes > MOST_REPEATED)
    throw new CannotSplit(
      `${Math.round(bytes / 1e6)} MB of it are hard links between an installer's cache and what it installed`,
      'Keep the cache out of the image: RUN --mount=type=cache,target=/root/.cache/uv, or UV_NO_CACHE=1.',
    );
}
