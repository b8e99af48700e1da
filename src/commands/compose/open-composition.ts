import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { type CacheRepository, registryRepository } from '../../cache/repository.ts';
import { layoutRepository } from '../../cache/repository-layout.ts';
import { overlayRepository } from '../../cache/repository-overlay.ts';
import type { Composer } from '../../compose/compose.ts';
import { DEPENDENCY_TIME } from '../../compose/install-step.ts';
import { type Keeper, keeper } from '../../compose/keeper.ts';
import { layerSource, type UnusableBlobs } from '../../compose/layer-source.ts';
import { lockSource, type WheelStore, wheelStore } from '../../compose/locks.ts';
import { type RecentBuilds, recentBuilds } from '../../compose/recent.ts';
import { type Registries, registriesOf } from '../../compose/registries.ts';
import { type KnownBlob, NotComposable } from '../../compose/state.ts';
import type { World } from '../../compose/walk.ts';
import { openWorld } from '../../compose/world.ts';
import { type BuildOptions, readBuildArguments } from '../../dockerfile/arguments.ts';
import { stageGraph } from '../../dockerfile/graph.ts';
import { normalPlatform, type Platform, readPlatform } from '../../dockerfile/platform.ts';
import { LayerwrightError } from '../../errors.ts';
import { cacheDirectory, temporaryDirectory } from '../../host/files.ts';
import type { Host } from '../../host/host.ts';
import { preferSmallHeap } from '../../host/memory.ts';
import { remembered } from '../../host/remembered.ts';
import { parseReference } from '../../image/reference.ts';
import { compilerFor } from '../../layers/compiler.ts';
import { type LayerPool, layerPool } from '../../layers/layer-pool.ts';
import { type BuildPlan, chooseCacheRepository } from '../../plan/build-plan.ts';
import { formatBytes } from '../../report/format.ts';
import { stepsFor } from '../../report/steps.ts';
import type { BuildRequest } from '../build-request.ts';
import { targetRepositories } from '../prepare.ts';
import { type SegmentSolver, segmentSolver } from './segment-solver.ts';
import type { ReadFacts } from './suits.ts';

/** Everything that composing takes, for one run; ends with its block. */
export interface Composition extends AsyncDisposable {
  readonly composer: Composer;
  readonly cache: CacheRepository;
  readonly keeper: Keeper;
  readonly recent: RecentBuilds;
  readonly wheels: WheelStore;
  readonly solver: SegmentSolver;
  readonly platform: Platform;
  /** RFC 3339: of the image. */
  readonly created: string;
  /** A repository by its name, `HOST/PATH`. */
  readonly repository: (name: string) => CacheRepository;
  /** Bytes of layers that were pulled to be looked into. */
  readonly pulledBytes: () => number;
  /** Forgets what was taken to be in the cache repository and is not, so that composing again makes it anew. */
  readonly forget: (blobs: UnusableBlobs) => void;
}

/**
 * Opens what composing takes: the cache repository, a place for wheels, threads (started when the first layer is made) and a
 * way to BuildKit (taken when the first segment is solved).
 *
 * @param looksOnly if the registry must stay as it is: what is learnt is kept on this machine
 * @throws NotComposable if the Dockerfile's stages are not surely understood; LayerwrightError `DOCKERFILE_INVALID` (1)
 */
export async function openComposition(
  host: Host,
  request: BuildRequest,
  facts: ReadFacts,
  plan: BuildPlan,
  { looksOnly = false }: { readonly looksOnly?: boolean } = {},
): Promise<Composition> {
  const { platform, options, graph } = understoodStages(host, request, facts);
  preferSmallHeap();
  const directory = await temporaryDirectory();
  const context = resolve(host.cwd, request.context);
  const registries = registriesOf(host);
  const repositories = repositoriesOf(host, registries);
  const chosen = chooseCacheRepository(facts, request.wishes);
  const cache = cacheOf(host, chosen === undefined ? undefined : repositories(chosen), looksOnly);
  const reuses = !request.wishes.noCache;
  const kept = keeper(cache, reuses);
  const wheels = wheelStore(host, `${directory.path}/wheels`);
  const recent = recentBuilds(kept);
  const steps = stepsFor(host, request.progress);
  let pulled = 0;
  const world = openWorld({
    host,
    reader: {
      registries,
      keeper: kept,
      alsoWanted: isRequirementFile,
      pulling(name, bytes, work) {
        pulled += bytes;
        return steps.step(`Looking into ${name} (${formatBytes(bytes)})`, work);
      },
    },
    lock: lockSource(host, kept, wheels, recent, steps),
    directory: context,
    dockerfile: facts.file,
    reuses,
  });
  let pool: LayerPool | undefined;
  let mayPush: Promise<void> | undefined;
  let mayKeep: Promise<void> | undefined;
  const readyToPush = () => {
    mayPush ??= provePushes(plan, registries);
    return mayPush;
  };
  const seconds = await timeOf(request, facts, world);
  const created = new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
  const open = async ({ descriptor, repository }: KnownBlob) => {
    const { domain, path } = parseReference(repository ?? cache.name);
    return (await registries(domain).openBlob(path, descriptor.digest)) as
      | AsyncIterable<Uint8Array>
      | undefined;
  };
  const layers = layerSource({
    keeper: kept,
    recent: recent.layers,
    wheels,
    directory: directory.path,
    now: () => host.clock.monotonicMs(),
    pool() {
      pool ??= layerPool({ size: availableParallelism(), directory: directory.path, signal: host.signal });
      return pool;
    },
    compilerFor: remembered((minor) => compilerFor(host, `${minor}.0`, context)),
  });
  const solver = segmentSolver(host, request, facts, plan, cache.name, `${directory.path}/solve`);
  return {
    ...{ cache, keeper: kept, recent, wheels, solver, platform, created, repository: repositories },
    pulledBytes: () => pulled,
    composer: {
      ...{ world, layers, cache, created, keeper: kept, steps },
      request: {
        dockerfile: facts.dockerfile,
        ...{ graph, options, platform },
        runFlags: request.passed.other,
        compression: request.wishes.compression,
        mtime: seconds,
        openLayer: async (blob) => (await open(blob)) as AsyncIterable<Uint8Array>,
      },
      origin: { open },
      async readyToSolve() {
        mayKeep ??= proveCache(plan, cache.name, registries);
        mayKeep.catch(() => {});
        // The refusal of a target comes first: no other way of building would cure it.
        await readyToPush();
        await mayKeep;
      },
      readyToPush,
      async solve(segment, from, tag) {
        await solver.solve(segment, from, tag);
        world.hasSolved(segment);
      },
      maySolve: request.wishes.way !== 'composed',
    },
    forget(blobs) {
      layers.forget(blobs);
      world.forget(blobs);
      solver.distrustCaches();
    },
    async [Symbol.asyncDispose]() {
      await pool?.close();
      await solver.release();
      await directory[Symbol.asyncDispose]();
    },
  };
}

/**
 * What is to be built, for which platform, and from which stages.
 *
 * @throws NotComposable if the stages are not surely understood; LayerwrightError `DOCKERFILE_INVALID` (1)
 */
export function understoodStages(host: Host, request: BuildRequest, { dockerfile }: ReadFacts) {
  const { targetName } = request.wishes;
  const platform = platformOf(request);
  const options: BuildOptions = {
    ...readBuildArguments(request.passed.buildArguments, host.env),
    targetPlatform: platform,
    buildPlatform: hostPlatform(),
    target: targetName,
  };
  const graph = stageGraph(dockerfile, targetName, options);
  const [unclear] = graph.reasons;
  if (unclear !== undefined) throw new NotComposable(unclear.line, unclear.text);
  return { platform, options, graph };
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

/** Small files that may be requirements: kept of solved images, whose context BuildKit copied. */
function isRequirementFile(path: string): boolean {
  return /(?:^|\/)[^/]*(?:require|constraint)[^/]*\.(?:txt|in)$|^[^/]+\/[^/]+\.(?:txt|in)$/.test(path);
}

function platformOf({ wishes }: BuildRequest): Platform {
  const [text] = wishes.platforms;
  return (text === undefined ? undefined : readPlatform(text)) ?? hostPlatform();
}

function hostPlatform(): Platform {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  return normalPlatform({ os: 'linux', architecture });
}

/** What would be found out only after layers were made. */
async function provePushes(plan: BuildPlan, registries: Registries): Promise<void> {
  await Promise.all(targetRepositories(plan).map(([domain, path]) => registries(domain).checkPush(path)));
}

/**
 * That what BuildKit solves can be kept, where that is not one of the repositories that are pushed to anyway.
 *
 * @throws NotComposable if not: a cache repository that fails does not fail the build
 */
async function proveCache(plan: BuildPlan, cacheName: string, registries: Registries): Promise<void> {
  const { domain, path } = parseReference(cacheName);
  if (targetRepositories(plan).some(([target, name]) => target === domain && name === path)) return;
  try {
    await registries(domain).checkPush(path);
  } catch (error) {
    if (!(error instanceof LayerwrightError) || error.code === 'INTERRUPTED') throw error;
    throw new NotComposable(
      0,
      `the cache repository cannot be used: ${error.message}`,
      error.hint ?? 'Name another one with --cache-repo.',
    );
  }
}

/**
 * Seconds since 1970 of the application's files and of the image: what is asked for, else the commit's time, else that of the
 * newest file of the context, so that the same files make the same image.
 */
export async function timeOf(
  request: BuildRequest,
  { source }: ReadFacts,
  { context }: Pick<World, 'context'>,
): Promise<number> {
  const asked = request.sourceDateEpoch === 'commit' ? source.commitSeconds : request.sourceDateEpoch;
  const known = asked ?? source.commitSeconds;
  if (known !== undefined) return known;
  const { entries } = await context();
  const newest = [...entries.values()].reduce((latest, { mtimeMs }) => Math.max(latest, mtimeMs), 0);
  return Math.max(DEPENDENCY_TIME, Math.floor(newest / 1000));
}
