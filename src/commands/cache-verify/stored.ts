import type { CacheRepository } from '../../cache/repository.ts';
import { LayerwrightError } from '../../errors.ts';
import type { ImageConfig, ImageManifest } from '../../image/oci.ts';
import type { CacheProblemFound } from '../cache-verify.ts';

/** A manifest that a tag keeps: an artifact's or an image's. */
export interface StoredManifest {
  readonly tag: string;
  readonly digest: string;
  readonly manifest: ImageManifest;
  /** The config, parsed; undefined if it is not there or no JSON: the check of blobs says why. */
  readonly config: unknown;
  /** The diffID of each layer, as far as the config has it. */
  readonly diffIds: readonly (string | undefined)[];
}

/** A config is held in memory. */
const CONFIG_LIMIT = 32 * 1024 * 1024;

/** What a tag keeps: one manifest, or those of an index. */
export async function readStored(
  repository: CacheRepository,
  tag: string,
): Promise<{ readonly manifests: readonly StoredManifest[] } | { readonly problem: CacheProblemFound }> {
  return await readManifest(repository, tag, tag);
}

async function readManifest(
  repository: CacheRepository,
  tag: string,
  reference: string,
): ReturnType<typeof readStored> {
  const problem = (kind: CacheProblemFound['kind'], digest: string | null, detail: string) => ({
    problem: { kind, tags: [tag], digest, detail },
  });
  const asked = reference === tag ? null : reference;
  const found = await soundly(() => repository.manifest(reference));
  if (found instanceof LayerwrightError) return problem('corrupt', asked, found.message);
  if (found === undefined) return problem('gone', asked, 'it is listed, and not there');
  const content = found.content as Partial<ImageManifest> & { manifests?: readonly { digest: string }[] };
  if (Array.isArray(content?.manifests)) {
    const inside: StoredManifest[] = [];
    for (const { digest } of content.manifests) {
      const one = await readManifest(repository, tag, digest);
      if ('problem' in one) return one;
      inside.push(...one.manifests);
    }
    return { manifests: inside };
  }
  if (typeof content?.config?.digest !== 'string' || !Array.isArray(content.layers))
    return problem('unreadable', found.digest, 'its manifest is none of an image or artifact');
  const manifest = content as ImageManifest;
  const config = await readConfig(repository, manifest);
  return {
    manifests: [{ tag, digest: found.digest, manifest, config, diffIds: diffIdsOf(manifest, config) }],
  };
}

const DAMAGE = ['BLOB_CORRUPT', 'MANIFEST_CORRUPT', 'LAYER_UNREADABLE', 'LAYOUT_CORRUPT'];

/** What is damaged is a finding; what cannot be asked is an error. */
export async function soundly<T>(work: () => Promise<T>): Promise<T | LayerwrightError> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LayerwrightError && DAMAGE.includes(error.code)) return error;
    throw error;
  }
}

async function readConfig(repository: CacheRepository, { config }: ImageManifest): Promise<unknown> {
  if (config.size > CONFIG_LIMIT) return undefined;
  const bytes = await soundly(() => repository.blob(config.digest));
  if (bytes === undefined || bytes instanceof LayerwrightError) return undefined;
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** An image's configuration has them in a list, an artifact of one layer may have it as `diffId`. */
function diffIdsOf({ layers }: ImageManifest, config: unknown): readonly (string | undefined)[] {
  const { rootfs, diffId } = (config ?? {}) as Partial<ImageConfig> & { diffId?: unknown };
  if (rootfs?.diff_ids?.length === layers.length) return rootfs.diff_ids;
  return layers.map(() => (layers.length === 1 && typeof diffId === 'string' ? diffId : undefined));
}
