import { walkSurely } from '../../compose/compose.ts';
import type { InstalledStep } from '../../compose/install/installation.ts';
import { NotComposable } from '../../compose/state.ts';
import type { Walked } from '../../compose/walk.ts';
import type { Platform } from '../../dockerfile/platform.ts';
import { LayerwrightError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { formatReference, parseReference } from '../../image/reference.ts';
import { planBuild } from '../../plan/build-plan.ts';
import { gatherBuildFacts } from '../build-facts.ts';
import type { BuildRequest } from '../build-request.ts';
import { openComposition } from '../compose/open-composition.ts';
import { platformsOf } from '../compose/platforms.ts';
import { type ReadFacts, unsuitedFor } from '../compose/suits.ts';
import { openWorkshop, type Workshop } from '../compose/workshop.ts';
import type { Constraints } from './plain-build.ts';

/** What a composed build of the same Dockerfile comes to. */
export interface Composition {
  /** The versions of its locks, for the steps that install them; undefined if there are none. */
  readonly constraints: Constraints | undefined;
  /** Whether BuildKit runs something for it. */
  readonly solves: boolean;
}

/** A build that was walked as a composed one. */
export interface WalkedBuild {
  readonly workshop: Workshop;
  readonly request: BuildRequest;
  readonly facts: ReadFacts;
  readonly platform: Platform;
  readonly walked: Walked;
}

/**
 * What a composed build of the same Dockerfile comes to.
 *
 * @param image decides the cache repository, if the build names none
 * @returns a reason (for people) if it would not be composed, or cannot be walked now
 */
export async function compositionOf(
  host: Host,
  build: BuildRequest,
  image: string,
): Promise<Composition | { readonly reason: string }> {
  return await withWalked(host, build, image, async ({ walked: { installs, segments } }) => ({
    constraints: constraintsOf(installs),
    solves: segments.some(({ kind }) => kind !== 'composed'),
  }));
}

/**
 * Walks the Dockerfile as a composed build does, and makes, solves and sends nothing.
 *
 * @param image decides the cache repository, if the build names none
 * @param work gets what was found
 * @returns a reason (for people) if it would not be composed, or cannot be walked now
 */
export async function withWalked<T>(
  host: Host,
  build: BuildRequest,
  image: string,
  work: (found: WalkedBuild) => Promise<T>,
): Promise<T | { readonly reason: string }> {
  const request = composedRequest(build, image);
  const facts = await gatherBuildFacts(host, request);
  const plan = planBuild(facts, request.wishes);
  const unsuited = unsuitedFor(request, facts, plan);
  if (unsuited !== undefined) return { reason: unsuited };
  const read = facts as ReadFacts;
  try {
    await using workshop = await openWorkshop(host, [request], { looksOnly: true });
    const [platform] = platformsOf(request) as readonly [Platform];
    const { composer } = await openComposition(workshop, request, read, plan, platform);
    const walked = await walkSurely(composer);
    return await work({ workshop, request, facts: read, platform, walked });
  } catch (error) {
    if (error instanceof NotComposable) return { reason: error.reason };
    // Whatever is wrong with the Dockerfile, the plain build says it too.
    if (error instanceof LayerwrightError && error.code !== 'INTERRUPTED') return { reason: error.message };
    throw error;
  }
}

function composedRequest(build: BuildRequest, image: string): BuildRequest {
  const { domain, path, tag = 'latest' } = parseReference(image);
  return {
    ...build,
    tags: [formatReference({ domain, path, tag, digest: undefined })],
    stageDirectories: [],
    wishes: { ...build.wishes, way: 'auto', push: true, load: false, outputs: [] },
  };
}

/**
 * A name that two steps install in two versions is left out: no step can be held to both. A step that installs from a lock file is held
 * to that, and uv takes no constraints beside a pylock.toml.
 */
function constraintsOf(installs: readonly InstalledStep[]): Constraints | undefined {
  const versions = new Map<string, Set<string>>();
  for (const { locked } of installs)
    for (const { name, version } of locked.resolved.lock.distributions)
      versions.set(name, (versions.get(name) ?? new Set()).add(version));
  const pins = [...versions].flatMap(([name, all]) => (all.size === 1 ? [`${name}==${[...all][0]}`] : []));
  const open = installs.filter(({ locked }) => locked.resolved.by !== 'lock file');
  if (pins.length === 0 || open.length === 0) return undefined;
  return { pins: pins.sort(), lines: new Set(open.map(({ line }) => line)) };
}
