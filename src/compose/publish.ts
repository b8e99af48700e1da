import { fileContent } from '../cache/file-content.ts';
import type { CacheRepository } from '../cache/repository.ts';
import { inParallel } from '../host/parallel.ts';
import { type Descriptor, type History, type ImageConfig, type ImageManifest, MEDIA } from '../image/oci.ts';
import { sha256Digest } from '../registry/body.ts';
import { blobUnknownError } from '../registry/manifests.ts';
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
const AT_ONCE = 6;

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
 * @throws LayerwrightError `MANIFEST_BLOB_UNKNOWN` (75) if a layer that was there is not there any more, and those of the registry
 */
export async function publishImage(
  target: CacheRepository,
  references: readonly string[],
  image: ComposedImage,
  origin: BlobOrigin,
): Promise<Published> {
  const config = {
    digest: image.manifest.config.digest,
    size: image.configBytes.length,
    content: image.configBytes,
  };
  const distinct = [...new Map(image.blobs.map((blob) => [blob.descriptor.digest, blob])).values()];
  const sent = await inParallel([config, ...distinct], AT_ONCE, async (one) => {
    if ('content' in one) return (await target.putBlob(one)) === 'sent' ? one.size : 0;
    return await ensureBlob(target, one, origin);
  });
  for (const reference of references.length > 0 ? references : [image.digest])
    await target.putManifest(reference, image.manifestBytes, MEDIA.manifest);
  return { digest: image.digest, sentBytes: sent.reduce((sum, one) => sum + one, 0) };
}

/** @returns bytes that were sent */
async function ensureBlob(target: CacheRepository, blob: KnownBlob, origin: BlobOrigin): Promise<number> {
  const { digest, size } = blob.descriptor;
  const content = blob.file === undefined ? undefined : fileContent(blob.file);
  if (blob.repository === target.name && blob.isSeen) return 0;
  const there = await target.statBlob(digest);
  if (there === size) return 0;
  if (blob.repository !== undefined && blob.repository !== target.name && there === undefined) {
    if (await target.mountBlob(digest, blob.repository)) return 0;
  }
  const source = content ?? (() => copied(blob, origin));
  return (await target.putBlob({ digest, size, content: source })) === 'sent' ? size : 0;
}

async function* copied(blob: KnownBlob, origin: BlobOrigin): AsyncGenerator<Uint8Array> {
  const stream = await origin.open(blob);
  if (stream === undefined)
    throw blobUnknownError(blob.repository ?? 'this machine', [blob.descriptor.digest]);
  yield* stream;
}
