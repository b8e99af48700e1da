import { fileContent } from '../cache/file-content.ts';
import type { CacheRepository } from '../cache/repository.ts';
import type { Platform } from '../dockerfile/platform.ts';
import { EXIT, LayerwrightError } from '../errors.ts';
import { inParallel } from '../host/parallel.ts';
import { type Descriptor, type History, type ImageConfig, type ImageManifest, MEDIA } from '../image/oci.ts';
import { sha256Digest } from '../registry/body.ts';
import { blobUnknownError } from '../registry/manifests.ts';
import type { UnusableBlobs } from './keep/layer-source.ts';
import type { ImageState, KnownBlob } from './state.ts';

/** An image that only has to be put into repositories. */
export interface ComposedImage {
  readonly manifest: ImageManifest;
  readonly manifestBytes: Buffer;
  /** Of the manifest. */
  readonly digest: string;
  readonly configBytes: Buffer;
  readonly blobs: readonly KnownBlob[];
}

/** Docker's names of layer types, which OCI has its own for: one manifest may not mix them with zstd. */
const OCI_TYPES: Readonly<Record<string, string>> = {
  'application/vnd.docker.image.rootfs.diff.tar': MEDIA.layer,
  'application/vnd.docker.image.rootfs.diff.tar.gzip': MEDIA.layerGzip,
  'application/vnd.docker.image.rootfs.diff.tar.zstd': MEDIA.layerZstd,
};

/** Blobs that are moved at a time. */
const AT_ONCE = 16;

/**
 * Puts an image together. Pure.
 *
 * @param blobs of each layer of the state in order; undefined for one with nothing in it
 * @param created RFC 3339, for the image and for the lines of its history that have no time yet
 */
export function composedImage(
  state: Pick<ImageState, 'layers'>,
  config: ImageConfig,
  blobs: readonly (KnownBlob | undefined)[],
  created: string,
  annotations: Readonly<Record<string, string>> = {},
): ComposedImage {
  const history = historyWith(config.history ?? [], blobs, created);
  const present = blobs.filter((blob) => blob !== undefined);
  const whole: ImageConfig = {
    created,
    ...config,
    rootfs: { type: 'layers', diff_ids: present.map(({ diffId }) => diffId) },
    history,
  };
  if (state.layers.length !== blobs.length) throw new Error('a layer without a blob');
  const configBytes = Buffer.from(JSON.stringify(whole));
  const manifest: ImageManifest = {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: { mediaType: MEDIA.config, digest: sha256Digest(configBytes), size: configBytes.length },
    layers: present.map(({ descriptor }) => plainDescriptor(descriptor)),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
  const manifestBytes = Buffer.from(JSON.stringify(manifest, undefined, 2));
  return { manifest, manifestBytes, digest: sha256Digest(manifestBytes), configBytes, blobs: present };
}

/** An index over the images of several platforms. */
export interface ComposedIndex {
  readonly bytes: Buffer;
  readonly digest: string;
}

/**
 * The index of images, as buildx writes it: in their order, each with its platform. Pure.
 *
 * @param images with their platforms as `normalPlatform` settles them
 */
export function composedIndex(
  images: readonly { readonly platform: Platform; readonly image: ComposedImage }[],
  annotations: Readonly<Record<string, string>> = {},
): ComposedIndex {
  const index = {
    schemaVersion: 2,
    mediaType: MEDIA.index,
    manifests: images.map(({ platform: { os, architecture, variant }, image }) => ({
      ...{ mediaType: MEDIA.manifest, digest: image.digest, size: image.manifestBytes.length },
      platform: { architecture, os, ...(variant ? { variant } : {}) },
    })),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
  const bytes = Buffer.from(JSON.stringify(index, undefined, 2));
  return { bytes, digest: sha256Digest(bytes) };
}

function plainDescriptor({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType: OCI_TYPES[mediaType] ?? mediaType, digest, size };
}

/** A line whose layer turned out to be empty says so; lines and layers fit each other. */
function historyWith(
  history: readonly History[],
  blobs: readonly (KnownBlob | undefined)[],
  created: string,
): readonly History[] {
  let layer = 0;
  const lines = history.map((line): History => {
    const dated = { created, ...line };
    if (line.empty_layer === true) return dated;
    const blob = blobs[layer++];
    return blob === undefined ? { ...dated, empty_layer: true } : dated;
  });
  if (layer !== blobs.length)
    throw new Error(`${blobs.length} layers, but ${layer} lines of history for them`);
  return lines;
}

/** What became of pushing an image. */
export interface Published {
  readonly digest: string;
  /** Bytes that went over the wire to the repository. */
  readonly sentBytes: number;
}

/** Where blobs come from that the target does not have. */
export interface BlobOrigin {
  readonly open: (blob: KnownBlob) => Promise<AsyncIterable<Uint8Array> | undefined>;
}

/**
 * Puts an image into a repository under some tags: what it lacks is mounted from a repository of the same registry, sent from
 * this machine, or copied from elsewhere.
 *
 * @param distrusted digests of blobs that the repository is not believed to have: they are put again
 * @throws LayerwrightError `MANIFEST_BLOB_UNKNOWN` (75) if a layer that was there is not there any more, `BLOB_CORRUPT` (1) if
 *   something else is there under its digest ({@link unusableIn} tells which), and those of the registry
 */
export async function publishImage(
  target: CacheRepository,
  references: readonly string[],
  image: ComposedImage,
  origin: BlobOrigin,
  distrusted: ReadonlySet<string> = new Set(),
): Promise<Published> {
  const config = {
    digest: image.manifest.config.digest,
    size: image.configBytes.length,
    content: image.configBytes,
  };
  const distinct = [...new Map(image.blobs.map((blob) => [blob.descriptor.digest, blob])).values()];
  const sent = await inParallel([config, ...distinct], AT_ONCE, async (one) => {
    if ('content' in one) return (await target.putBlob(one)) === 'sent' ? one.size : 0;
    return await ensureBlob(target, one, origin, distrusted);
  });
  try {
    for (const reference of references.length > 0 ? references : [image.digest])
      await target.putManifest(reference, image.manifestBytes, MEDIA.manifest);
  } catch (error) {
    if (unusableIn(error)?.lost.length !== 0) throw error;
    throw blobUnknownError(target.name, await missingIn(target, distinct));
  }
  return { digest: image.digest, sentBytes: sent.reduce((sum, one) => sum + one, 0) };
}

/** The registry has not said which: those that are not there, else those that it was not asked for. */
async function missingIn(target: CacheRepository, blobs: readonly KnownBlob[]): Promise<readonly string[]> {
  const there = await inParallel(blobs, AT_ONCE, ({ descriptor }) => target.statBlob(descriptor.digest));
  const missing = blobs.filter((_, at) => there[at] === undefined);
  return (missing.length > 0 ? missing : blobs.filter(({ isSeen }) => isSeen)).map(
    ({ descriptor }) => descriptor.digest,
  );
}

/** The blobs that an image could not be put together of, of what {@link publishImage} throws; undefined for another error. */
export function unusableIn(error: unknown): UnusableBlobs | undefined {
  if (!(error instanceof LayerwrightError)) return undefined;
  const { digests } = (error.cause ?? {}) as { readonly digests?: readonly string[] };
  if (error.code === 'MANIFEST_BLOB_UNKNOWN') return { lost: digests ?? [], damaged: [] };
  return error.code === 'BLOB_CORRUPT' && digests !== undefined ? { lost: [], damaged: digests } : undefined;
}

/** @returns bytes that were sent */
async function ensureBlob(
  target: CacheRepository,
  blob: KnownBlob,
  origin: BlobOrigin,
  distrusted: ReadonlySet<string>,
): Promise<number> {
  const { repository, file, isSeen = false } = blob;
  const { digest, size } = blob.descriptor;
  const isOwn = repository === target.name;
  if (isOwn && isSeen) return 0;
  const there = distrusted.has(digest) ? undefined : await target.statBlob(digest);
  if (there === size) return 0;
  if (repository !== undefined && !isOwn && there === undefined) {
    const isMounted = await target.mountBlob(digest, repository);
    if (isMounted && !isSeen) await requireWhole(target, blob);
    if (isMounted) return 0;
  }
  if (isOwn && file === undefined) {
    if (there === undefined) throw blobUnknownError(target.name, [digest]);
    throw damagedError(target.name, digest);
  }
  const content = file === undefined ? () => copied(blob, origin) : fileContent(file);
  const outcome = await target.putBlob({ digest, size, content });
  // What a registry has under a digest it takes for what belongs there, and throws away what is pushed.
  if (there !== undefined) await requireWhole(target, blob);
  return outcome === 'sent' ? size : 0;
}

async function requireWhole(target: CacheRepository, { descriptor }: KnownBlob): Promise<void> {
  const { digest, size } = descriptor;
  if ((await target.statBlob(digest)) !== size) throw damagedError(target.name, digest);
}

async function* copied(blob: KnownBlob, origin: BlobOrigin): AsyncGenerator<Uint8Array> {
  const { digest } = blob.descriptor;
  const place = blob.repository ?? 'this machine';
  const stream = await origin.open(blob);
  if (stream === undefined) throw blobUnknownError(place, [digest]);
  try {
    yield* stream;
  } catch (error) {
    if (!(error instanceof LayerwrightError) || error.code !== 'BLOB_CORRUPT') throw error;
    throw damagedError(place, digest);
  }
}

function damagedError(place: string, digest: string): LayerwrightError {
  return new LayerwrightError(`${place}: what is under ${digest} is damaged, and pushing does not mend it`, {
    code: 'BLOB_CORRUPT',
    exit: EXIT.failed,
    hint: 'Delete the layer there, with the images that have it, or push to another repository.',
    cause: { digests: [digest] },
  });
}
