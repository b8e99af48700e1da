import { fileContent } from '../../cache/file-content.ts';
import { LayerwrightError } from '../../errors.ts';
import type { Compiler } from '../../layers/compiler.ts';
import type { MadeLayer } from '../../layers/layer.ts';
import type { LayerPool } from '../../layers/layer-pool.ts';
import { recompressed } from '../../layers/recompress.ts';
import type { WheelStore } from '../install/wheels-on-disk.ts';
import { type DependencyLayer, type KnownBlob, NotComposable, type WrittenLayer } from '../state.ts';
import type { Keeper } from './keeper.ts';
import { type LayerRecipe, layerRecipe, wheelFiles } from './layer-recipe.ts';
import type { RecentLayer } from './recent.ts';

/** What is kept of a layer beside its blob. */
interface KeptLayer {
  readonly diffId: string;
  readonly tarBytes: number;
  readonly title: string;
  /** What it was made from, for `cache verify`; null for others than dependency layers. */
  readonly recipe: LayerRecipe | null;
}

/** What became of a layer. */
export interface LayerOutcome {
  /** Undefined if there is nothing in it. */
  readonly blob: KnownBlob | undefined;
  readonly outcome: 'found' | 'made';
  /** Bytes that were sent to the cache repository. */
  readonly sentBytes: number;
  /** Wall-clock seconds to make it, 0 if it was found. */
  readonly seconds: number;
}

/** Layers by their keys: found in the cache repository, or made and kept there. Each is asked for once in a run. */
export interface LayerSource {
  /** Whether a layer is there, without making it. */
  readonly isThere: (layer: DependencyLayer | WrittenLayer) => Promise<boolean>;
  readonly get: (layer: DependencyLayer | WrittenLayer) => Promise<LayerOutcome>;
  /**
   * Forgets blobs that were taken to be in a repository and are not: whoever asks for their layers again gets them made anew,
   * and under other digests where something damaged stands in the way.
   */
  readonly forget: (blobs: UnusableBlobs) => void;
}

/** Digests of blobs that cannot be used where they are. */
export interface UnusableBlobs {
  /** A manifest may not name them. */
  readonly lost: readonly string[];
  /** The registry has something else under them, and keeps it. */
  readonly damaged: readonly string[];
}

export interface LayerSourceOptions {
  readonly keeper: Keeper;
  /** By key: where the last build left its layers. */
  readonly recent: ReadonlyMap<string, RecentLayer>;
  readonly wheels: WheelStore;
  /** Started when the first dependency layer is made. */
  readonly pool: () => LayerPool;
  /** A program of the image's minor version that compiles. */
  readonly compilerFor: (version: string) => Promise<Compiler | undefined>;
  /** Where blobs are while they are not yet sent: existing, absolute. */
  readonly directory: string;
  readonly now: () => number;
}

/** A layer of less content is made faster than it is asked for. */
const WORTH_ASKING = 1024 * 1024;

/** What is known of blobs in the course of a run, by digest. */
interface Distrust {
  /** Not to be taken for there. */
  readonly unusable: Set<string>;
  /** Of another size than it should be: to be looked at again when it was pushed. */
  readonly odd: Set<string>;
  /** Pushing does not mend it. */
  readonly damaged: Set<string>;
}

/** @throws its calls: NotComposable where a layer cannot be made here, LayerwrightError of wheels, indexes and the disk */
export function layerSource(options: LayerSourceOptions): LayerSource {
  const found = new Map<string, Promise<KnownBlob | undefined>>();
  const got = new Map<string, Promise<LayerOutcome>>();
  const digests = new Map<string, string>();
  const distrust: Distrust = { unusable: new Set(), odd: new Set(), damaged: new Set() };
  const once = <T>(map: Map<string, Promise<T>>, key: string, work: () => Promise<T>): Promise<T> => {
    const known = map.get(key) ?? work();
    map.set(key, known);
    // It is awaited by whoever asked; nobody may have, when another failure ends the run.
    known.catch(() => {});
    return known;
  };
  const find = (layer: DependencyLayer | WrittenLayer) =>
    once(found, layer.key, () => findLayer(options, layer, distrust));
  return {
    isThere: async (layer) => (await find(layer)) !== undefined,
    get: (layer) =>
      once(got, layer.key, async () => {
        const known = await find(layer);
        const outcome: LayerOutcome =
          known === undefined
            ? await makeLayer(options, layer, distrust)
            : { blob: known, outcome: 'found', sentBytes: 0, seconds: 0 };
        if (outcome.blob) digests.set(layer.key, outcome.blob.descriptor.digest);
        return outcome;
      }),
    forget({ lost, damaged }) {
      for (const digest of [...lost, ...damaged]) distrust.unusable.add(digest);
      for (const digest of damaged) distrust.damaged.add(digest);
      for (const [key, digest] of digests)
        if (distrust.unusable.has(digest)) for (const map of [found, got]) map.delete(key);
    },
  };
}

async function findLayer(
  { keeper, recent }: LayerSourceOptions,
  layer: DependencyLayer | WrittenLayer,
  distrust: Distrust,
): Promise<KnownBlob | undefined> {
  if (!isWorthAsking(layer)) return undefined;
  const last = recent.get(layer.key);
  const there = last && (await seen(keeper, last, distrust));
  if (there !== undefined) return there;
  const artifact = await keeper.find('layer', layer.key);
  const [descriptor] = artifact?.layers ?? [];
  const { diffId } = (artifact?.config ?? {}) as Partial<KeptLayer>;
  if (descriptor === undefined || typeof diffId !== 'string') return undefined;
  return descriptor.digest === last?.descriptor.digest
    ? undefined
    : await seen(keeper, { descriptor, diffId }, distrust);
}

/** A manifest stays when a blob is lost: what is gone or cut off is a miss. */
async function seen(
  { repository, statBlob }: Keeper,
  { descriptor, diffId }: RecentLayer,
  { unusable, odd }: Distrust,
): Promise<KnownBlob | undefined> {
  if (unusable.has(descriptor.digest)) return undefined;
  const size = await statBlob(descriptor.digest);
  if (size === descriptor.size) return { descriptor, diffId, repository: repository.name, isSeen: true };
  if (size !== undefined) odd.add(descriptor.digest);
  return undefined;
}

async function makeLayer(
  options: LayerSourceOptions,
  layer: DependencyLayer | WrittenLayer,
  distrust: Distrust,
): Promise<LayerOutcome> {
  const started = options.now();
  const { made, compiler } =
    layer.kind === 'dependency'
      ? await makeDependencies(options, layer)
      : { made: await layer.write(options.directory), compiler: undefined };
  const seconds = (options.now() - started) / 1000;
  if (made.entries.length === 0) return { blob: undefined, outcome: 'made', sentBytes: 0, seconds };
  const kept = await keepSurely(options, layer, made, compiler, distrust);
  return { ...kept, outcome: 'made', seconds };
}

/**
 * Keeps a layer, under another digest if the repository has something damaged under the first one: registries take what they
 * have under a digest for what belongs there, and throw away what is pushed.
 */
async function keepSurely(
  { keeper, directory }: LayerSourceOptions,
  layer: DependencyLayer | WrittenLayer,
  made: MadeLayer,
  compiler: Compiler | undefined,
  { odd, damaged }: Distrust,
): Promise<Pick<LayerOutcome, 'blob' | 'sentBytes'>> {
  const { digest, size } = made.descriptor;
  let sentBytes = 0;
  if (!damaged.has(digest)) {
    const kept = await keepLayer(keeper, layer, made, compiler);
    if (!odd.has(digest)) return kept;
    const there = await keeper.statBlob(digest);
    if (there === size) return kept;
    sentBytes = kept.sentBytes;
  }
  const other = await keepLayer(keeper, layer, await recompressed(made, directory), compiler);
  return { ...other, sentBytes: sentBytes + other.sentBytes };
}

/** True if a layer is kept and looked for: the others are made faster than they are asked for. */
export function isWorthAsking(layer: DependencyLayer | WrittenLayer): boolean {
  return layer.kind === 'dependency' || layer.kind === 'extract' || layer.bytes >= WORTH_ASKING;
}

async function makeDependencies(
  { wheels, pool, compilerFor }: LayerSourceOptions,
  { planned, line }: DependencyLayer,
): Promise<{ made: MadeLayer; compiler: Compiler | undefined }> {
  const { cacheTag, release } = planned.request;
  const minor = cacheTag?.replace(/^cpython-3/, '3.');
  const version = minor && (release ?? minor);
  const compiler = version === undefined ? undefined : await compilerFor(version);
  if (version !== undefined && compiler === undefined)
    throw new NotComposable(
      line,
      `there is no Python ${version} on this machine to compile bytecode with`,
      `Install Python ${version} where the build runs (its standard library is enough).`,
    );
  const files = await wheelFiles(wheels, planned.wheels);
  try {
    const request = { ...planned.request, compiler: compiler?.program, wheels: files };
    return { made: await pool().make(request), compiler };
  } catch (error) {
    // pip decides about a wheel that is not as it should be.
    if (error instanceof LayerwrightError && error.code === 'WHEEL_INVALID')
      throw new NotComposable(line, error.message, error.hint);
    throw error;
  }
}

async function keepLayer(
  keeper: Keeper,
  layer: DependencyLayer | WrittenLayer,
  { descriptor, diffId, tarBytes, file }: MadeLayer,
  compiler: Compiler | undefined,
): Promise<Pick<LayerOutcome, 'blob' | 'sentBytes'>> {
  const blob: KnownBlob = { descriptor, diffId, repository: undefined, file };
  if (!isWorthAsking(layer)) return { blob, sentBytes: 0 };
  const kept: KeptLayer = {
    diffId,
    tarBytes,
    title: layer.title,
    recipe: layer.kind === 'dependency' ? layerRecipe(layer.planned, compiler) : null,
  };
  const put = await keeper.keep('layer', layer.key, kept, [{ descriptor, content: fileContent(file) }]);
  if (put.outcome !== 'put') return { blob, sentBytes: 0 };
  return { blob: { ...blob, repository: keeper.repository.name, isSeen: true }, sentBytes: put.sentBytes };
}
