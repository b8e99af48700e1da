import { createHash } from 'node:crypto';
import type { CacheRepository } from '../../cache/repository.ts';
import { LayerwrightError } from '../../errors.ts';
import type { Descriptor } from '../../image/oci.ts';
import { layerArchive } from '../../layers/layer-archive.ts';
import type { CacheProblemFound } from '../cache-verify.ts';
import { soundly } from './stored.ts';

/** A blob that tags keep. */
export interface KeptBlob {
  readonly descriptor: Descriptor;
  readonly tags: readonly string[];
  /** What its archive should be; undefined if it is no layer, or that is not known. */
  readonly diffId: string | undefined;
}

/** Whether a blob is there with its size; with `deep` also its content. Undefined if nothing is wrong. */
export async function checkBlob(
  repository: CacheRepository,
  { descriptor, tags, diffId }: KeptBlob,
  deep: boolean,
): Promise<CacheProblemFound | undefined> {
  const { digest, size } = descriptor;
  const problem = (kind: CacheProblemFound['kind'], detail: string) => ({ kind, tags, digest, detail });
  const actual = await repository.statBlob(digest);
  if (actual === undefined) return problem('missing', `the registry has no blob ${digest}`);
  if (actual !== size) return problem('size', `${actual} B are there, and it should have ${size} B`);
  if (!deep) return undefined;
  const read = await soundly(() => readBlob(repository, descriptor, diffId));
  if (read instanceof LayerwrightError) return problem('corrupt', read.message);
  if (read === undefined) return problem('missing', `the registry has no blob ${digest}`);
  if (diffId !== undefined && read.diffId !== diffId)
    return problem('diffId', `its archive is ${read.diffId}, and should be ${diffId}`);
  return undefined;
}

/** Reads a blob to its end, where the repository checks its digest, and takes the digest of its archive. */
async function readBlob(
  repository: CacheRepository,
  { digest, mediaType }: Descriptor,
  diffId: string | undefined,
): Promise<{ readonly diffId: string } | undefined> {
  const stream = await repository.openBlob(digest);
  if (stream === undefined) return undefined;
  const hash = createHash('sha256');
  for await (const chunk of diffId === undefined ? stream : layerArchive(stream, mediaType))
    hash.update(chunk);
  return { diffId: `sha256:${hash.digest('hex')}` };
}
