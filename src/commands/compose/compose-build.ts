import type { CacheLook } from '../../cache/layer-cache.ts';
import { sourceLabels } from '../../ci/labels.ts';
import { type Composed, compose } from '../../compose/compose.ts';
import type { KeeperTrouble } from '../../compose/keeper.ts';
import type { UnusableBlobs } from '../../compose/layer-source.ts';
import { type ComposedImage, composedImage, publishImage, unusableIn } from '../../compose/publish.ts';
import type { Builder } from '../../engine/builder.ts';
import type { BuildState } from '../../engine/progress.ts';
import type { Host } from '../../host/host.ts';
import { finalImage } from '../../image/config-start.ts';
import { parseReference } from '../../image/reference.ts';
import type { BuildPlan } from '../../plan/build-plan.ts';
import type { BuildRequest } from '../build-request.ts';
import { baseRecords, lastBuild, rememberBuild } from './last-build.ts';
import { type Composition, openComposition } from './open-composition.ts';
import type { ReadFacts } from './suits.ts';

/** What a composed build came to. */
export interface ComposedBuild {
  readonly composed: Composed;
  readonly image: ComposedImage;
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

/**
 * Builds by composing what can be, has BuildKit solve the rest, and pushes the image. Layers that turn out to be lost or damaged
 * in a registry are made anew, once.
 *
 * @throws NotComposable if the Dockerfile has to be left to BuildKit as a whole; MustRun if nothing may be run and something has
 *   to be; LayerwrightError of all parts
 */
export async function composeBuild(
  host: Host,
  request: BuildRequest,
  facts: ReadFacts,
  plan: BuildPlan,
): Promise<ComposedBuild> {
  await using composition = await openComposition(host, request, facts, plan);
  const { solver, wheels, recent, composer } = composition;
  const last = lastBuild(host, composer.keeper, request, facts, composer.request);
  const push = (unusable?: UnusableBlobs) =>
    composeAndPush(composition, request, facts, plan, unusable, async (composed) => {
      const [changes] = await Promise.all([
        rememberBuild(last, {
          ...{ composed, facts, solveSeconds: solver.seconds(), builtAt: host.clock.now().toISOString() },
          bases: await baseRecords(composer.request, composer.world),
        }),
        composed.keep(),
        recent.keep(composed.layers),
      ]);
      return changes;
    });
  const { composed, image, sentBytes, changes } = await push().catch((error: unknown) => {
    const unusable = unusableIn(error);
    if (unusable === undefined) throw error;
    composition.forget(unusable);
    return push(unusable);
  });
  return {
    ...{ composed, image, sentBytes, changes },
    pulledBytes: wheels.bytes() + composition.pulledBytes(),
    builder: solver.builder(),
    states: solver.states(),
    looks: solver.looks(),
    troubles: composition.keeper.troubles(),
  };
}

/**
 * @param unusable what was not there at an earlier try
 * @param remember keeps what later builds begin from; side by side with the push, which it does not depend on
 */
async function composeAndPush(
  { composer, platform, created, repository }: Composition,
  request: BuildRequest,
  facts: ReadFacts,
  plan: BuildPlan,
  unusable: UnusableBlobs | undefined,
  remember: (composed: Composed) => Promise<readonly string[]>,
): Promise<Pick<ComposedBuild, 'composed' | 'image' | 'sentBytes' | 'changes'>> {
  const composed = await compose(composer, { begins: unusable === undefined });
  const { state } = composed.walked;
  const config = finalImage(state.stage, {
    ...(request.wishes.platforms.length > 0 && { platform }),
    labels: labelsOf(request, facts),
  });
  const blobs = composed.layers.map(({ blob }) => blob);
  const annotations = Object.fromEntries(request.passed.annotations.map(splitOnce));
  const image = composedImage(state, config, blobs, created, annotations);
  const distrusted = new Set(unusable?.lost);
  const pushes = [...tagsByRepository(plan)].map(([name, tags]) =>
    publishImage(repository(name), tags, image, composer.origin, distrusted),
  );
  const [changes, ...published] = await Promise.all([remember(composed), ...pushes]);
  const sentBytes = [...composed.layers, ...published].reduce((sum, one) => sum + one.sentBytes, 0);
  return { composed, image, sentBytes, changes };
}

function labelsOf(request: BuildRequest, { source }: ReadFacts): Readonly<Record<string, string>> {
  const labels = [...(request.sourceLabels ? sourceLabels(source) : []), ...request.passed.labels];
  return Object.fromEntries(labels.map(splitOnce));
}

function splitOnce(text: string): readonly [string, string] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)];
}

function tagsByRepository({ tags }: BuildPlan): ReadonlyMap<string, readonly string[]> {
  const references = tags.map(parseReference);
  return new Map(
    [...Map.groupBy(references, ({ domain, path }) => `${domain}/${path}`)].map(([name, all]) => [
      name,
      all.map(({ tag }) => tag ?? 'latest'),
    ]),
  );
}
