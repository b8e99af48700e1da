import { EXIT, LayerwrightError } from '../errors.ts';
import { type ConfigDifference, compareConfigs } from './compare-configs.ts';
import { compareTrees } from './compare-trees.ts';
import type { Difference, TreeComparison } from './difference.ts';
import type { OpenedImage } from './image-source.ts';
import { treeOfLayers } from './read-tree.ts';
import type { Tree } from './tree.ts';

/** What the comparison of two images found. */
export interface ImageComparison {
  readonly files: TreeComparison;
  readonly settings: readonly ConfigDifference[];
  /** Layers that both have, from the lowest on: they are read once. */
  readonly sharedLayers: number;
}

/**
 * Compares two images: what their layers make together, and how a container is started.
 *
 * @param rules see `CompareRules`; the homes of both configurations are added
 * @throws LayerwrightError `DIFF_ID_WRONG` (1), and those of reading layers and of the images' sources
 */
export async function compareImages(
  image: OpenedImage,
  plain: OpenedImage,
  rules: { readonly solveNoise: boolean },
): Promise<ImageComparison> {
  const [ours, theirs] = [image.config.rootfs.diff_ids, plain.config.rootfs.diff_ids];
  const first = ours.findIndex((id, index) => id !== theirs[index]);
  const sharedLayers = first < 0 ? ours.length : first;
  const shared = await treeOfLayers(image.layers.slice(0, sharedLayers));
  const here = await treeOfLayers(image.layers.slice(sharedLayers), shared);
  const there = await treeOfLayers(plain.layers.slice(sharedLayers), shared);
  checkDiffIds(image, here);
  checkDiffIds(plain, there);
  const homes = [image, plain].flatMap(({ config }) =>
    (config.config?.Env ?? []).filter((one) => one.startsWith('HOME=')).map((one) => one.slice(5)),
  );
  const files = compareTrees(here, there, { ...rules, homes });
  const layering = layeringDifferences(here, there, sharedLayers);
  return {
    files: { ...files, differences: [...files.differences, ...layering] },
    settings: compareConfigs(image.config, plain.config),
    sharedLayers,
  };
}

/** What our layers alone leave to the runtime, so that the file system that was compared is not the one everywhere. */
function layeringDifferences(image: Tree, plain: Tree, shared: number): readonly Difference[] {
  const known = new Set(
    plain.layers.flatMap(({ hazards }) => hazards.map(({ path, what }) => `${what} ${path}`)),
  );
  return image.layers.slice(shared).flatMap(({ hazards }, index) =>
    hazards
      .filter(({ path, what }) => !known.has(`${what} ${path}`))
      .map(({ path, what }) => ({
        path: `/${path}`,
        kind: 'layering',
        image: what,
        plain: null,
        layer: shared + index,
      })),
  );
}

/** A runtime refuses a layer whose archive has another digest than the configuration says. */
function checkDiffIds({ name, config }: OpenedImage, { layers }: Tree): void {
  for (const [index, { diffId }] of layers.entries()) {
    const expected = config.rootfs.diff_ids[index];
    if (diffId === expected) continue;
    throw new LayerwrightError(
      `${name}: layer ${index} has the diffID ${diffId}, but the configuration says ${expected}`,
      {
        code: 'DIFF_ID_WRONG',
        exit: EXIT.failed,
        hint: 'No runtime starts this image. Build and push it again; if it was built by Layerwright, please report it.',
      },
    );
  }
}
