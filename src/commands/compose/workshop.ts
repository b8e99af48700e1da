import { mkdtemp } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { type CacheRepository, registryRepository } from '../../cache/repository.ts';
import { layoutRepository } from '../../cache/repository-layout.ts';
import { overlayRepository } from '../../cache/repository-overlay.ts';
import { type LockSource, lockSource } from '../../compose/install/locks.ts';
import { type AddressStore, wheelStore } from '../../compose/install/wheels-on-disk.ts';
import { type Keeper, keeper } from '../../compose/keep/keeper.ts';
import { type LayerSource, layerSource } from '../../compose/keep/layer-source.ts';
import { type RecentBuilds, recentBuilds } from '../../compose/keep/recent.ts';
import { type Registries, registriesOf } from '../../compose/registries.ts';
import type { WheelSource } from '../../compose/wheels/wheel-source.ts';
import { withBuiltWheels } from '../../compose/wheels/wheel-store.ts';
import { type Contexts, type Images, openContexts, openImages } from '../../compose/world.ts';
import { type Builder, type BuilderNeeds, chooseBuilder } from '../../engine/builder.ts';
import { cacheDirectory, temporaryDirectory } from '../../host/files.ts';
import type { Host } from '../../host/host.ts';
import { preferSmallHeap } from '../../host/memory.ts';
import { remembered } from '../../host/remembered.ts';
import type { Steps } from '../../host/steps.ts';
import { parseReference } from '../../image/reference.ts';
import { compilerFor } from '../../layers/compiler.ts';
import { type LayerPool, layerPool } from '../../layers/layer-pool.ts';
import { formatBytes } from '../../report/format.ts';
import { stepsFor } from '../../report/steps.ts';
import type { BuildRequest } from '../build-request.ts';

/** What builds with the same cache repository share: with one stock each layer and lock is made once. */
export interface Stock {
  readonly cache: CacheRepository;
  readonly keeper: Keeper;
  readonly recent: RecentBuilds;
  readonly layers: LayerSource;
  /** Which build has told of the making of a layer, by the layer's key. */
  readonly makers: Map<string, unknown>;
  readonly locks: LockSource;
  readonly images: Images;
  /** Says where wheels are that were built in this run. */
  readonly addWheels: (source: Pick<WheelSource, 'fileOf'>) => void;
  /** False with `--no-cache`. */
  readonly reuses: boolean;
}

/** What all builds of one run share, be they of several platforms or of several Dockerfiles. Ends with its block. */
export interface Workshop extends AsyncDisposable {
  readonly host: Host;
  /** A new directory for files that are needed while the run lasts; absolute. */
  readonly subdirectory: () => Promise<string>;
  readonly steps: Steps;
  readonly wheels: AddressStore;
  /** True if nothing may be run, and the registry must stay as it is. */
  readonly looksOnly: boolean;
  readonly registries: Registries;
  /** A repository by its name, `HOST/PATH`. */
  readonly repository: (name: string) => CacheRepository;
  /** A program that compiles for a version of Python, `3.11` or `3.13.5`; undefined if this machine has none. */
  readonly compilerFor: (version: string) => ReturnType<typeof compilerFor>;
  /** Proves that a repository, `HOST/PATH`, may be pushed to; each is asked once. */
  readonly checkPush: (name: string) => Promise<void>;
  /** @param cacheRepository `HOST/PATH`; undefined: what is learnt is kept on this machine alone */
  readonly stock: (cacheRepository: string | undefined, reuses: boolean) => Stock;
  readonly context: Contexts;
  /** The builder for these needs, chosen or started when it is asked for first; it is released with the workshop. */
  readonly builder: (needs: BuilderNeeds) => Promise<Builder>;
  /** Bytes of wheels and layers that were pulled since this was asked last: what builds share is counted with the first one. */
  readonly takePulledBytes: () => number;
}

/**
 * Opens what several builds of one run share: registries, places for wheels and layers, threads (started when the first layer is
 * made) and builders (taken when the first segment is solved).
 *
 * @param requests all builds that will use it
 * @param looksOnly if the registry must stay as it is: what is learnt is kept on this machine
 */
export async function openWorkshop(
  host: Host,
  requests: readonly Pick<BuildRequest, 'context' | 'progress'>[],
  { looksOnly = false }: { readonly looksOnly?: boolean } = {},
): Promise<Workshop> {
  preferSmallHeap();
  const directory = await temporaryDirectory();
  const steps = stepsFor(host, requests[0]?.progress);
  const registries = registriesOf(host);
  const repository = repositoriesOf(host, registries);
  const wheels = wheelStore(host, join(directory.path, 'wheels'));
  const contexts = [...new Set(requests.map(({ context }) => resolve(host.cwd, context)))];
  const builders = new Map<string, Promise<Builder>>();
  const stocks = new Map<string, Stock>();
  let pool: LayerPool | undefined;
  let [pulled, taken] = [0, 0];
  const parts: StockParts = {
    ...{ host, steps, registries, wheels, directory: directory.path },
    pool() {
      pool ??= layerPool({ size: availableParallelism(), directory: directory.path, signal: host.signal });
      return pool;
    },
    compiler: remembered((version) => compilerFor(host, version, ...contexts)),
    pulled: (bytes) => {
      pulled += bytes;
    },
  };
  const context = openContexts(host);
  return {
    ...{ host, steps, wheels, registries, repository, context, looksOnly, compilerFor: parts.compiler },
    subdirectory: () => mkdtemp(join(directory.path, 'image-')),
    checkPush: remembered(async (name) => {
      const { domain, path } = parseReference(name);
      await registries(domain).checkPush(path);
    }),
    stock(name, reuses) {
      const key = `${reuses} ${name ?? ''}`;
      const known =
        stocks.get(key) ??
        openStock(parts, cacheOf(host, name === undefined ? undefined : repository(name), looksOnly), reuses);
      stocks.set(key, known);
      return known;
    },
    builder(needs) {
      const key = JSON.stringify(needs);
      const known = builders.get(key) ?? chooseBuilder(host, steps, needs);
      builders.set(key, known);
      return known;
    },
    takePulledBytes() {
      const before = taken;
      taken = wheels.bytes() + pulled;
      return taken - before;
    },
    async [Symbol.asyncDispose]() {
      await pool?.close();
      for (const builder of builders.values()) await builder.then((one) => one.release()).catch(() => {});
      await directory[Symbol.asyncDispose]();
    },
  };
}

/** What every stock of a workshop is made of. */
interface StockParts extends Pick<Workshop, 'host' | 'steps' | 'registries' | 'wheels'> {
  /** For wheels and layers: existing, absolute. */
  readonly directory: string;
  readonly pool: () => LayerPool;
  readonly compiler: Workshop['compilerFor'];
  readonly pulled: (bytes: number) => void;
}

function openStock(parts: StockParts, cache: CacheRepository, reuses: boolean): Stock {
  const { host, steps, registries, directory, pool, compiler } = parts;
  const sources: Pick<WheelSource, 'fileOf'>[] = [];
  const kept = keeper(cache, reuses);
  const recent = recentBuilds(kept);
  const fileOf = (sha256: string) =>
    sources.map((one) => one.fileOf(sha256)).find((file) => file !== undefined);
  const wheels = withBuiltWheels(parts.wheels, kept, { fileOf }, join(directory, 'built'));
  const images = openImages({
    ...{ registries, keeper: kept, alsoWanted: isRequirementFile },
    pulling(name, bytes, work) {
      parts.pulled(bytes);
      return steps.step(`Looking into ${name} (${formatBytes(bytes)})`, work);
    },
  });
  const layers = layerSource({
    ...{ keeper: kept, recent: recent.layers, wheels, directory, pool, compilerFor: compiler },
    now: () => host.clock.monotonicMs(),
  });
  const locks = lockSource({ host, keeper: kept, wheels, recent, steps });
  const addWheels = (source: Pick<WheelSource, 'fileOf'>) => void sources.push(source);
  return { cache, keeper: kept, recent, layers, makers: new Map(), locks, images, reuses, addWheels };
}

/** Without a registry, and for what must not be written there, a layout in this machine's cache directory. */
function cacheOf(host: Host, registry: CacheRepository | undefined, looksOnly: boolean): CacheRepository {
  if (registry !== undefined && !looksOnly) return registry;
  const local = layoutRepository(join(cacheDirectory(host.env), 'repository'));
  if (registry === undefined) return local;
  return overlayRepository(registry, local, (tag) => /^lw-(?:base|lock)-/.test(tag));
}

/** Repositories by their names, `HOST/PATH`; a name in Docker's short form is another key for an equal one. */
function repositoriesOf(host: Host, registries: Registries): (name: string) => CacheRepository {
  return remembered((text) => {
    const { domain, path } = parseReference(text);
    return registryRepository(host, `${domain}/${path}`, registries(domain));
  });
}

/** Small files that may be requirements or locks: kept of solved images, whose context BuildKit copied. */
function isRequirementFile(path: string): boolean {
  if (
    /(?:^|\/)(?:pyproject\.toml|uv\.lock|poetry\.(?:lock|toml)|Pipfile(?:\.lock)?|pylock(?:\.[^/]+)?\.toml|\.python-version)$/.test(
      path,
    )
  )
    return true;
  return /(?:^|\/)[^/]*(?:require|constraint)[^/]*\.(?:txt|in)$|^[^/]+\/[^/]+\.(?:txt|in)$/.test(path);
}
