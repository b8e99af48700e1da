import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ImageFacts, readImageFacts } from '../../src/facts/image-facts.ts';
import { run } from '../../src/host/exec.ts';
import type { ImageConfig, ImageManifest } from '../../src/image/oci.ts';
import { compilerFor } from '../../src/layers/compiler.ts';
import type { AddedLayer, SplitLayers, SplitRequest } from '../../src/split/request.ts';
import { splitLayers } from '../../src/split/split.ts';
import { type LayerSource, treeOfLayers } from '../../src/verify/read-tree.ts';
import type { Tree } from '../../src/verify/tree.ts';
import { projectOf } from '../commands/launch.ts';
import { testHost } from '../support/host.ts';

/** What BuildKit made of a Dockerfile, on disk. */
export interface SolvedImage {
  readonly below: ImageFacts;
  readonly after: ImageFacts;
  readonly lower: readonly LayerSource[];
  readonly added: readonly (AddedLayer & LayerSource)[];
}

export const MTIME = 315_532_800;

/**
 * Solves a Dockerfile anew, without any cache.
 *
 * @param directory for the image: existing
 * @param baseLayers how many layers are those of its base
 */
export async function solvedImage(
  directory: string,
  dockerfile: string,
  files: Readonly<Record<string, string>>,
  baseLayers: number,
): Promise<SolvedImage> {
  await using project = await projectOf({ Dockerfile: dockerfile, ...files });
  const out = join(directory, 'image');
  const output = `type=oci,tar=false,compression=zstd,oci-mediatypes=true,dest=${out}`;
  const result = await run(
    [...['buildx', 'build', '--no-cache', '--provenance=false', '--output', output], project.path],
    { env: process.env },
  );
  assert.equal(result.exitCode, 0, result.stderr);
  const blob = (digest: string) => join(out, 'blobs', digest.replace(':', '/'));
  const json = async <T>(file: string) => JSON.parse(await readFile(file, 'utf8')) as T;
  const index = await json<{ manifests: [{ digest: string }] }>(join(out, 'index.json'));
  const manifest = await json<ImageManifest>(blob(index.manifests[0].digest));
  const config = await json<ImageConfig>(blob(manifest.config.digest));
  const source = { openBlob: async (digest: string) => createReadStream(blob(digest)) };
  const cut = {
    manifest: { ...manifest, layers: manifest.layers.slice(0, baseLayers) },
    config: {
      ...config,
      rootfs: { ...config.rootfs, diff_ids: config.rootfs.diff_ids.slice(0, baseLayers) },
    },
  };
  const below = await readImageFacts(source, cut.manifest, cut.config);
  const layers = manifest.layers.map((descriptor) => ({
    ...{ descriptor, mediaType: descriptor.mediaType },
    open: async () => createReadStream(blob(descriptor.digest)),
  }));
  return {
    below,
    after: await readImageFacts(source, manifest, config, below),
    lower: layers.slice(0, baseLayers),
    added: layers.slice(baseLayers),
  };
}

export function requestFor(
  { below, after, added }: SolvedImage,
  directory: string,
  rest: Partial<SplitRequest> = {},
): SplitRequest {
  return {
    ...{ layers: added, below: below.index, after: after.index, name: 'RUN install', directory },
    ...{ compression: 'zstd', mtime: MTIME },
    compilerFor: (minor) => compilerFor(testHost(), `${minor}.2`, '/nowhere'),
    ...rest,
  };
}

export async function splitOf(image: SolvedImage, directory: string): Promise<SplitLayers> {
  const result = await splitLayers(requestFor(image, directory));
  assert.ok('layers' in result, JSON.stringify(result));
  return result;
}

export function treeBelow({ lower }: SolvedImage): Promise<Tree> {
  return treeOfLayers(lower);
}
