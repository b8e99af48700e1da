import { LayerwrightError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { RetryPolicy } from '../host/http.ts';
import { parseReference } from '../image/reference.ts';
import { type RegistryClient, registryClient } from '../registry/client.ts';

/** What was found when a layer cache was looked at. The three are different things and are reported as such. */
export interface CacheLook {
  readonly reference: string;
  readonly outcome: 'hit' | 'miss' | 'unreadable';
  /** Why it is unreadable; for a hit, what it holds: `12 layers`. */
  readonly detail: string | undefined;
  /** Something else is under this name. BuildKit imports that without a word and finds nothing in it. */
  readonly foreign?: boolean;
}

/** A cache is worth a short wait only: two more tries within about a second. */
const CACHE_RETRY: RetryPolicy = { retries: 2, firstDelayMs: 300 };

/** Looks at BuildKit's layer cache in a registry without reading it. Never throws for what a registry does. */
export async function lookAtLayerCache(host: Host, reference: string): Promise<CacheLook> {
  try {
    const parsed = parseReference(reference);
    const client = registryClient(host, parsed.domain, CACHE_RETRY);
    const found = await client.manifest(parsed.path, parsed.digest ?? parsed.tag ?? 'latest');
    if (found === undefined) return { reference, outcome: 'miss', detail: undefined };
    const layers = await cachedLayers(client, parsed.path, manifestForm(found.content));
    if (layers === undefined)
      return {
        reference,
        outcome: 'unreadable',
        detail: 'what is under this name is no BuildKit cache',
        foreign: true,
      };
    return { reference, outcome: 'hit', detail: `${layers} layer${layers === 1 ? '' : 's'}` };
  } catch (error) {
    if (!(error instanceof LayerwrightError) || host.signal.aborted) throw error;
    return { reference, outcome: 'unreadable', detail: error.message };
  }
}

/**
 * What a manifest is to somebody who looks for a cache: a cache of its own, in either of BuildKit's forms (an image manifest
 * with a cache config, `image-manifest=true`, or an index whose last entry is that config); an image, whose config may hold
 * a cache (`type=inline`); an index of such images.
 */
export type ManifestForm =
  | { readonly form: 'cache'; readonly layers: number }
  | { readonly form: 'image'; readonly layers: number; readonly config: string }
  | { readonly form: 'index'; readonly images: readonly string[] }
  | { readonly form: 'other' };

/** Tells the forms apart by their media types. Pure. */
export function manifestForm(content: unknown): ManifestForm {
  const { config, layers = [], manifests = [] } = (content ?? {}) as ManifestContent;
  if (config?.mediaType === CACHE_CONFIG) return { form: 'cache', layers: layers.length };
  if (manifests.some((entry) => entry.mediaType === CACHE_CONFIG))
    return { form: 'cache', layers: manifests.length - 1 };
  if (config?.digest !== undefined && IMAGE_CONFIGS.includes(config.mediaType ?? ''))
    return { form: 'image', layers: layers.length, config: config.digest };
  const images = manifests.filter((entry) => IMAGE_MANIFESTS.includes(entry.mediaType ?? ''));
  if (images.length > 0) return { form: 'index', images: images.flatMap(({ digest }) => digest ?? []) };
  return { form: 'other' };
}

interface ManifestContent {
  readonly config?: { readonly mediaType?: string; readonly digest?: string };
  readonly layers?: readonly unknown[];
  readonly manifests?: readonly { readonly mediaType?: string; readonly digest?: string }[];
}

const CACHE_CONFIG = 'application/vnd.buildkit.cacheconfig.v0';
const IMAGE_CONFIGS = [
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
];
const IMAGE_MANIFESTS = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];

/** Where an image's config holds its inline cache. */
const INLINE_CACHE = 'moby.buildkit.cache.v0';

/** The number of layers that a cache holds; undefined if BuildKit would find none there. */
async function cachedLayers(
  client: RegistryClient,
  repository: string,
  manifest: ManifestForm,
): Promise<number | undefined> {
  if (manifest.form === 'cache') return manifest.layers;
  if (manifest.form === 'image') {
    const config = await client.blob(repository, manifest.config);
    return config !== undefined && hasInlineCache(config) ? manifest.layers : undefined;
  }
  if (manifest.form === 'other') return undefined;
  const found = await Promise.all(
    manifest.images.map(async (digest) => {
      const image = manifestForm((await client.manifest(repository, digest))?.content);
      return image.form === 'image' ? await cachedLayers(client, repository, image) : undefined;
    }),
  );
  const layers = found.filter((one) => one !== undefined);
  return layers.length === 0 ? undefined : layers.reduce((sum, one) => sum + one, 0);
}

function hasInlineCache(config: Uint8Array): boolean {
  try {
    return INLINE_CACHE in (JSON.parse(Buffer.from(config).toString('utf8')) as object);
  } catch {
    // No JSON object: nobody finds a cache in there.
    return false;
  }
}
