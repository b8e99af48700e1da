import type { Artifact, ArtifactLayer } from '../../cache/artifacts.ts';
import { parseFacts, serialiseFacts } from '../../facts/facts-file.ts';
import type { ImageFacts } from '../../facts/image-facts.ts';
import { sha256Digest } from '../../registry/body.ts';
import type { Keeper } from './keeper.ts';

const FACTS_TYPE = 'application/vnd.layerwright.facts.v1+zstd';

/** Facts as the first layer of what is kept. */
export function factsLayer(facts: ImageFacts): ArtifactLayer {
  const bytes = serialiseFacts(facts);
  const descriptor = { mediaType: FACTS_TYPE, digest: sha256Digest(bytes), size: bytes.length };
  return { descriptor, content: bytes };
}

/** The facts of what was kept; undefined if they are gone or damaged. */
export async function readKeptFacts(keeper: Keeper, { layers }: Artifact): Promise<ImageFacts | undefined> {
  const [blob] = layers;
  const bytes = blob?.mediaType === FACTS_TYPE ? await keeper.blob(blob.digest) : undefined;
  return bytes && parseFacts(bytes);
}
