import { resolve } from 'node:path';
import type { CacheRepository } from '../../cache/repository.ts';
import { compileElsewhere } from '../../compose/compile/compile-elsewhere.ts';
import { type Composer, imageOf } from '../../compose/compose.ts';
import { DEPENDENCY_TIME } from '../../compose/install/install-layers.ts';
import { layerWheels } from '../../compose/install/layer-wheels.ts';
import type { Keeper } from '../../compose/keep/keeper.ts';
import type { UnusableBlobs } from '../../compose/keep/layer-source.ts';
import type { RecentBuilds } from '../../compose/keep/recent.ts';
import { type KnownBlob, NotComposable } from '../../compose/state.ts';
import type { World } from '../../compose/walk.ts';
import { withAddresses } from '../../compose/wheels/wheel-address.ts';
import { sourceResolver } from '../../compose/wheels/wheel-resolve.ts';
import { type WheelSourceOptions, wheelSource } from '../../compose/wheels/wheel-source.ts';
import { openWorld } from '../../compose/world.ts';
import { type BuildOptions, readBuildArguments } from '../../dockerfile/arguments.ts';
import { stageGraph } from '../../dockerfile/graph.ts';
import type { Platform } from '../../dockerfile/platform.ts';
import { LayerwrightError } from '../../errors.ts';
import { remembered } from '../../host/remembered.ts';
import { parseReference } from '../../image/reference.ts';
import { type BuildPlan, chooseCacheRepository } from '../../plan/build-plan.ts';
import type { BuildRequest } from '../build-request.ts';
import { targetRepositories } from '../prepare.ts';
import { readSecrets } from './build-secrets.ts';
import { layerView } from './layer-view.ts';
import { hostPlatform, planFor } from './platforms.ts';
import { type SegmentSolver, segmentSolver } from './segment-solver.ts';
import { sideJobs } from './side-jobs.ts';
import type { ReadFacts } from './suits.ts';
import type { Workshop } from './workshop.ts';

/** Everything that composing one image takes. It lasts as long as its workshop. */
export interface Composition {
  readonly composer: Composer;
  readonly cache: CacheRepository;
  readonly keeper: Keeper;
  readonly recent: RecentBuilds;
  readonly solver: SegmentSolver;
  readonly platform: Platform;
  /** RFC 3339: of the image. */
  readonly created: string;
  /** Forgets what was taken to be in the cache repository and is not, so that composing again makes it anew. */
  readonly forget: (blobs: UnusableBlobs) => void;
}

/**
 * Opens what composing one image of one platform takes: its stages, its context, the way to what other builds of the workshop have
 * too, and a way to BuildKit.
 *
 * @param signal ends what is solved for it, beside the host's own
 * @throws NotComposable if the Dockerfile's stages are not surely understood; LayerwrightError `DOCKERFILE_INVALID` (1)
 */
export async function openComposition(
  workshop: Workshop,
  request: BuildRequest,
  facts: ReadFacts,
  wholePlan: BuildPlan,
  platform: Platform,
  signal?: AbortSignal,
): Promise<Composition> {
  const { registries, steps } = workshop;
  const host =
    signal === undefined
      ? workshop.host
      : { ...workshop.host, signal: AbortSignal.any([workshop.host.signal, signal]) };
  const { options, graph } = understoodStages(host.env, request, facts, platform);
  const plan = planFor(wholePlan, platform);
  const stock = workshop.stock(chooseCacheRepository(facts, request.wishes), !request.wishes.noCache);
  const { cache, keeper, recent, locks, images, reuses } = stock;
  const layers = layerView(stock.layers, stock.makers, request);
  const directory = resolve(host.cwd, request.context);
  const jobs = sideJobs(workshop, host, request, facts, plan);
  const building: Omit<WheelSourceOptions, 'keeper'> = {
    ...{ dockerfile: facts.dockerfile, steps, run: jobs.run },
    maySolve: request.wishes.way !== 'composed' && !workshop.looksOnly,
    readyToSolve: () => composer.readyToSolve(),
    imageOf: async (state) => (await imageOf(composer, state)).image,
  };
  const wheels = wheelSource({ ...building, keeper });
  stock.addWheels(wheels);
  const open = async ({ descriptor, repository }: KnownBlob) => {
    const { domain, path } = parseReference(repository ?? cache.name);
    return (await registries(domain).openBlob(path, descriptor.digest)) as
      | AsyncIterable<Uint8Array>
      | undefined;
  };
  const openLayer = async (blob: KnownBlob) => (await open(blob)) as AsyncIterable<Uint8Array>;
  const inLayers = layerWheels({ keeper, steps, openLayer, subdirectory: workshop.subdirectory });
  stock.addWheels(inLayers);
  const world = openWorld({
    ...{ images, locks, reuses, resolver: sourceResolver(building) },
    ...{ inLayers, wheels: withAddresses(wheels, workshop.wheels, keeper) },
    context: () => workshop.context(directory, facts.file),
  });
  const readyToPush = remembered(() => provePushes(plan, workshop));
  const mayKeep = remembered(() => proveCache(plan, cache.name, workshop));
  const seconds = await timeOf(request, facts, world);
  const created = new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
  const solver = segmentSolver(workshop, host, request, facts, plan, cache.name);
  const composer: Composer = {
    ...{ world, layers, cache, created, keeper, steps },
    request: {
      dockerfile: facts.dockerfile,
      ...{ graph, options, platform },
      runFlags: request.passed.other,
      compression: request.wishes.compression,
      mtime: seconds,
      composes: request.wishes.way !== 'split',
      secrets: await readSecrets(host, request.passed.secrets),
      openLayer,
    },
    origin: { open },
    async readyToSolve() {
      const kept = mayKeep('');
      kept.catch(() => {});
      // The refusal of a target comes first: no other way of building would cure it.
      await readyToPush('');
      await kept;
    },
    readyToPush: () => readyToPush(''),
    solve: solver.solve,
    hasSolved: world.hasSolved,
    compile: (all) =>
      compileElsewhere(
        {
          ...{ layers, steps, base: images.base, run: jobs.run, subdirectory: workshop.subdirectory },
          ...{ maySolve: composer.maySolve, path: facts.dockerfile.path, hostPlatform: hostPlatform() },
        },
        all,
      ),
    subdirectory: workshop.subdirectory,
    compilerFor: workshop.compilerFor,
    alsoWanted: images.reader.alsoWanted,
    signal: host.signal,
    maySolve: request.wishes.way !== 'composed',
  };
  return {
    ...{ cache, keeper, recent, platform, created, composer },
    solver: {
      ...solver,
      builder: () => solver.builder() ?? jobs.builder(),
      states: () => [...solver.states(), ...jobs.states()],
    },
    forget(blobs) {
      layers.forget(blobs);
      world.forget(blobs);
      solver.distrustCaches();
    },
  };
}

/**
 * What is to be built for a platform, and from which stages.
 *
 * @throws NotComposable if the stages are not surely understood; LayerwrightError `DOCKERFILE_INVALID` (1)
 */
export function understoodStages(
  env: NodeJS.ProcessEnv,
  request: BuildRequest,
  { dockerfile }: ReadFacts,
  platform: Platform,
) {
  const { targetName } = request.wishes;
  const options: BuildOptions = {
    ...readBuildArguments(request.passed.buildArguments, env),
    targetPlatform: platform,
    buildPlatform: hostPlatform(),
    target: targetName,
  };
  const graph = stageGraph(dockerfile, targetName, options);
  const [unclear] = graph.reasons;
  if (unclear !== undefined) throw new NotComposable(unclear.line, unclear.text);
  return { platform, options, graph };
}

/** What would be found out only after layers were made. */
async function provePushes(plan: BuildPlan, { checkPush }: Workshop): Promise<void> {
  await Promise.all(targetRepositories(plan).map(([domain, path]) => checkPush(`${domain}/${path}`)));
}

/**
 * That what BuildKit solves can be kept, where that is not one of the repositories that are pushed to anyway.
 *
 * @throws NotComposable if not: a cache repository that fails does not fail the build
 */
async function proveCache(plan: BuildPlan, cacheName: string, { checkPush }: Workshop): Promise<void> {
  const { domain, path } = parseReference(cacheName);
  if (targetRepositories(plan).some(([target, name]) => target === domain && name === path)) return;
  try {
    await checkPush(`${domain}/${path}`);
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
