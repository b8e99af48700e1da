import { LayerwrightError } from '../errors.ts';
import { inParallel } from '../host/parallel.ts';
import { type Descriptor, type ImageManifest, MEDIA } from '../image/oci.ts';
import { statusOf } from '../registry/answers.ts';
import { sha256Digest } from '../registry/body.ts';
import type { FoundManifest } from '../registry/manifests.ts';
import type { BlobSource } from '../registry/uploads.ts';
import type { CacheRepository } from './repository.ts';

/**
 * Something that a cache repository keeps under a tag: a JSON object, and layers that it keeps alive. It is an ordinary
 * image manifest, so that the registry's garbage collection sees its layers as used. Its own type is that of its config too
 * (registries from before OCI 1.1 know no `artifactType`), without parameters (ECR takes none).
 */
export interface Artifact {
  /** Of the manifest. */
  readonly digest: string;
  /** Parsed JSON; whoever reads it checks its shape. */
  readonly config: unknown;
  readonly layers: readonly Descriptor[];
  readonly annotations: Readonly<Record<string, string>>;
}

/** What was found under a tag. Five different things, and each but the first means to go on without. */
export type ArtifactLookup =
  | { readonly outcome: 'hit'; readonly artifact: Artifact }
  | { readonly outcome: 'miss' }
  | { readonly outcome: Trouble; readonly detail: string };

/** Why a repository cannot be used: its content is wrong, it may not be read or written, it does not answer. */
export type Trouble = 'corrupt' | 'unauthorized' | 'unreachable';

/** A layer of an artifact to put. */
export interface ArtifactLayer {
  readonly descriptor: Descriptor;
  /** Undefined if the repository is known to have it. */
  readonly content?: BlobSource['content'];
  /** See {@link CacheRepository.putBlob}. */
  readonly mountFrom?: string;
}

/** An artifact to put. */
export interface NewArtifact {
  /** Lower-case word: the type is `application/vnd.layerwright.<kind>.v1+json`. */
  readonly kind: string;
  readonly config: object;
  readonly layers: readonly ArtifactLayer[];
  readonly annotations?: Readonly<Record<string, string>>;
  /** False if nobody waits for it when it is read: then it is stored once, not in its manifest too. */
  readonly embeds?: boolean;
}

/** What became of putting an artifact. */
export type ArtifactPut =
  | {
      readonly outcome: 'put';
      readonly digest: string;
      /** Bytes of blobs that were sent. */
      readonly sentBytes: number;
    }
  /** The repository lacks layers that it was thought to have; the list may be empty if it does not say which. */
  | { readonly outcome: 'missing'; readonly digests: readonly string[]; readonly detail: string }
  /** It does not take it: no such repository, a tag that may not change, a type it does not want. */
  | { readonly outcome: 'refused'; readonly detail: string }
  | { readonly outcome: 'unauthorized' | 'unreachable'; readonly detail: string };

/** A config up to this size is in the manifest too: the artifact is read in one round trip. Manifests may have 4 MiB. */
const EMBED_BYTES = 256 * 1024;
/** No config is longer. */
const CONFIG_LIMIT = 32 * 1024 * 1024;
/** Blobs that are pushed at the same time. */
const PARALLEL = 4;

function typeOf(kind: string): string {
  return `application/vnd.layerwright.${kind}.v1+json`;
}

/**
 * Looks an artifact up. Throws only if interrupted.
 *
 * @param kind what is expected there; something else is corrupt
 */
export async function getArtifact(
  repository: CacheRepository,
  tag: string,
  kind: string,
): Promise<ArtifactLookup> {
  try {
    const found = await repository.manifest(tag);
    if (found === undefined) return { outcome: 'miss' };
    const manifest = artifactManifest(found, typeOf(kind));
    if (manifest === undefined) return corrupt(repository, tag, 'something else is under this name');
    const bytes = embedded(manifest.config) ?? (await repository.blob(manifest.config.digest, CONFIG_LIMIT));
    if (bytes === undefined) return { outcome: 'miss' };
    const artifact = {
      digest: found.digest,
      config: JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown,
      layers: manifest.layers.filter(({ digest }) => digest !== manifest.config.digest),
      annotations: manifest.annotations ?? {},
    };
    return { outcome: 'hit', artifact };
  } catch (error) {
    if (error instanceof SyntaxError) return corrupt(repository, tag, 'its config is no JSON');
    return { outcome: troubleOf(error), detail: (error as Error).message };
  }
}

function corrupt({ name }: CacheRepository, tag: string, why: string): ArtifactLookup {
  return { outcome: 'corrupt', detail: `${name}:${tag}: ${why}` };
}

/** A descriptor may hold its content (image specification 1.1, `data`). */
interface EmbeddedDescriptor extends Descriptor {
  readonly data?: string;
}

type ArtifactManifest = ImageManifest & { readonly config: EmbeddedDescriptor };

/** The manifest if it is one of this type. */
function artifactManifest({ content }: FoundManifest, type: string): ArtifactManifest | undefined {
  const manifest = content as Partial<ArtifactManifest> | null;
  const isArtifact =
    isDescriptor(manifest?.config) &&
    manifest.config.mediaType === type &&
    Array.isArray(manifest.layers) &&
    manifest.layers.every(isDescriptor);
  return isArtifact ? (manifest as ArtifactManifest) : undefined;
}

function isDescriptor(value: unknown): value is Descriptor {
  const { mediaType, digest, size } = (value ?? {}) as Partial<Descriptor>;
  return (
    typeof mediaType === 'string' && /^sha256:[0-9a-f]{64}$/.test(digest ?? '') && Number.isSafeInteger(size)
  );
}

/** What the descriptor holds, if it is what it says. */
function embedded({ data, digest }: EmbeddedDescriptor): Uint8Array | undefined {
  if (typeof data !== 'string') return undefined;
  const bytes = Buffer.from(data, 'base64');
  return sha256Digest(bytes) === digest ? bytes : undefined;
}

/**
 * Puts an artifact under a tag: its blobs side by side, then the manifest. Throws only if interrupted, and what reading
 * `content` throws.
 */
export async function putArtifact(
  repository: CacheRepository,
  tag: string,
  { kind, config, layers, annotations, embeds = true }: NewArtifact,
): Promise<ArtifactPut> {
  const bytes = Buffer.from(JSON.stringify(config));
  const descriptor: EmbeddedDescriptor = {
    mediaType: typeOf(kind),
    digest: sha256Digest(bytes),
    size: bytes.length,
    ...(embeds && bytes.length <= EMBED_BYTES && { data: bytes.toString('base64') }),
  };
  const { data: _data, ...plain } = descriptor;
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    artifactType: typeOf(kind),
    config: descriptor,
    // An image manifest without any layer is refused by some registries.
    layers: layers.length === 0 ? [plain] : layers.map((layer) => layer.descriptor),
    ...(annotations && { annotations }),
  } satisfies ImageManifest;
  try {
    const sent = await inParallel([{ descriptor, content: bytes }, ...layers], PARALLEL, (layer) =>
      putLayer(repository, layer),
    );
    const digest = await repository.putManifest(tag, manifest, MEDIA.manifest);
    return { outcome: 'put', digest, sentBytes: sent.reduce((sum, one) => sum + one, 0) };
  } catch (error) {
    return failedPut(error);
  }
}

/** Returns the bytes that were sent. */
async function putLayer(
  repository: CacheRepository,
  { descriptor: { digest, size }, content, mountFrom }: ArtifactLayer,
): Promise<number> {
  if (content === undefined) return 0;
  const outcome = await repository.putBlob({ digest, size, content }, { mountFrom });
  return outcome === 'sent' ? size : 0;
}

function failedPut(error: unknown): ArtifactPut {
  if (!(error instanceof LayerwrightError)) throw error;
  const detail = error.message;
  if (error.code === 'MANIFEST_BLOB_UNKNOWN') {
    const { digests = [] } = error.cause as { readonly digests?: readonly string[] };
    return { outcome: 'missing', digests, detail };
  }
  if (error.code === 'BLOB_CHANGED') throw error;
  if (['REPOSITORY_UNKNOWN', 'TAG_IMMUTABLE'].includes(error.code)) return { outcome: 'refused', detail };
  const trouble = troubleOf(error);
  if (trouble !== 'unreachable') return { outcome: trouble === 'corrupt' ? 'refused' : trouble, detail };
  const isAnswer = (statusOf(error) ?? 500) < 500 && !error.temporary;
  return { outcome: isAnswer ? 'refused' : 'unreachable', detail };
}

const UNAUTHORIZED = [
  'REGISTRY_DENIED',
  'REGISTRY_INSECURE',
  'AWS_DENIED',
  'AWS_CREDENTIALS_MISSING',
  'DOCKER_CONFIG_INVALID',
  'CREDENTIAL_HELPER_FAILED',
  'FILE_UNUSABLE',
];
const CORRUPT = ['BLOB_CORRUPT', 'MANIFEST_CORRUPT', 'LAYOUT_CORRUPT'];

/** What an error of a repository means for a cache; an interrupt and what is no error of ours are thrown. */
export function troubleOf(error: unknown): Trouble {
  if (!(error instanceof LayerwrightError) || error.code === 'INTERRUPTED') throw error;
  if (UNAUTHORIZED.includes(error.code)) return 'unauthorized';
  if (CORRUPT.includes(error.code)) return 'corrupt';
  // Something that is no manifest, rather than a status that nobody expects.
  if (error.code === 'REGISTRY_ANSWER' && statusOf(error) === undefined) return 'corrupt';
  return 'unreachable';
}
