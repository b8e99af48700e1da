import { EXIT, LayerwrightError } from '../errors.ts';
import type { Descriptor, ImageConfig, ImageManifest } from '../image/oci.ts';
import type { LayerSource } from './read-tree.ts';

/** Where manifests and blobs of one image are: a repository of a registry, or a layout on disk. */
export interface ImageSource {
  /** For messages. */
  readonly name: string;
  /** A manifest or index by tag or digest; undefined if it is not there. */
  readonly manifest: (
    reference: string,
  ) => Promise<{ readonly digest: string; readonly content: unknown } | undefined>;
  /** A small blob, its digest checked; undefined if it is not there. */
  readonly blob: (digest: string) => Promise<Uint8Array | undefined>;
  /** A blob as it comes, its digest checked at its end; undefined if it is not there. */
  readonly openBlob: (digest: string) => Promise<AsyncIterable<Uint8Array> | undefined>;
}

/** One image of one platform, ready to be read. */
export interface OpenedImage {
  readonly name: string;
  /** Of its manifest. */
  readonly digest: string;
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
  /** The lowest first. */
  readonly layers: readonly LayerSource[];
}

/** An index of OCI or a list of Docker. */
interface Index {
  readonly manifests: readonly (Descriptor & {
    readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string };
  })[];
}

/**
 * Opens an image; of an index, the one of the platform.
 *
 * @param platform `os/architecture[/variant]`
 * @throws LayerwrightError `IMAGE_MISSING`, `PLATFORM_UNKNOWN` (2), `IMAGE_UNREADABLE` (1), and those of the source
 */
export async function openImage(
  source: ImageSource,
  reference: string,
  platform: string,
): Promise<OpenedImage> {
  const found = await source.manifest(reference);
  if (found === undefined) throw unknownImage(source.name);
  if (isIndex(found.content))
    return await openImage(source, digestFor(found.content, platform, source.name), platform);
  const manifest = found.content as ImageManifest;
  if (!Array.isArray(manifest?.layers) || typeof manifest.config?.digest !== 'string')
    throw unreadable(`${source.name}: its manifest is none of an image`);
  const bytes = await source.blob(manifest.config.digest);
  if (bytes === undefined) throw unreadable(`${source.name}: its configuration is not there`);
  const config = parseConfig(bytes, source.name);
  if (config.rootfs.diff_ids.length !== manifest.layers.length)
    throw unreadable(
      `${source.name}: its configuration names ${config.rootfs.diff_ids.length} layers, its manifest ${manifest.layers.length}`,
    );
  const layers = manifest.layers.map((layer) => layerOf(source, layer));
  return { name: source.name, digest: found.digest, manifest, config, layers };
}

function isIndex(content: unknown): content is Index {
  return Array.isArray((content as Partial<Index> | null)?.manifests);
}

/** Attestations stand beside images under a platform that does not exist. */
function digestFor({ manifests }: Index, platform: string, name: string): string {
  const images = manifests.filter((one) => one.platform?.architecture !== 'unknown');
  const nameOf = ({ platform: its }: Index['manifests'][number]) =>
    its ? [its.os, its.architecture, its.variant].filter(Boolean).join('/') : '';
  const fits = images.filter((one) => nameOf(one) === platform || nameOf(one).startsWith(`${platform}/`));
  const only =
    images.length === 1 && nameOf(images[0] as Index['manifests'][number]) === '' ? images[0] : undefined;
  const chosen = fits[0] ?? only;
  if (chosen) return chosen.digest;
  throw new LayerwrightError(`${name}: no image for ${platform}`, {
    code: 'PLATFORM_UNKNOWN',
    exit: EXIT.usage,
    hint: `It has: ${images.map(nameOf).filter(Boolean).join(', ') || 'none'}. Choose one with --platform.`,
  });
}

function parseConfig(bytes: Uint8Array, name: string): ImageConfig {
  try {
    const config = JSON.parse(Buffer.from(bytes).toString('utf8')) as ImageConfig;
    if (Array.isArray(config?.rootfs?.diff_ids)) return config;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw unreadable(`${name}: its configuration is none of an image`);
}

function layerOf(source: ImageSource, { mediaType, digest }: Descriptor): LayerSource {
  return {
    mediaType,
    async open() {
      const stream = await source.openBlob(digest);
      if (stream === undefined) throw unreadable(`${source.name}: its layer ${digest} is not there`);
      return stream;
    },
  };
}

function unknownImage(name: string): LayerwrightError {
  return new LayerwrightError(`${name}: there is no such image`, {
    code: 'IMAGE_MISSING',
    exit: EXIT.usage,
    hint: 'Check its name and tag; an image is compared where a registry has it, so push it first.',
  });
}

function unreadable(message: string): LayerwrightError {
  return new LayerwrightError(message, {
    code: 'IMAGE_UNREADABLE',
    exit: EXIT.failed,
    hint: 'Push the image again.',
  });
}
