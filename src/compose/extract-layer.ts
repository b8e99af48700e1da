import type { PathEntry } from '../image/path-entry.ts';
import type { PathIndex } from '../image/path-index.ts';
import { readTar } from '../image/tar-read-stream.ts';
import { isEscaped } from '../image/tar-text.ts';
import { layerArchive } from '../layers/layer-archive.ts';
import { ancestorsOf } from '../layers/layer-directories.ts';
import { type LayerEntry, writeLayer } from '../layers/write-layer.ts';
import { keyOf } from '../plan/key.ts';
import { DEPENDENCY_TIME } from './install-step.ts';
import { entriesBelow } from './paths-below.ts';
import {
  type GivenImage,
  type GivenLayer,
  type KnownBlob,
  NotComposable,
  type WrittenLayer,
} from './state.ts';

/** What extracting needs of a request. */
export interface ExtractRequest {
  readonly compression: 'zstd' | 'gzip';
  readonly openLayer: (blob: KnownBlob) => Promise<AsyncIterable<Uint8Array>>;
}

/**
 * A layer with what an image holds below some paths, as `COPY --from` takes it: modes, owners and times stay.
 *
 * @param wanted the files as they are to be copied: what is not in it any more is left out
 * @param keep absolute paths
 * @throws NotComposable for names that cannot be written
 */
export function extractLayer(
  { compression, openLayer }: ExtractRequest,
  image: GivenImage,
  wanted: PathIndex,
  keep: readonly string[],
  line: number,
): WrittenLayer {
  const entries = keep
    .flatMap((path) => [...entriesBelow(image.files.index, path)])
    .filter(({ path }) => wanted.get(path) !== undefined);
  const odd = entries.find(({ path, link }) => isEscaped(path) || isEscaped(link));
  if (odd !== undefined)
    throw new NotComposable(line, `/${odd.path} of the stage has a name that is no proper UTF-8`);
  const layers = layersWith(image, keep);
  const bytes = entries.reduce((sum, { size }) => sum + size, 0);
  return {
    kind: 'extract',
    key: keyOf('extract-layer', {
      compression,
      layers: layers.map(({ blob }) => blob.diffId),
      paths: entries.map(({ path }) => path).sort(),
    }),
    title: `${keep.join(', ')} as it was before`,
    line,
    bytes,
    write: (directory) =>
      writeLayer(extracted(image, layers, entries, openLayer, line), {
        directory,
        compression,
        mtime: DEPENDENCY_TIME,
      }),
  };
}

/** The layers above the lowest image that has nothing below the paths. */
function layersWith(image: GivenImage, keep: readonly string[]): readonly GivenLayer[] {
  for (let below = image.below; below !== undefined; below = below.below) {
    const { index } = below.files;
    if (keep.some((path) => index.get(path) !== undefined)) continue;
    return image.layers.slice(below.layers.length);
  }
  return image.layers;
}

/** Directories first; then what else there is, from the uppermost layer down, each path as the uppermost one has it. */
async function* extracted(
  image: GivenImage,
  layers: readonly GivenLayer[],
  entries: readonly PathEntry[],
  openLayer: ExtractRequest['openLayer'],
  line: number,
): AsyncGenerator<LayerEntry> {
  const { index } = image.files;
  const above = [...ancestorsOf(entries.map(({ path }) => path))].map((path) => index.get(path) as PathEntry);
  const directories = [...above, ...entries.filter(({ type }) => type === 'directory')];
  const byPath = new Map(directories.map((entry) => [entry.path, entry]));
  for (const path of [...byPath.keys()].sort()) yield { entry: byPath.get(path) as PathEntry };
  const missing = new Set(entries.filter(({ type }) => type !== 'directory').map(({ path }) => path));
  for (const { blob } of layers.toReversed()) {
    if (missing.size === 0) break;
    const taken = new Set<string>();
    for await (const { entry, content } of readTar(
      layerArchive(await openLayer(blob), blob.descriptor.mediaType),
    )) {
      if (!missing.has(entry.path)) continue;
      if (Object.keys(entry.xattrs).length > 0)
        throw new NotComposable(line, `/${entry.path} of the stage has extended attributes`);
      if (entry.type === 'hardlink' && !taken.has(entry.link))
        throw new NotComposable(
          line,
          `/${entry.path} of the stage is a hard link to what is not copied with it`,
        );
      if (entry.type !== 'file' && entry.type !== 'symlink' && entry.type !== 'hardlink')
        throw new NotComposable(line, `/${entry.path} of the stage is a ${entry.type}`);
      missing.delete(entry.path);
      taken.add(entry.path);
      const { path, type, mode, uid, gid, size, link, mtime } = entry;
      const plain = { path, type, mode, uid, gid, size, link };
      yield entry.type === 'file' ? { entry: plain, content, mtime } : { entry: plain, mtime };
    }
  }
  const [first] = missing;
  if (first !== undefined)
    throw new NotComposable(line, `/${first} was not found in the layers of the stage`);
}
