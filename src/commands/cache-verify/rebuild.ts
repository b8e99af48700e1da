import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type WheelStore, wheelStore } from '../../compose/install/wheels-on-disk.ts';
import { type LayerRecipe, recipeKey, requestOf, wheelFiles } from '../../compose/keep/layer-recipe.ts';
import { LayerwrightError } from '../../errors.ts';
import { temporaryDirectory } from '../../host/files.ts';
import type { Host } from '../../host/host.ts';
import { compilerFor } from '../../layers/compiler.ts';
import { type LayerPool, layerPool } from '../../layers/layer-pool.ts';
import { compilingRelease } from '../../python/detect/bytecode-magic.ts';
import type { RebuildLayer } from '../cache-verify.ts';
import type { StoredManifest } from './stored.ts';

/** Makes dependency layers anew; ends with its block. */
export interface Rebuilder extends AsyncDisposable {
  readonly rebuild: RebuildLayer;
}

interface Tools {
  readonly host: Host;
  readonly wheels: WheelStore;
  readonly pool: LayerPool;
}

/** A place for wheels and layers, and a thread that makes one at a time. */
export async function rebuilder(host: Host): Promise<Rebuilder> {
  const directory = await temporaryDirectory('layerwright-rebuild-');
  const pool = layerPool({ size: 1, directory: directory.path, signal: host.signal });
  return {
    async rebuild(stored) {
      const recipe = recipeOf(stored);
      if (recipe === undefined) return undefined;
      // What one layer takes is not needed for the next.
      const place = join(directory.path, 'wheels');
      try {
        return await rebuildLayer({ host, wheels: wheelStore(host, place), pool }, stored, recipe);
      } finally {
        await rm(place, { recursive: true, force: true });
      }
    },
    async [Symbol.asyncDispose]() {
      await pool.close();
      await directory[Symbol.asyncDispose]();
    },
  };
}

const LAYER_TYPE = 'application/vnd.layerwright.layer.v1+json';

/** What the artifact of a layer says of how it was made; undefined if it is none, or no dependency layer. */
function recipeOf({ manifest, config }: StoredManifest): LayerRecipe | undefined {
  if (manifest.config.mediaType !== LAYER_TYPE) return undefined;
  return (config as { readonly recipe?: LayerRecipe | null } | undefined)?.recipe ?? undefined;
}

async function rebuildLayer(
  tools: Tools,
  { tag, diffIds: [kept] }: StoredManifest,
  recipe: LayerRecipe,
): ReturnType<RebuildLayer> {
  // Whatever a registry says is used only if the key that it is found by covers it.
  if (!isOfKey(recipe, tag)) return { wrong: 'what it says that it was made from has another key' };
  if (kept === undefined) return { wrong: 'it does not say which archive it keeps' };
  const compiler = recipe.compiler === null ? undefined : await compilerFor(tools.host, recipe.compiler);
  if (recipe.compiler !== null && compiler === undefined)
    return {
      impossible: `there is no Python ${compilingRelease(recipe.compiler) ?? minorOf(recipe.compiler)} on this machine`,
    };
  try {
    const made = await tools.pool.make({
      ...requestOf(recipe),
      compiler: compiler?.program,
      wheels: await wheelFiles(tools.wheels, recipe.wheels),
    });
    await rm(made.file, { force: true });
    return made.diffId !== kept && compiler !== undefined && compiler.version !== recipe.compiler
      ? { impossible: `Python ${recipe.compiler} compiled it, and here is ${compiler.version}` }
      : { kept, made: made.diffId };
  } catch (error) {
    if (!(error instanceof LayerwrightError) || OURS.includes(error.code)) throw error;
    return { impossible: error.message };
  }
}

/** These are no matter of the layer. */
const OURS = ['INTERRUPTED', 'DISK_FULL', 'FILE_UNUSABLE'];

function isOfKey(recipe: LayerRecipe, tag: string): boolean {
  try {
    return tag === `lw-${recipeKey(recipe)}`;
  } catch (error) {
    // Not even its form is that of a recipe.
    if (error instanceof TypeError) return false;
    throw error;
  }
}

function minorOf(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}
