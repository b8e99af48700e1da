import { inParallel } from '../../host/parallel.ts';
import type { DependencyLayerRequest, WheelFile } from '../../layers/layer.ts';
import type { LockedDistribution, LockedWheel } from '../../python/lock.ts';
import { layerKey, type PlannedLayer } from '../install/install-plan.ts';
import type { WheelStore } from '../install/wheels-on-disk.ts';

/** Everything that a dependency layer was made from, as JSON. */
export interface LayerRecipe {
  /** Without what JSON leaves out: null stands for undefined. */
  readonly request: Omit<PlannedLayer['request'], 'cacheTag' | 'keep'> & {
    readonly cacheTag: string | null;
    readonly keep: readonly string[] | null;
  };
  /** In the order of installation; their URLs have no credentials. */
  readonly wheels: readonly LockedDistribution[];
  /** Version of the Python that compiled its bytecode; null if it has none. */
  readonly compiler: string | null;
}

/** What is kept of how a layer was made. Pure. */
export function layerRecipe({ request, wheels }: PlannedLayer, compiler: string | undefined): LayerRecipe {
  const { cacheTag = null, keep = null, ...rest } = request;
  return { request: { ...rest, cacheTag, keep }, wheels, compiler: compiler ?? null };
}

/** The key of the layer that a recipe makes. Pure. */
export function recipeKey(recipe: LayerRecipe): string {
  return layerKey(requestOf(recipe), recipe.wheels);
}

/** The request of a recipe. Pure. */
export function requestOf({ request }: LayerRecipe): Omit<DependencyLayerRequest, 'wheels' | 'compiler'> {
  return { ...request, cacheTag: request.cacheTag ?? undefined, keep: request.keep ?? undefined };
}

/** Wheels that are fetched at a time for one layer. */
const AT_ONCE = 4;

/** The wheels of a layer on disk. @throws LayerwrightError as `fetchWheel` */
export function wheelFiles(
  store: WheelStore,
  wheels: readonly LockedDistribution[],
): Promise<readonly WheelFile[]> {
  return inParallel(wheels, AT_ONCE, async ({ name, version, wheel, requested, directUrl, files }) => {
    const locked = wheel as LockedWheel;
    const file = await store.fetch(locked);
    const { sha256 } = locked;
    return {
      ...{ name, version, sha256, requested, file },
      ...(directUrl !== undefined && { directUrl }),
      ...(files !== undefined && { files }),
    };
  });
}
