import { layoutRepository } from '../../cache/repository-layout.ts';
import { type ImageFacts, readImageFacts } from '../../facts/image-facts.ts';
import { readTextIfThere } from '../../host/files.ts';
import { inParallel } from '../../host/parallel.ts';
import type { Descriptor, ImageConfig, ImageManifest } from '../../image/oci.ts';
import type { FinishedBlob } from '../../layers/compressed-blob.ts';
import { compressedLayer } from '../../layers/recompress.ts';
import type { SplitLayer } from '../../split/request.ts';
import { splitLayers } from '../../split/split.ts';
import type { Composer } from '../compose.ts';
import { DEPENDENCY_TIME } from '../install/install-layers.ts';
import { type ComposedImage, composedImage, type Published, publishImage, unusableIn } from '../publish.ts';
import { type GivenImage, type KnownBlob, NotComposable } from '../state.ts';
import type { SolveRequest } from './solve-request.ts';
import { splitHistory, unsplitHistory } from './split-history.ts';

/** Less than this is not worth a word. */
const TELLING_BYTES = 1_000_000;

/** What a segment that was solved on this machine came to in the cache repository. */
export interface PublishedSegment {
  readonly image: GivenImage;
  /** Bytes that were sent to the cache repository. */
  readonly sentBytes: number;
}

/** Where a solved segment is, and where it goes. */
export interface SegmentPlace {
  /** Directory of the OCI image layout; absolute. */
  readonly layout: string;
  /** For new layers; absolute. */
  readonly directory: string;
  /** The layers of the image that it was solved from. */
  readonly below: readonly KnownBlob[];
  /** Of the cache repository. */
  readonly tag: string;
}

/**
 * Puts a segment that BuildKit exported to an OCI image layout into the cache repository: its layers laid out anew, a layer for
 * each group of distributions, or as they are where that is not surely the same.
 */
export async function publishSegment(
  composer: Composer,
  request: SolveRequest,
  { layout: place, directory, below, tag }: SegmentPlace,
): Promise<PublishedSegment> {
  const layout = layoutRepository(place);
  const solved = await readLayout(place, layout);
  const { manifest, config } = solved;
  if (below.some(({ diffId }, at) => diffId !== config.rootfs.diff_ids[at]))
    throw new NotComposable(
      request.lines[0],
      'what BuildKit solved does not begin with the image it was given',
    );
  const source = { openBlob: async (digest: string) => opened(layout, digest) };
  const { parent } = request;
  const lower: ImageFacts = { ...parent.files, layers: below.map(({ diffId }) => diffId) };
  const files = await readImageFacts(source, manifest, config, lower, composer.alsoWanted);
  const added = manifest.layers.slice(below.length);
  const asTheyAre = (layers: readonly Descriptor[]) =>
    inParallel(layers, 2, async ({ digest, mediaType }) => {
      const file = `${place}/blobs/sha256/${digest.slice('sha256:'.length)}`;
      const { compression } = composer.request;
      return blobOf(await compressedLayer(file, mediaType, { compression, directory }));
    });
  const last = request.node.instructions[request.to];
  const name = last?.kind === 'run' ? `RUN in line ${last.line}` : 'the segment';
  const split = await composer.steps.step('Splitting what was installed', () =>
    splitLayers({
      layers: added.map((descriptor) => ({ descriptor, open: () => opened(layout, descriptor.digest) })),
      below: parent.files.index,
      after: files.index,
      name,
      compression: composer.request.compression,
      directory,
      compilerFor: composer.compilerFor,
      mtime: DEPENDENCY_TIME,
      ...(composer.signal && { signal: composer.signal }),
    }),
  );
  const cached = 'reason' in split ? 0 : cachedBytes(split.layers);
  if (cached > TELLING_BYTES)
    composer.steps.note(
      `${name} leaves ${Math.round(cached / 1e6)} MB of caches in the image: pip install --no-cache-dir, or RUN --mount=type=cache, keeps them out`,
    );
  const own = 'reason' in split ? await asTheyAre(added) : split.layers.map(({ made }) => blobOf(made));
  const lines = config.history ?? [];
  const first = parent.stage.image.history?.length ?? 0;
  const history =
    'reason' in split
      ? unsplitHistory(lines, first, split)
      : splitHistory(
          lines,
          first,
          split.layers.map(({ title }) => title),
        );
  const { image, published } = await putSegment(
    composer,
    { below, own, directory, tag },
    { ...config, history },
  );
  const repository = composer.cache.name;
  return {
    sentBytes: published.sentBytes,
    image: {
      image: `${repository}@${published.digest}`,
      config: JSON.parse(image.configBytes.toString('utf8')) as ImageConfig,
      layers: image.blobs.map((blob, at) => {
        const made = 'reason' in split ? undefined : split.layers[at - below.length]?.made;
        return {
          kind: 'given',
          blob: { ...blob, repository, isSeen: true },
          ...(made && { paths: made.entries.map(({ path }) => path) }),
        };
      }),
      files: { ...files, layers: image.blobs.map(({ diffId }) => diffId) },
      below: parent.given,
    },
  };
}

/** Layers that stand in another way under their digest in the repository go there under another one. */
async function putSegment(
  composer: Composer,
  { below, own, directory, tag }: Omit<SegmentPlace, 'layout'> & { readonly own: readonly KnownBlob[] },
  config: ImageConfig,
): Promise<{ image: ComposedImage; published: Published }> {
  const { cache, origin, created, request } = composer;
  const blobs = [...own];
  // What was compressed anew and is damaged too is not tried once more.
  const untried = new Map(own.map((blob, at) => [blob.descriptor.digest, at]));
  for (;;) {
    const all = [...below, ...blobs];
    const layers = all.map((blob) => ({ kind: 'given', blob }) as const);
    const image = composedImage({ layers }, config, all, created);
    try {
      return { image, published: await publishImage(cache, [tag], image, origin) };
    } catch (error) {
      const damaged = (unusableIn(error)?.damaged ?? []).flatMap((digest) => untried.get(digest) ?? []);
      if (damaged.length === 0) throw error;
      for (const at of damaged) {
        const { descriptor, file } = own[at] as KnownBlob;
        untried.delete(descriptor.digest);
        const into = { compression: request.compression, directory };
        blobs[at] = blobOf(await compressedLayer(file as string, descriptor.mediaType, into, 'other'));
      }
    }
  }
}

/** Bytes of caches in home directories, which are other in each run and pushed each time. */
function cachedBytes(layers: readonly SplitLayer[]): number {
  return layers
    .filter(({ kind }) => kind === 'volatile')
    .flatMap(({ made }) => made.entries)
    .filter(({ path }) => /(?:^|\/)\.cache\//.test(path))
    .reduce((sum, { size }) => sum + size, 0);
}

/** The one image of a layout. */
async function readLayout(directory: string, layout: ReturnType<typeof layoutRepository>) {
  const index = await readTextIfThere(`${directory}/index.json`);
  const [entry] = (JSON.parse(index ?? '{}') as { manifests?: readonly Descriptor[] }).manifests ?? [];
  const found = entry && (await layout.manifest(entry.digest));
  if (found === undefined) throw new Error(`there is no image in ${directory}`);
  const manifest = found.content as ImageManifest;
  const bytes = await layout.blob(manifest.config.digest);
  if (bytes === undefined) throw new Error(`the image in ${directory} has no configuration`);
  return { manifest, config: JSON.parse(Buffer.from(bytes).toString('utf8')) as ImageConfig };
}

async function opened(layout: ReturnType<typeof layoutRepository>, digest: string) {
  const stream = await layout.openBlob(digest);
  if (stream === undefined) throw new Error(`${digest} is not in ${layout.name}`);
  return stream as ReadableStream<Uint8Array>;
}

function blobOf({ descriptor, diffId, file }: FinishedBlob): KnownBlob {
  return { descriptor, diffId, repository: undefined, file };
}
