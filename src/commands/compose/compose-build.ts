import type { CacheLook } from '../../cache/layer-cache.ts';
import { type Composed, compose } from '../../compose/compose.ts';
import type { KeeperTrouble } from '../../compose/keep/keeper.ts';
import type { UnusableBlobs } from '../../compose/keep/layer-source.ts';
import {
  type ComposedImage,
  type ComposedIndex,
  composedImage,
  composedIndex,
  unusableIn,
} from '../../compose/publish.ts';
import type { Platform } from '../../dockerfile/platform.ts';
import type { Builder } from '../../engine/builder.ts';
import type { BuildState } from '../../engine/progress.ts';
import type { Host } from '../../host/host.ts';
import { finalImage } from '../../image/config-start.ts';
import type { BuildPlan } from '../../plan/build-plan.ts';
import type { BuildRequest } from '../build-request.ts';
import { type Annotations, annotationsOf, labelsOf } from './annotations.ts';
import { baseRecords, type LastBuild, lastBuild, rememberBuild } from './last-build.ts';
import { type Composition, openComposition } from './open-composition.ts';
import { platformsOf } from './platforms.ts';
import { publishAll } from './publish-all.ts';
import type { ReadFacts } from './suits.ts';
import { openWorkshop, type Workshop } from './workshop.ts';

/** The image of one platform. */
export interface PlatformImage {
  readonly platform: Platform;
  readonly composed: Composed;
  readonly image: ComposedImage;
}

/** What a composed build came to. */
export interface ComposedBuild {
  /** In the order in which their platforms were asked for; at least one. */
  readonly images: readonly PlatformImage[];
  /** Over the images, if several platforms were asked for: what the tags name then. */
  readonly index: ComposedIndex | undefined;
  /** Bytes that were sent to registries by us. */
  readonly sentBytes: number;
  /** Bytes of wheels and of layers that were looked into. */
  readonly pulledBytes: number;
  /** The builder, if one was needed. */
  readonly builder: Builder | undefined;
  /** What the cache repository could not do. */
  readonly troubles: readonly KeeperTrouble[];
  /** What was found at the layer caches, if a builder was needed. */
  readonly looks: readonly CacheLook[];
  /** What BuildKit said of each segment that it solved. */
  readonly states: readonly BuildState[];
  /** What changed since the last build of the branch, in lines for people. */
  readonly changes: readonly string[];
}

/** One image on its way, with what the last build of its platform left. */
interface Work {
  readonly composition: Composition;
  readonly last: LastBuild;
}

/**
 * Builds by composing what can be, has BuildKit solve the rest, and pushes the image of each platform, with an index if there are
 * several. Layers that turn out to be lost or damaged in a registry are made anew, once.
 *
 * @param shared what other builds of the run have too; default: a workshop of its own
 * @throws NotComposable if the Dockerfile has to be left to BuildKit as a whole; MustRun if nothing may be run and something has
 *   to be; LayerwrightError of all parts
 */
export async function composeBuild(
  host: Host,
  request: BuildRequest,
  facts: ReadFacts,
  plan: BuildPlan,
  shared?: Workshop,
): Promise<ComposedBuild> {
  if (shared !== undefined) return await composeIn(shared, request, facts, plan);
  await using workshop = await openWorkshop(host, [request]);
  return await composeIn(workshop, request, facts, plan);
}

async function composeIn(
  workshop: Workshop,
  request: BuildRequest,
  facts: ReadFacts,
  plan: BuildPlan,
): Promise<ComposedBuild> {
  const stop = new AbortController();
  try {
    const works = await Promise.all(
      platformsOf(request).map(async (platform): Promise<Work> => {
        const composition = await openComposition(workshop, request, facts, plan, platform, stop.signal);
        const { keeper, composer } = composition;
        return { composition, last: lastBuild(workshop.host, keeper, request, facts, composer.request) };
      }),
    );
    const push = (unusable?: UnusableBlobs) =>
      composeAndPush(workshop, works, request, facts, plan, unusable);
    const pushed = await push().catch((error: unknown) => {
      const unusable = unusableIn(error);
      if (unusable === undefined) throw error;
      for (const { composition } of works) composition.forget(unusable);
      return push(unusable);
    });
    const solvers = works.map(({ composition }) => composition.solver);
    const troubles = new Set(works.flatMap(({ composition }) => composition.keeper.troubles()));
    return {
      ...pushed,
      pulledBytes: workshop.takePulledBytes(),
      builder: solvers.map((solver) => solver.builder()).find((builder) => builder !== undefined),
      states: solvers.flatMap((solver) => solver.states()),
      looks: solvers.map((solver) => solver.looks()).find((looks) => looks.length > 0) ?? [],
      troubles: [...troubles],
    };
  } finally {
    // What another platform still has solved is of no use when one has failed.
    stop.abort();
  }
}

/** @param unusable what was not there at an earlier try */
async function composeAndPush(
  workshop: Workshop,
  works: readonly Work[],
  request: BuildRequest,
  facts: ReadFacts,
  plan: BuildPlan,
  unusable: UnusableBlobs | undefined,
): Promise<Pick<ComposedBuild, 'images' | 'index' | 'sentBytes' | 'changes'>> {
  const annotations = annotationsOf(request);
  const images = await Promise.all(
    works.map(async ({ composition }): Promise<PlatformImage> => {
      const composed = await compose(composition.composer, { begins: unusable === undefined });
      const image = imageOf(composition, composed, request, facts, annotations);
      return { platform: composition.platform, composed, image };
    }),
  );
  const index = images.length > 1 ? composedIndex(images, annotations.index) : undefined;
  const { origin } = (works[0] as Work).composition.composer;
  const [changes, publishedBytes] = await Promise.all([
    Promise.all(images.map((image, at) => remember(workshop, works[at] as Work, image, facts))),
    publishAll(plan, workshop.repository, { images, index, origin, distrusted: new Set(unusable?.lost) }),
  ]);
  const made = new Map(
    images
      .flatMap(({ composed }) => composed.layers)
      .flatMap((one) => (one.layer.kind === 'given' ? [] : [[one.layer.key, one] as const])),
  );
  const kept = [...made.values(), ...images.flatMap(({ composed }) => composed.solved)];
  const keptBytes = kept.reduce((sum, one) => sum + one.sentBytes, 0);
  return { images, index, sentBytes: keptBytes + publishedBytes, changes: distinctChanges(changes) };
}

/** What changed for several platforms is told once, with what it cost the first one. */
function distinctChanges(changes: readonly (readonly string[])[]): readonly string[] {
  const before = new Set<string>();
  return changes.flatMap((lines) => {
    const own = lines.filter((line) => !before.has(subjectOf(line)));
    for (const line of own) before.add(subjectOf(line));
    return own;
  });
}

/** A line of `changeText` without the costs at its end. */
function subjectOf(line: string): string {
  return line.replace(/; [^;]*\blayers?\b.*$/, '');
}

function imageOf(
  { platform, created }: Composition,
  { walked: { state }, layers }: Composed,
  request: BuildRequest,
  facts: ReadFacts,
  annotations: Annotations,
): ComposedImage {
  const config = finalImage(state.stage, {
    ...(request.wishes.platforms.length > 0 && { platform }),
    labels: labelsOf(request, facts.source),
  });
  const blobs = layers.map(({ blob }) => blob);
  return composedImage(state, config, blobs, created, annotations.manifest);
}

/** Keeps what later builds begin from, side by side with the push, which it does not depend on. */
async function remember(
  { host }: Workshop,
  { composition, last }: Work,
  { composed }: PlatformImage,
  facts: ReadFacts,
): Promise<readonly string[]> {
  const { composer, solver, recent } = composition;
  const locks = new Set(composed.walked.installs.map(({ locked }) => locked.key));
  const [changes] = await Promise.all([
    rememberBuild(last, {
      ...{ composed, facts, solveSeconds: solver.seconds(), builtAt: host.clock.now().toISOString() },
      bases: await baseRecords(composer.request, composer.world),
    }),
    composed.keep(),
    recent.keep(composed.layers, locks),
  ]);
  return changes;
}
