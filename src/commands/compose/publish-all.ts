import type { CacheRepository } from '../../cache/repository.ts';
import {
  type BlobOrigin,
  type ComposedImage,
  type ComposedIndex,
  publishImage,
} from '../../compose/publish.ts';
import { MEDIA } from '../../image/oci.ts';
import { parseReference } from '../../image/reference.ts';
import type { BuildPlan } from '../../plan/build-plan.ts';

/** What is published, and from where. */
export interface ToPublish {
  readonly images: readonly { readonly image: ComposedImage }[];
  /** Over several images. */
  readonly index: ComposedIndex | undefined;
  readonly origin: BlobOrigin;
  /** Digests of blobs that no repository is believed to have. */
  readonly distrusted: ReadonlySet<string>;
}

/**
 * Puts images into all repositories of a build: one image under the tags, several by their digests with the index under the tags.
 * Tags come last, so that none names an image that is not there.
 *
 * @returns bytes that were sent
 * @throws as `publishImage`
 */
export async function publishAll(
  { tags }: BuildPlan,
  repository: (name: string) => CacheRepository,
  toPublish: ToPublish,
): Promise<number> {
  const sent = await Promise.all(
    [...tagsByRepository(tags)].map(([name, own]) => publishInto(repository(name), own, toPublish)),
  );
  return sent.reduce((sum, one) => sum + one, 0);
}

async function publishInto(
  target: CacheRepository,
  tags: readonly string[],
  { images, index, origin, distrusted }: ToPublish,
): Promise<number> {
  const names = index === undefined ? tags : [];
  let sentBytes = 0;
  // One after the other: the second finds what it has in common with the first.
  for (const { image } of images)
    sentBytes += (await publishImage(target, names, image, origin, distrusted)).sentBytes;
  if (index === undefined) return sentBytes;
  for (const tag of tags) await target.putManifest(tag, index.bytes, MEDIA.index);
  return sentBytes;
}

function tagsByRepository(tags: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const references = tags.map(parseReference);
  return new Map(
    [...Map.groupBy(references, ({ domain, path }) => `${domain}/${path}`)].map(([name, all]) => [
      name,
      all.map(({ tag }) => tag ?? 'latest'),
    ]),
  );
}
