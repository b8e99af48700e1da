import { LayerwrightError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { parseReference } from '../image/reference.ts';
import { type RegistryClient, registryClient } from './client.ts';

/**
 * The compressed size of an image that was just pushed: the sum of its layers' sizes in bytes, over all platforms of an
 * index. Undefined if the registry does not tell: a size is worth no failed build.
 *
 * @param tag one of the image's names; undefined if only an `--output` named it
 * @param metadata buildx's; its `containerimage.digest` and `image.name` name the image
 */
export async function pushedImageBytes(
  host: Host,
  tag: string | undefined,
  metadata: Readonly<Record<string, unknown>>,
): Promise<number | undefined> {
  const digest = metadata['containerimage.digest'];
  const name = tag ?? String(metadata['image.name'] ?? '').split(',')[0];
  if (typeof digest !== 'string' || !name) return undefined;
  try {
    const { domain, path } = parseReference(name);
    const client = registryClient(host, domain, { retries: 1, firstDelayMs: 200 });
    return await sizeOf(client, path, digest);
  } catch (error) {
    if (!(error instanceof LayerwrightError) || host.signal.aborted) throw error;
    return undefined;
  }
}

/** Undefined if the registry does not have the manifest, or what it has is none. */
async function sizeOf(client: RegistryClient, path: string, digest: string): Promise<number | undefined> {
  const content = (await client.manifest(path, digest))?.content as Manifest | null | undefined;
  if (!content?.layers && !content?.manifests) return undefined;
  const layers = (content.layers ?? []).map((layer) => layer.size);
  const images = await Promise.all(
    (content.manifests ?? []).map((entry) => sizeOf(client, path, entry.digest)),
  );
  const sizes = [...layers, ...images];
  return sizes.every((size) => size !== undefined) ? sizes.reduce((sum, size) => sum + size, 0) : undefined;
}

interface Manifest {
  readonly layers?: readonly { size: number }[];
  readonly manifests?: readonly { digest: string }[];
}
