import type { Host } from '../src/host/host.ts';
import type { Descriptor, ImageManifest } from '../src/image/oci.ts';
import { registryClient } from '../src/registry/client.ts';
import type { Sample } from './sample.ts';

/** An image in a registry, as far as its size goes. */
export interface StoredImage {
  readonly manifest: Pick<Descriptor, 'digest' | 'size'>;
  readonly config: Pick<Descriptor, 'digest' | 'size'>;
  readonly layers: readonly Pick<Descriptor, 'digest' | 'size'>[];
}

/**
 * What a node fetches of an image that has another one: its manifest, its config and its layers, but for those that it
 * has. A layer that is in an image twice is fetched once.
 *
 * @param previous undefined for a node that has nothing
 */
export function pullOf(
  image: StoredImage,
  previous: StoredImage | undefined,
): Pick<Sample, 'imageBytes' | 'pullBytes' | 'layers' | 'newLayers'> {
  const there = new Set(previous === undefined ? [] : blobsOf(previous).map(({ digest }) => digest));
  const all = unique(blobsOf(image));
  const fetched = all.filter(({ digest }) => !there.has(digest));
  return {
    imageBytes: sum(all),
    pullBytes: sum(fetched),
    layers: image.layers.length,
    newLayers: unique(image.layers).filter(({ digest }) => !there.has(digest)).length,
  };
}

/** Reads an image of one platform from a registry without login. */
export async function storedImage(
  host: Host,
  registry: string,
  repository: string,
  tag: string,
): Promise<StoredImage> {
  const found = await registryClient(host, registry).manifest(repository, tag);
  if (found === undefined) throw new Error(`${registry}/${repository}:${tag} is not in the registry`);
  const { config, layers } = found.content as Partial<ImageManifest>;
  if (config === undefined || layers === undefined)
    throw new Error(`${registry}/${repository}:${tag} is no image of one platform`);
  const response = await host.fetch(`http://${registry}/v2/${repository}/manifests/${found.digest}`, {
    headers: { accept: found.mediaType },
    signal: host.signal,
  });
  const size = (await response.arrayBuffer()).byteLength;
  return { manifest: { digest: found.digest, size }, config, layers };
}

function blobsOf({ manifest, config, layers }: StoredImage) {
  return [manifest, config, ...layers];
}

function unique(blobs: readonly Pick<Descriptor, 'digest' | 'size'>[]) {
  return [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
}

function sum(blobs: readonly Pick<Descriptor, 'size'>[]): number {
  return blobs.reduce((total, { size }) => total + size, 0);
}
