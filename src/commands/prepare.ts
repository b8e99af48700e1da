import { type CacheLook, lookAtLayerCache } from '../cache/layer-cache.ts';
import type { Dockerfile } from '../dockerfile/parse.ts';
import { type Builder, type BuilderNeeds, chooseBuilder } from '../engine/builder.ts';
import type { Host } from '../host/host.ts';
import { isLoopback } from '../host/proxy.ts';
import { parseReference } from '../image/reference.ts';
import type { BuildPlan } from '../plan/build-plan.ts';
import { registryClient } from '../registry/client.ts';
import { stepsFor } from '../report/steps.ts';
import { registriesOf } from './build-registries.ts';
import type { BuildRequest } from './build-request.ts';
import type { Workshop } from './compose/workshop.ts';

/** What a solve needs, and how long each part took to get, in seconds. */
export interface Prepared {
  readonly builder: Builder;
  readonly looks: readonly CacheLook[];
  readonly seconds: { readonly connect: number; readonly cacheLookup: number };
}

/**
 * Side by side: a builder, a look at the caches, and proof that we may push, before minutes are spent on a build.
 *
 * @throws LayerwrightError of the registry (2, 75) or of the builder (2)
 */
export async function prepare(
  host: Host,
  request: BuildRequest,
  plan: BuildPlan,
  dockerfile?: Dockerfile,
  workshop?: Pick<Workshop, 'builder'>,
): Promise<Prepared> {
  const needs = builderNeeds(request, plan, dockerfile);
  const [builder, looks, pushes] = await Promise.allSettled([
    timed(host, () =>
      workshop === undefined
        ? chooseBuilder(host, stepsFor(host, request.progress), needs)
        : lentBuilder(workshop, needs),
    ),
    timed(host, () =>
      Promise.all(cacheReferences(plan).map((reference) => lookAtLayerCache(host, reference))),
    ),
    Promise.all(
      targetRepositories(plan).map(([domain, path]) => registryClient(host, domain).checkPush(path)),
    ),
  ]);
  if (builder.status === 'fulfilled' && looks.status === 'fulfilled' && pushes.status === 'fulfilled')
    return {
      builder: builder.value.result,
      looks: looks.value.result,
      seconds: { connect: builder.value.seconds, cacheLookup: looks.value.seconds },
    };
  if (builder.status === 'fulfilled') await builder.value.result.release();
  // The registry's refusal comes first: it is the one that another builder would not cure.
  throw [pushes, builder, looks].find((one) => one.status === 'rejected')?.reason;
}

/** It stays with the workshop, which lets go of it after the last build. */
async function lentBuilder(workshop: Pick<Workshop, 'builder'>, needs: BuilderNeeds): Promise<Builder> {
  return { ...(await workshop.builder(needs)), release: async () => {} };
}

/** What the build needs of its builder. */
export function builderNeeds(
  request: Pick<BuildRequest, 'builder' | 'passed'>,
  plan: BuildPlan,
  dockerfile?: Dockerfile,
): BuilderNeeds {
  return {
    name: request.builder,
    beyondDocker: needsMoreThanDocker(plan),
    loopback: usesLoopback(plan),
    registries: registriesOf(request, plan, dockerfile),
  };
}

async function timed<T>(host: Host, work: () => Promise<T>): Promise<{ result: T; seconds: number }> {
  const started = host.clock.monotonicMs();
  const result = await work();
  return { result, seconds: (host.clock.monotonicMs() - started) / 1000 };
}

/** The layer caches in registries that are to be read. */
export function cacheReferences(plan: BuildPlan): readonly string[] {
  return plan.cacheFrom.flatMap(({ reference }) => reference ?? []);
}

/** Each repository that is pushed to, once. */
export function targetRepositories(plan: BuildPlan): readonly [domain: string, path: string][] {
  if (!plan.pushes) return [];
  const references = plan.tags.map(parseReference);
  return [
    ...new Map(
      references.map(({ domain, path }) => [`${domain}/${path}`, [domain, path] as [string, string]]),
    ).values(),
  ];
}

function usesLoopback(plan: BuildPlan): boolean {
  const pushed = targetRepositories(plan).map(([domain]) => domain);
  return [...pushed, ...cacheReferences(plan).map((one) => parseReference(one).domain)].some(isLoopback);
}

/** Docker's own builder exports no registry cache, makes no zstd layers and builds for one platform. */
function needsMoreThanDocker(plan: BuildPlan): boolean {
  return (
    plan.cacheTo.length > 0 ||
    plan.pushes ||
    plan.platforms.length > 1 ||
    plan.outputs.some((one) => one.startsWith('type=oci'))
  );
}
