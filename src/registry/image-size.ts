import { LayerwrightError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { parseReference } from '../image/reference.ts';
import { registryClient } from './client.ts';

/**
 * The compressed size of an image that was just pushed: the sum of its layers' sizes in bytes, over all platforms of an
 * index. Undefined if the registry does not tell: a size is worth no failed build.
 *
 * @param metadata buildx's; its `containerimage.digest` names the image
 */
export async function pushedImageBytes(
  host: Host,
  tag: string,
  metadata: Readonly<Record<string, unknown>>,
): Promise<number | undefined> {
  const { domain, path } = parseReference(tag);
  const digest = metadata['containerimage.digest'];
  if (typeof digest !== 'string') return undefined;
  const client = registryClient(host, domain, { retries: 1, firstDelayMs: 200 });
  const sizeOf = async (reference: string): Promise<number> => {
    const found = await client.manifest(path, reference);
    const { layers = [], manifests = [] } = (found?.content ?? {}) as Manifest;
    const images = await Promise.all(manifests.map((entry) => sizeOf(entry.digest)));
    return [...layers.map((layer) => layer.size), ...images].reduce((sum, size) => sum + size, 0);
  };
  try {
    return await sizeOf(digest);
  } catch (error) {
    if (!(error instanceof LayerwrightError) || host.signal.aborted) throw error;
    return undefined;
  }
}

interface Manifest {
  readonly layers?: readonly { size: number }[];
  readonly manifests?: readonly { digest: string }[];
}
