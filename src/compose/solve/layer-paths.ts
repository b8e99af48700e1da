import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Artifact, ArtifactLayer } from '../../cache/artifacts.ts';
import { sha256Digest } from '../../registry/body.ts';
import type { Keeper } from '../keep/keeper.ts';
import type { GivenLayer } from '../state.ts';

const PATHS_TYPE = 'application/vnd.layerwright.layer-paths.v1+zstd';

/** What each layer holds, where it is known, as a layer of what is kept of an image; none if it is known of none. */
export function pathsLayer(layers: readonly GivenLayer[]): readonly ArtifactLayer[] {
  if (layers.every(({ paths }) => paths === undefined)) return [];
  const bytes = zstdCompressSync(Buffer.from(JSON.stringify(layers.map(({ paths }) => paths ?? null))));
  const descriptor = { mediaType: PATHS_TYPE, digest: sha256Digest(bytes), size: bytes.length };
  return [{ descriptor, content: bytes }];
}

/** What was kept by {@link pathsLayer}, by the layer's place; undefined where nothing is known. */
export async function readKeptPaths(
  keeper: Keeper,
  { layers }: Artifact,
): Promise<readonly (readonly string[] | null)[] | undefined> {
  const blob = layers.find(({ mediaType }) => mediaType === PATHS_TYPE);
  const bytes = blob && (await keeper.blob(blob.digest));
  return (
    bytes && (JSON.parse(zstdDecompressSync(bytes).toString('utf8')) as readonly (readonly string[] | null)[])
  );
}
