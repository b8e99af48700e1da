import { basename } from 'node:path';
import { LayerwrightError } from '../../errors.ts';
import { sizeOfFile } from '../../host/files.ts';
import { saveHashed } from '../../host/plain-files.ts';
import type { Steps } from '../../host/steps.ts';
import { readTar } from '../../image/tar-read-stream.ts';
import { layerArchive } from '../../layers/layer-archive.ts';
import { readWheelFacts } from '../../layers/wheel-facts.ts';
import { keyOf } from '../../plan/key.ts';
import { refusalOf } from '../../python/wheel-error.ts';
import { parseWheelName } from '../../python/wheel-tags.ts';
import type { Keeper } from '../keep/keeper.ts';
import { type ExtractRequest, layersWith } from '../splice/extract-layer.ts';
import type { Extracted, GivenLayer } from '../state.ts';
import { builtWheel, findWheel, type KeptWheel, keepWheel } from '../wheels/wheel-artifact.ts';
import type { BuiltWheel, NotBuilt } from '../wheels/wheel-source.ts';

/** Wheels that are files of images, each taken out of its layers once. */
export interface LayerWheels {
  /** In the order of the files; a reason if one of them is none that can be taken out. */
  readonly get: (files: readonly Extracted[]) => Promise<readonly BuiltWheel[] | NotBuilt>;
  /** A wheel of this run on disk, by its SHA-256. */
  readonly fileOf: (sha256: string) => string | undefined;
}

/** What wheels are taken out with. */
export interface LayerWheelsOptions extends Pick<ExtractRequest, 'openLayer'> {
  readonly keeper: Keeper;
  readonly steps: Steps;
  /** A new directory that stays as long as the run. */
  readonly subdirectory: () => Promise<string>;
}

/** @throws its `get`: LayerwrightError of the registry and the disk */
export function layerWheels(options: LayerWheelsOptions): LayerWheels {
  const { keeper, steps } = options;
  const onDisk = new Map<string, string>();
  const known = new Map<string, BuiltWheel>();
  const get = async (files: readonly Extracted[]) => {
    const keys = files.map(wheelKeyOf);
    const missing: Extracted[] = [];
    for (const [at, file] of files.entries()) {
      const key = keys[at] as string;
      const found = known.has(key) ? undefined : await findWheel(keeper, key);
      if (found !== undefined) known.set(key, wheelOf(key, found.kept, false));
      if (!known.has(key)) missing.push(file);
    }
    const title = `Taking ${missing.length} wheel${missing.length === 1 ? '' : 's'} out of layers`;
    const taken =
      missing.length === 0 ? new Map() : await steps.step(title, () => takenOut(options, missing));
    for (const [file, path] of taken) {
      const kept = await keptOf(path);
      const key = wheelKeyOf(file);
      onDisk.set(kept.sha256, path);
      await keepWheel(keeper, key, kept, path, new Uint8Array());
      known.set(key, wheelOf(key, kept, true));
    }
    const wheels = keys.map((key) => known.get(key));
    const gone = files.find((_, at) => wheels[at] === undefined);
    if (gone !== undefined) return { reason: `/${gone.path} is not a plain file of a layer` };
    return wheels as readonly BuiltWheel[];
  };
  return {
    get: (files) => get(files).catch(leftToTool),
    fileOf: (sha256) => onDisk.get(sha256),
  };
}

function leftToTool(error: unknown): NotBuilt {
  if (error instanceof LayerwrightError && error.code === 'WHEEL_INVALID') return { reason: error.message };
  throw error;
}

function layersOf({ image, path }: Extracted): readonly GivenLayer[] {
  const entry = image.files.index.get(path);
  return entry === undefined ? [] : layersWith(image, [{ path, entry }]);
}

function wheelKeyOf(file: Extracted): string {
  return keyOf('layer-wheel', { layers: layersOf(file).map(({ blob }) => blob.diffId), path: file.path });
}

function wheelOf(key: string, kept: KeptWheel, isNew: boolean): BuiltWheel {
  const left = { entries: [], content: async () => new Map<string, Uint8Array>() };
  return { key, wheel: builtWheel(key, kept), facts: kept.facts, files: {}, left, isNew };
}

/** Paths on disk by file, those that were found: each layer is read once, from the uppermost down. */
async function takenOut(
  { openLayer, subdirectory }: LayerWheelsOptions,
  files: readonly Extracted[],
): Promise<ReadonlyMap<Extracted, string>> {
  const directory = await subdirectory();
  const found = new Map<Extracted, string>();
  const seen = new Set<Extracted>();
  const layers = new Map<GivenLayer, Extracted[]>();
  for (const file of files)
    for (const layer of layersOf(file).toReversed()) layers.set(layer, [...(layers.get(layer) ?? []), file]);
  for (const [layer, candidates] of layers) {
    const wanted = new Map(candidates.filter((one) => !seen.has(one)).map((one) => [one.path, one]));
    if (wanted.size === 0) continue;
    const archive = layerArchive(await openLayer(layer.blob), layer.blob.descriptor.mediaType);
    for await (const part of readTar(archive)) {
      const file = wanted.get(part.entry.path);
      if (file === undefined) continue;
      // Whatever it is, it hides what is below it.
      seen.add(file);
      if (part.entry.type === 'file')
        found.set(file, await saveHashed(directory, basename(part.entry.path), part.content));
    }
  }
  return found;
}

async function keptOf(path: string): Promise<KeptWheel> {
  const [, sha256 = '', filename = ''] = /^([0-9a-f]{64})-(.*)$/.exec(basename(path)) ?? [];
  const named = parseWheelName(filename);
  if (named === undefined) throw refusalOf(filename)('it has no name of a wheel', filename);
  const facts = await readWheelFacts(path, { ...named, filename, sha256 });
  return { filename, sha256, size: await sizeOfFile(path), facts, files: {}, left: [] };
}
