import { LayerwrightError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { RetryPolicy } from '../host/http.ts';
import { parseReference } from '../image/reference.ts';
import { registryClient } from '../registry/client.ts';

/** What was found when a layer cache was looked at. The three are different things and are reported as such. */
export interface CacheLook {
  readonly reference: string;
  readonly outcome: 'hit' | 'miss' | 'unreadable';
  /** Why it is unreadable; for a hit, how many layers it has. */
  readonly detail: string | undefined;
}

/** A cache is worth a short wait only: two more tries within about a second. */
const CACHE_RETRY: RetryPolicy = { retries: 2, firstDelayMs: 300 };

const CACHE_CONFIG = 'application/vnd.buildkit.cacheconfig.v0';

/** Looks at BuildKit's layer cache in a registry without reading it. Never throws for what a registry does. */
export async function lookAtLayerCache(host: Host, reference: string): Promise<CacheLook> {
  try {
    const parsed = parseReference(reference);
    const client = registryClient(host, parsed.domain, CACHE_RETRY);
    const found = await client.manifest(parsed.path, parsed.digest ?? parsed.tag ?? 'latest');
    if (found === undefined) return { reference, outcome: 'miss', detail: undefined };
    const layers = cacheLayers(found.content);
    if (layers === undefined)
      return { reference, outcome: 'unreadable', detail: 'what is under this name is no BuildKit cache' };
    return { reference, outcome: 'hit', detail: `${layers} layers` };
  } catch (error) {
    if (!(error instanceof LayerwrightError) || host.signal.aborted) throw error;
    return { reference, outcome: 'unreadable', detail: error.message };
  }
}

/**
 * The number of layers of a cache manifest in either of BuildKit's forms: an image manifest with a cache config
 * (`image-manifest=true`), or an index whose last entry is the config. Undefined if it is neither.
 */
export function cacheLayers(content: unknown): number | undefined {
  const { config, layers, manifests } = content as {
    config?: { mediaType?: string };
    layers?: unknown[];
    manifests?: { mediaType?: string }[];
  };
  if (config?.mediaType === CACHE_CONFIG) return layers?.length ?? 0;
  if (manifests?.some((entry) => entry.mediaType === CACHE_CONFIG)) return manifests.length - 1;
  // An image with inline cache (`type=inline`) is read by BuildKit too; its config holds the cache.
  return config?.mediaType?.includes('image') || config?.mediaType?.includes('container')
    ? layers?.length
    : undefined;
}
