import { fileContent } from '../../cache/file-content.ts';
import { LayerwrightError } from '../../errors.ts';
import { inParallel } from '../../host/parallel.ts';
import type { Compiler } from '../../layers/compiler.ts';
import type { DependencyLayerRequest, MadeLayer } from '../../layers/layer.ts';
import type { LayerPool } from '../../layers/layer-pool.ts';
import { recompressed } from '../../layers/recompress.ts';
import type { WheelStore } from '../install/wheels-on-disk.ts';
import {
  type DependencyLayer,
  type ImageLayer,
  type KnownBlob,
  NotComposable,
  type WrittenLayer,
} from '../state.ts';
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
  /** Fetches the wheels of a layer, so that they are there when it is made. What is wrong with them the making says. */
  readonly fetch: (layer: DependencyLayer) => Promise<void>;
  /** Those of the layers that are not there, whose bytecode no Python of this machine may make, and nobody else makes by now. */
  readonly uncompiled: (layers: readonly ImageLayer[]) => Promise<readonly DependencyLayer[]>;
  /**
   * Writes the orders to compile for a layer.
   *
   * @param directory absolute, made if it is not there
   * @returns names of the files
   */
  readonly order: (layer: DependencyLayer, directory: string) => Promise<readonly string[]>;
  /** Hands in what makes a layer's bytecode; the layer waits for it. */
  readonly compileBy: (layer: DependencyLayer, compiled: Promise<LayerCompiler>) => void;
  /**
   * Forgets blobs that were taken to be in a repository and are not: whoever asks for their layers again gets them made anew,
   * and under other digests where something damaged stands in the way.
   */
  readonly forget: (blobs: UnusableBlobs) => void;
}

/** What compiles for a layer, and which release of Python that is. */
export interface LayerCompiler {
  readonly compiler: NonNullable<DependencyLayerRequest['compiler']>;
  readonly version: string;
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

/** Layers that are asked for at a time. */
const AT_ONCE = 16;

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
  const elsewhere = new Map<string, Promise<LayerCompiler>>();
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
            ? await makeLayer(options, layer, distrust, elsewhere)
            : { blob: known, outcome: 'found', sentBytes: 0, seconds: 0 };
        if (outcome.blob) digests.set(layer.key, outcome.blob.descriptor.digest);
        return outcome;
      }),
    async fetch({ planned }) {
      await wheelFiles(options.wheels, planned.wheels);
    },
    async uncompiled(layers) {
      const wanted = layers.filter((one) => one.kind === 'dependency');
      const found = await inParallel(wanted, AT_ONCE, async (layer) => {
        const version = compiledVersion(layer);
        if (version === undefined || elsewhere.has(layer.key) || (await find(layer))) return [];
        return (await options.compilerFor(version)) === undefined ? [layer] : [];
      });
      // Another build of this run may have come first meanwhile.
      return found.flat().filter(({ key }) => !elsewhere.has(key));
    },
    async order({ planned, line }, directory) {
      const wheels = await wheelFiles(options.wheels, planned.wheels);
      const request = { ...planned.request, compiler: undefined, wheels };
      return await options.pool().order(request, directory).catch(badWheel(line));
    },
    compileBy(layer, compiled) {
      elsewhere.set(layer.key, compiled);
      compiled.catch(() => {});
    },
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

/** What compiles for layers, by their keys, where that is not on this machine. */
type Elsewhere = ReadonlyMap<string, Promise<LayerCompiler>>;

async function makeLayer(
  options: LayerSourceOptions,
  layer: DependencyLayer | WrittenLayer,
  distrust: Distrust,
  elsewhere: Elsewhere,
): Promise<LayerOutcome> {
  const started = options.now();
  const { made, version } =
    layer.kind === 'dependency'
      ? await makeDependencies(options, layer, elsewhere.get(layer.key))
      : { made: await layer.write(options.directory), version: undefined };
  const seconds = (options.now() - started) / 1000;
  if (made.entries.length === 0) return { blob: undefined, outcome: 'made', sentBytes: 0, seconds };
  const kept = await keepSurely(options, layer, made, version, distrust);
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
  version: string | undefined,
  { odd, damaged }: Distrust,
): Promise<Pick<LayerOutcome, 'blob' | 'sentBytes'>> {
  const { digest, size } = made.descriptor;
  let sentBytes = 0;
  if (!damaged.has(digest)) {
    const kept = await keepLayer(keeper, layer, made, version);
    if (!odd.has(digest)) return kept;
    const there = await keeper.statBlob(digest);
    if (there === size) return kept;
    sentBytes = kept.sentBytes;
  }
  const other = await keepLayer(keeper, layer, await recompressed(made, directory), version);
  return { ...other, sentBytes: sentBytes + other.sentBytes };
}

/** True if a layer is kept and looked for: the others are made faster than they are asked for. */
export function isWorthAsking(layer: DependencyLayer | WrittenLayer): boolean {
  return layer.kind === 'dependency' || layer.kind === 'extract' || layer.bytes >= WORTH_ASKING;
}

async function makeDependencies(
  { wheels, pool, compilerFor }: LayerSourceOptions,
  layer: DependencyLayer,
  elsewhere: Promise<LayerCompiler> | undefined,
): Promise<{ made: MadeLayer; version: string | undefined }> {
  const { planned, line } = layer;
  const wanted = compiledVersion(layer);
  const compiler = wanted === undefined ? undefined : await compilerFor(wanted);
  const known = compiler ? { compiler: compiler.program, version: compiler.version } : await elsewhere;
  if (wanted !== undefined && known === undefined)
    throw new NotComposable(
      line,
      `there is no Python ${wanted} on this machine to compile bytecode with`,
      `Install Python ${wanted} where the build runs (its standard library is enough).`,
    );
  const files = await wheelFiles(wheels, planned.wheels);
  const request = { ...planned.request, compiler: known?.compiler, wheels: files };
  return { made: await pool().make(request).catch(badWheel(line)), version: known?.version };
}

/** The version of Python that has to compile: a release, or a minor version of which any does; undefined for no bytecode. */
export function compiledVersion({ planned }: DependencyLayer): string | undefined {
  const { cacheTag, release } = planned.request;
  return cacheTag && (release ?? cacheTag.replace(/^cpython-3/, '3.'));
}

/** pip decides about a wheel that is not as it should be. */
function badWheel(line: number) {
  return (error: unknown): never => {
    if (error instanceof LayerwrightError && error.code === 'WHEEL_INVALID')
      throw new NotComposable(line, error.message, error.hint);
    throw error;
  };
}

async function keepLayer(
  keeper: Keeper,
  layer: DependencyLayer | WrittenLayer,
  { descriptor, diffId, tarBytes, file }: MadeLayer,
  version: string | undefined,
): Promise<Pick<LayerOutcome, 'blob' | 'sentBytes'>> {
  const blob: KnownBlob = { descriptor, diffId, repository: undefined, file };
  if (!isWorthAsking(layer)) return { blob, sentBytes: 0 };
  const kept: KeptLayer = {
    diffId,
    tarBytes,
    title: layer.title,
    recipe: layer.kind === 'dependency' ? layerRecipe(layer.planned, version) : null,
  };
  const put = await keeper.keep('layer', layer.key, kept, [{ descriptor, content: fileContent(file) }]);
  if (put.outcome !== 'put') return { blob, sentBytes: 0 };
  return { blob: { ...blob, repository: keeper.repository.name, isSeen: true }, sentBytes: put.sentBytes };
}
