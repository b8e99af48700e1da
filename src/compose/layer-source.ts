import { fileContent } from '../cache/file-content.ts';
import { inParallel } from '../host/parallel.ts';
import type { MadeLayer } from '../layers/layer.ts';
import type { LayerPool } from '../layers/layer-pool.ts';
import type { LockedWheel } from '../python/lock.ts';
import type { Keeper } from './keeper.ts';
import type { WheelStore } from './locks.ts';
import { type DependencyLayer, type KnownBlob, NotComposable, type WrittenLayer } from './state.ts';

/** What is kept of a layer beside its blob. */
interface KeptLayer {
  readonly diffId: string;
  readonly tarBytes: number;
  readonly title: string;
  /** Of dependency layers: name, version and hash of each wheel, for `cache verify`. */
  readonly wheels: readonly { readonly name: string; readonly version: string; readonly sha256: string }[];
  /** The Python that compiled its bytecode; null if there is none. */
  readonly compiler: string | null;
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
}

export interface LayerSourceOptions {
  readonly keeper: Keeper;
  readonly wheels: WheelStore;
  /** Started when the first dependency layer is made. */
  readonly pool: () => LayerPool;
  /** A program of the image's minor version that compiles. */
  readonly compilerFor: (version: string) => Promise<string | undefined>;
  /** Where blobs are while they are not yet sent: existing, absolute. */
  readonly directory: string;
  readonly now: () => number;
}

/** A layer of less content is made faster than it is asked for. */
const WORTH_ASKING = 1024 * 1024;

/** @throws its calls: NotComposable where a layer cannot be made here, LayerwrightError of wheels, indexes and the disk */
export function layerSource(options: LayerSourceOptions): LayerSource {
  const found = new Map<string, Promise<KnownBlob | undefined>>();
  const got = new Map<string, Promise<LayerOutcome>>();
  const once = <T>(map: Map<string, Promise<T>>, key: string, work: () => Promise<T>): Promise<T> => {
    const known = map.get(key) ?? work();
    map.set(key, known);
    // It is awaited by whoever asked; nobody may have, when another failure ends the run.
    known.catch(() => {});
    return known;
  };
  const find = (layer: DependencyLayer | WrittenLayer) =>
    once(found, layer.key, () => findLayer(options.keeper, layer));
  return {
    isThere: async (layer) => (await find(layer)) !== undefined,
    get: (layer) =>
      once(got, layer.key, async () => {
        const known = await find(layer);
        if (known !== undefined) return { blob: known, outcome: 'found', sentBytes: 0, seconds: 0 };
        const started = options.now();
        const { made, compiler } =
          layer.kind === 'dependency'
            ? await makeDependencies(options, layer)
            : { made: await layer.write(options.directory), compiler: undefined };
        const seconds = (options.now() - started) / 1000;
        if (made.entries.length === 0) return { blob: undefined, outcome: 'made', sentBytes: 0, seconds };
        return { ...(await keepLayer(options.keeper, layer, made, compiler)), outcome: 'made', seconds };
      }),
  };
}

async function findLayer(
  { find, repository }: Keeper,
  layer: DependencyLayer | WrittenLayer,
): Promise<KnownBlob | undefined> {
  if (!isWorthAsking(layer)) return undefined;
  const artifact = await find('layer', layer.key);
  const [descriptor] = artifact?.layers ?? [];
  const { diffId } = (artifact?.config ?? {}) as Partial<KeptLayer>;
  if (descriptor === undefined || typeof diffId !== 'string') return undefined;
  // A manifest stays when a blob is lost: what is gone or cut off is a miss.
  const size = await repository.statBlob(descriptor.digest).catch(() => undefined);
  return size === descriptor.size
    ? { descriptor, diffId, repository: repository.name, isSeen: true }
    : undefined;
}

function isWorthAsking(layer: DependencyLayer | WrittenLayer): boolean {
  return layer.kind === 'dependency' || layer.kind === 'extract' || layer.bytes >= WORTH_ASKING;
}

async function makeDependencies(
  { wheels, pool, compilerFor }: LayerSourceOptions,
  { planned, line }: DependencyLayer,
): Promise<{ made: MadeLayer; compiler: string | undefined }> {
  const { cacheTag } = planned.request;
  const minor = cacheTag?.replace(/^cpython-3/, '3.');
  const compiler = minor === undefined ? undefined : await compilerFor(minor);
  if (minor !== undefined && compiler === undefined)
    throw new NotComposable(
      line,
      `there is no Python ${minor} on this machine to compile bytecode with`,
      `Install Python ${minor} where the build runs (its standard library is enough).`,
    );
  const files = await inParallel(planned.wheels, 4, async ({ name, version, wheel, requested }) => {
    const { sha256 } = wheel as LockedWheel;
    return { name, version, sha256, requested, file: await wheels.fetch(wheel as LockedWheel) };
  });
  return { made: await pool().make({ ...planned.request, compiler, wheels: files }), compiler };
}

async function keepLayer(
  keeper: Keeper,
  layer: DependencyLayer | WrittenLayer,
  { descriptor, diffId, tarBytes, file }: MadeLayer,
  compiler: string | undefined,
): Promise<Pick<LayerOutcome, 'blob' | 'sentBytes'>> {
  const blob: KnownBlob = { descriptor, diffId, repository: undefined, file };
  if (!isWorthAsking(layer)) return { blob, sentBytes: 0 };
  const kept: KeptLayer = {
    diffId,
    tarBytes,
    title: layer.title,
    wheels: layer.kind === 'dependency' ? layer.planned.wheels.map(wheelIdentity) : [],
    compiler: compiler ?? null,
  };
  const put = await keeper.keep('layer', layer.key, kept, [{ descriptor, content: fileContent(file) }]);
  if (put.outcome !== 'put') return { blob, sentBytes: 0 };
  return { blob: { ...blob, repository: keeper.repository.name, isSeen: true }, sentBytes: put.sentBytes };
}

function wheelIdentity({ name, version, wheel }: DependencyLayer['planned']['wheels'][number]) {
  return { name, version, sha256: (wheel as LockedWheel).sha256 };
}
