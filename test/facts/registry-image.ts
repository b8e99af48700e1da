import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { LayerSource } from '../../src/facts/image-facts.ts';
import type { Descriptor, ImageConfig, ImageManifest } from '../../src/image/oci.ts';
import { MEDIA } from '../../src/image/oci.ts';
import { registryClient } from '../../src/registry/client.ts';
import { testHost } from '../support/host.ts';

/** An image of a registry, with what its layers are read from. */
export interface RegistryImage extends LayerSource {
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
}

/** Looks an image of one platform up. */
export async function registryImage(
  domain: string,
  repository: string,
  reference: string,
): Promise<RegistryImage> {
  const client = registryClient(testHost(), domain);
  const found = await client.manifest(repository, reference);
  assert.ok(found, `${repository}:${reference} is there`);
  const manifest = found.content as ImageManifest;
  const config = await client.blob(repository, manifest.config.digest);
  assert.ok(config);
  return {
    manifest,
    config: JSON.parse(Buffer.from(config).toString('utf8')) as ImageConfig,
    async openBlob(digest) {
      const stream = await client.openBlob(repository, digest);
      assert.ok(stream, digest);
      return stream;
    },
  };
}

/** Pushes an image with these archives as layers on top of another, whose layers are mounted. */
export async function pushOnTop(
  domain: string,
  below: { readonly repository: string; readonly image: RegistryImage },
  repository: string,
  archives: readonly Buffer[],
): Promise<void> {
  const client = registryClient(testHost(), domain);
  const put = async (mediaType: string, bytes: Buffer): Promise<Descriptor> => {
    const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
    await client.putBlob(repository, { ...descriptor, content: bytes });
    return descriptor;
  };
  for (const { digest } of below.image.manifest.layers)
    assert.ok(await client.mountBlob(repository, digest, below.repository));
  const layers = [...below.image.manifest.layers];
  for (const archive of archives) layers.push(await put(MEDIA.layer, archive));
  const { config } = below.image;
  const diff_ids = [...config.rootfs.diff_ids, ...archives.map(digestOf)];
  const { history: _none, ...rest } = config;
  const bytes = Buffer.from(JSON.stringify({ ...rest, rootfs: { type: 'layers', diff_ids } }));
  const manifest: ImageManifest = {
    ...{ schemaVersion: 2, mediaType: MEDIA.manifest, layers },
    config: await put(MEDIA.config, bytes),
  };
  await client.putManifest(repository, 'latest', manifest, MEDIA.manifest);
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
