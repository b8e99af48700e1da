import { resolve } from 'node:path';
import { walkSurely } from '../../compose/compose.ts';
import { type BaseRecord, type BuildRecord, layersUpTo, recordOf } from '../../compose/keep/record.ts';
import { offlineWorld } from '../../compose/offline-world.ts';
import {
  type DependencyLayer,
  type GivenImage,
  NotComposable,
  type WrittenLayer,
} from '../../compose/state.ts';
import type { ComposeRequest, Walked, World } from '../../compose/walk.ts';
import type { Platform } from '../../dockerfile/platform.ts';
import type { Host } from '../../host/host.ts';
import { inParallel } from '../../host/parallel.ts';
import { planBuild } from '../../plan/build-plan.ts';
import { type GatheredFacts, gatherBuildFacts } from '../build-facts.ts';
import type { BuildRequest } from '../build-request.ts';
import { baseRecords, lastBuild } from '../compose/last-build.ts';
import { openComposition, timeOf, understoodStages } from '../compose/open-composition.ts';
import { platformsOf } from '../compose/platforms.ts';
import { type ReadFacts, unsuitedFor } from '../compose/suits.ts';
import { openWorkshop, type Workshop } from '../compose/workshop.ts';

/** What a build would do, found out without doing it. */
export interface Survey {
  readonly facts: ReadFacts;
  readonly request: Pick<ComposeRequest, 'dockerfile' | 'graph' | 'platform'>;
  readonly walked: Walked;
  /** The images that stages start from, by their names as written. */
  readonly images: ReadonlyMap<string, GivenImage>;
  /** What they lead to now; empty offline. */
  readonly bases: readonly BaseRecord[];
  /** Keys of layers that are there; undefined offline. */
  readonly there: ReadonlySet<string> | undefined;
  /** How many of the others have bytecode that no Python of this machine may compile; 0 offline. */
  readonly toCompile: number;
  /** Where layers are looked for; undefined offline. */
  readonly repository: string | undefined;
  /** What the last build of the branch left; undefined if there was none, or offline. */
  readonly last: BuildRecord | undefined;
}

/** Why BuildKit would solve all of it. */
export interface Unsurveyed {
  readonly facts: GatheredFacts;
  readonly reason: string;
  readonly hint: string | undefined;
}

/** Requests that a repository gets at a time. */
const AT_ONCE = 16;

/**
 * Finds out what a build would do, for each of its platforms. Nothing is made, solved or pushed: what is learnt of base images and
 * locks is kept on this machine.
 *
 * @param offline if nothing but this machine may be asked
 * @returns at least one: in the order of the platforms, or why BuildKit would solve all of it
 * @throws LayerwrightError of facts, base images, requirements, indexes and the context
 */
export async function survey(
  host: Host,
  asked: BuildRequest,
  { offline = false }: { readonly offline?: boolean } = {},
): Promise<readonly (Survey | Unsurveyed)[]> {
  const facts = await gatherBuildFacts(host, asked);
  const request = pushing(asked);
  const plan = planBuild(facts, request.wishes);
  const reason = unsuitedFor(request, facts, { ...plan, tags: ['a tag is given when it is built'] });
  if (reason !== undefined) return [{ facts, reason, hint: undefined }];
  const read = facts as ReadFacts;
  try {
    return offline ? await offlineSurveys(host, request, read) : await onlineSurveys(host, request, read);
  } catch (error) {
    if (!(error instanceof NotComposable)) throw error;
    return [{ facts, reason: `${read.dockerfile.path}:${error.line}: ${error.reason}`, hint: error.hint }];
  }
}

export function isSurveyed(found: Survey | Unsurveyed): found is Survey {
  return 'walked' in found;
}

/** What only decides where the image goes is left aside. */
function pushing(request: BuildRequest): BuildRequest {
  const { wishes } = request;
  const repository = wishes.cacheRepository === 'none' ? undefined : wishes.cacheRepository;
  return {
    ...request,
    wishes: { ...wishes, push: true, load: false, outputs: [], cacheRepository: repository },
  };
}

async function onlineSurveys(
  host: Host,
  request: BuildRequest,
  facts: ReadFacts,
): Promise<readonly Survey[]> {
  await using workshop = await openWorkshop(host, [request], { looksOnly: true });
  const surveys: Survey[] = [];
  for (const platform of platformsOf(request))
    surveys.push(await onlineSurvey(workshop, request, facts, platform));
  return surveys;
}

async function onlineSurvey(
  workshop: Workshop,
  request: BuildRequest,
  facts: ReadFacts,
  platform: Platform,
): Promise<Survey> {
  const plan = planBuild(facts, request.wishes);
  const { composer, cache } = await openComposition(workshop, request, facts, plan, platform);
  const last = lastBuild(workshop.host, composer.keeper, request, facts, composer.request);
  const walked = await walkSurely(composer);
  const layers = walked.state.layers.filter((layer) => layer.kind !== 'given');
  const found = await inParallel(layers, AT_ONCE, async (layer) =>
    (await composer.layers.isThere(layer)) ? [layer.key] : [],
  );
  return {
    ...{ facts, request: composer.request, walked, repository: cache.name },
    images: await imagesOf(composer.request, composer.world),
    bases: await baseRecords(composer.request, composer.world),
    there: new Set(found.flat()),
    toCompile: (await composer.layers.uncompiled(layers)).length,
    last: await last.record,
  };
}

async function offlineSurveys(
  host: Host,
  request: BuildRequest,
  facts: ReadFacts,
): Promise<readonly Survey[]> {
  const world = offlineWorld(host, resolve(host.cwd, request.context), facts.file);
  return await Promise.all(
    platformsOf(request).map((platform) => offlineSurvey(host, request, facts, platform, world)),
  );
}

async function offlineSurvey(
  host: Host,
  request: BuildRequest,
  facts: ReadFacts,
  platform: Platform,
  world: World,
): Promise<Survey> {
  const stages = understoodStages(host.env, request, facts, platform);
  const composing: Omit<ComposeRequest, 'forced'> = {
    ...stages,
    dockerfile: facts.dockerfile,
    runFlags: request.passed.other,
    compression: request.wishes.compression,
    mtime: await timeOf(request, facts, world),
    composes: request.wishes.way !== 'split',
    secrets: new Map(),
    openLayer: () => Promise.reject(new Error('a plan reads no layer')),
  };
  const walked = await walkSurely({ request: composing, world });
  const images = await imagesOf(composing, world);
  return {
    ...{ facts, request: composing, walked, images, bases: [] },
    ...{ there: undefined, toCompile: 0, repository: undefined, last: undefined },
  };
}

async function imagesOf(
  { graph, platform }: Pick<ComposeRequest, 'graph' | 'platform'>,
  world: Pick<World, 'base'>,
): Promise<ReadonlyMap<string, GivenImage>> {
  const images = new Map<string, GivenImage>();
  for (const { base } of graph.stages)
    if (base.kind === 'image' && !images.has(base.reference))
      images.set(base.reference, await world.base(base.reference, base.platform ?? platform));
  return images;
}

/** Bytes of a layer's files as they are installed; undefined where the wheels were not looked into. */
export function bytesOfLayer(
  { walked, there }: Pick<Survey, 'walked' | 'there'>,
  layer: DependencyLayer | WrittenLayer,
): number | undefined {
  if (layer.kind !== 'dependency') return layer.bytes;
  if (there === undefined) return undefined;
  const wheels = layer.planned.wheels.map(({ wheel }) => wheel?.sha256 ?? '');
  const sizes = wheels.map((sha256) =>
    walked.installs
      .map(({ locked }) => locked.wheels.get(sha256)?.bytes)
      .find((bytes) => bytes !== undefined),
  );
  return sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
}

/**
 * The record that a build would leave now, as far as that is known before it.
 *
 * @param layerCount how many layers the image will have
 */
export function recordOfSurvey(found: Survey, layerCount: number): BuildRecord {
  const { walked, facts, bases, last } = found;
  const layers = layersUpTo(walked.state.layers, walked.segments).map((layer) => ({
    ...{ layer, bytes: bytesOfLayer(found, layer) ?? 0 },
  }));
  const { dockerfile, source } = facts;
  return recordOf({
    ...{ walked, layers, layerCount, bases, before: last, dockerfile: dockerfile.path },
    ...{ commit: source.sha, builtAt: undefined, solveSeconds: new Map(), begun: undefined },
  });
}
