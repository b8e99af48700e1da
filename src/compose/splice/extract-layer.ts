import type { PathEntry } from '../../image/path-entry.ts';
import type { PathIndex } from '../../image/path-index.ts';
import { readTar, type StreamedEntry } from '../../image/tar-read-stream.ts';
import { layerArchive } from '../../layers/layer-archive.ts';
import { ancestorsOf } from '../../layers/layer-directories.ts';
import { type LayerEntry, writeLayer } from '../../layers/write-layer.ts';
import { keyOf } from '../../plan/key.ts';
import { DEPENDENCY_TIME } from '../install/install-layers.ts';
import {
  type GivenImage,
  type GivenLayer,
  type KnownBlob,
  NotComposable,
  type WrittenLayer,
} from '../state.ts';

/** What extracting needs of a request. */
export interface ExtractRequest {
  readonly compression: 'zstd' | 'gzip';
  readonly openLayer: (blob: KnownBlob) => Promise<AsyncIterable<Uint8Array>>;
}

/** A file, link or directory of an image, and what a layer has in its place. */
export interface ToExtract {
  /** In the image, without a leading slash. */
  readonly path: string;
  /** As the layer has it: its own path, mode and owner. */
  readonly entry: PathEntry;
}

/** What is taken out of an image. */
export interface Extraction {
  readonly image: GivenImage;
  /** The layer that has it all; undefined if that is not known. */
  readonly layer: GivenLayer | undefined;
  /** Each path of the image once. */
  readonly entries: readonly ToExtract[];
  /** The image that it is copied to, with what is copied: directories above are as it has them. */
  readonly after: PathIndex;
  /** What the layer is called. */
  readonly title: string;
  readonly line: number;
}

/**
 * A layer with files of an image, as `COPY --from` takes them: their content and times stay.
 *
 * @throws its `write`: NotComposable for what cannot be taken out, LayerwrightError of the registry and the disk
 */
export function extractLayer(
  { compression, openLayer }: ExtractRequest,
  { image, layer, entries, after, title, line }: Extraction,
): WrittenLayer {
  const layers = layer === undefined ? layersWith(image, entries) : [layer];
  const above = [...ancestorsOf(entries.map(({ entry }) => entry.path))].map(
    (path) => after.get(path) as PathEntry,
  );
  const own = entries.filter(({ entry }) => entry.type === 'directory').map(({ entry }) => entry);
  const directories = [...new Map([...above, ...own].map((entry) => [entry.path, entry])).values()].sort(
    (a, b) => (a.path < b.path ? -1 : 1),
  );
  const files = entries.filter(({ entry }) => entry.type !== 'directory');
  return {
    kind: 'extract',
    key: keyOf('extract-layer', {
      compression,
      layers: layers.map(({ blob }) => blob.diffId),
      directories: directories.map(factsOf),
      files: files
        .map(({ path, entry }) => ({ from: path, ...factsOf(entry) }))
        .sort((a, b) => (a.path < b.path ? -1 : 1)),
    }),
    title,
    line,
    bytes: files.reduce((sum, { entry }) => sum + entry.size, 0),
    write: (directory) =>
      writeLayer(extracted(directories, files, layers, openLayer, line), {
        directory,
        compression,
        mtime: DEPENDENCY_TIME,
      }),
  };
}

function factsOf({ path, mode, uid, gid }: PathEntry) {
  return { path, mode, uid, gid };
}

/** The layers above the lowest image that has none of the entries. */
export function layersWith(image: GivenImage, entries: readonly ToExtract[]): readonly GivenLayer[] {
  for (let below = image.below; below !== undefined; below = below.below) {
    const { index } = below.files;
    if (entries.some(({ path, entry }) => entry.type !== 'directory' && index.get(path) !== undefined))
      continue;
    return image.layers.slice(below.layers.length);
  }
  return image.layers;
}

/** Directories first; then what else there is, from the uppermost layer down, each path as the uppermost one has it. */
async function* extracted(
  directories: readonly PathEntry[],
  files: readonly ToExtract[],
  layers: readonly GivenLayer[],
  openLayer: ExtractRequest['openLayer'],
  line: number,
): AsyncGenerator<LayerEntry> {
  for (const entry of directories) yield { entry };
  const missing = new Map(files.map(({ path, entry }) => [path, entry]));
  for (const { blob } of layers.toReversed()) {
    if (missing.size === 0) break;
    const taken = new Map<string, PathEntry>();
    const archive = layerArchive(await openLayer(blob), blob.descriptor.mediaType);
    for await (const { entry: found, content } of readTar(archive)) {
      const wanted = missing.get(found.path);
      if (wanted === undefined) continue;
      const entry = entryAs(found, wanted, taken, line);
      missing.delete(found.path);
      taken.set(found.path, entry);
      yield found.type === 'file' ? { entry, content, mtime: found.mtime } : { entry, mtime: found.mtime };
    }
  }
  const [first] = missing.keys();
  if (first !== undefined)
    throw new NotComposable(line, `/${first} was not found in the layers that it is copied from`);
}

/** What a layer has in the place of an entry of an archive. */
function entryAs(
  { path, type, size, link, xattrs }: StreamedEntry,
  { path: target, mode, uid, gid }: PathEntry,
  taken: ReadonlyMap<string, PathEntry>,
  line: number,
): PathEntry {
  const refuse = (what: string) =>
    new NotComposable(line, `/${path}, which is copied from elsewhere, ${what}`);
  if (Object.keys(xattrs).length > 0) throw refuse('has extended attributes');
  const own = { path: target, mode, uid, gid };
  if (type === 'file') return { ...own, type, size, link: '' };
  if (type === 'symlink') return { ...own, type, size: 0, link };
  if (type !== 'hardlink') throw refuse(`is a ${type}`);
  const first = taken.get(link);
  if (first === undefined) throw refuse('is a hard link to what is not copied with it');
  return { ...own, type, size: 0, link: first.path };
}
