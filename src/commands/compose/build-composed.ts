import { resolve } from 'node:path';
import { MustRun, NotComposable, type Obstacle } from '../../compose/state.ts';
import { EXIT, LayerwrightError } from '../../errors.ts';
import { writeFileAtomic } from '../../host/files.ts';
import type { Host } from '../../host/host.ts';
import { MEDIA } from '../../image/oci.ts';
import type { BuildPlan } from '../../plan/build-plan.ts';
import type { BuildResult } from '../../report/build-result.ts';
import type { GatheredFacts } from '../build-facts.ts';
import { announce } from '../build-publish.ts';
import type { BuildRequest } from '../build-request.ts';
import { type ComposedBuild, composeBuild } from './compose-build.ts';
import { composedResult } from './composed-result.ts';
import { type ReadFacts, unsuitedFor } from './suits.ts';

/** A composed build, or why BuildKit has to solve all of it. */
export type ComposeOutcome =
  | { readonly result: BuildResult }
  /** The plan, its segments with the reason. */
  | { readonly plan: BuildPlan };

/**
 * Composes the image, if that is asked for and possible.
 *
 * @throws LayerwrightError `NOT_COMPOSABLE` (1) with `--way composed` if something has to run
 */
export async function buildComposed(
  host: Host,
  request: BuildRequest,
  facts: GatheredFacts,
  plan: BuildPlan,
  started: number,
): Promise<ComposeOutcome> {
  const { way } = request.wishes;
  if (way === 'solved') return leftToBuildKit(plan, '--way solved');
  const unsuited = unsuitedFor(request, facts, plan);
  if (unsuited !== undefined) return refused(way, plan, facts, undefined, unsuited, undefined);
  try {
    const built = await composeBuild(host, request, facts as ReadFacts, plan);
    const result = composedResult({
      plan,
      ...resultParts(built),
      seconds: (host.clock.monotonicMs() - started) / 1000,
    });
    const { image } = built;
    if (request.passed.imageIdFile !== undefined)
      await writeFileAtomic(resolve(host.cwd, request.passed.imageIdFile), image.digest);
    const metadata = {
      'containerimage.config.digest': image.manifest.config.digest,
      'containerimage.descriptor': {
        mediaType: MEDIA.manifest,
        digest: image.digest,
        size: image.manifestBytes.length,
      },
      'containerimage.digest': image.digest,
      'image.name': plan.tags.join(','),
    };
    await announce(host, request, plan, metadata, result);
    return { result };
  } catch (error) {
    if (error instanceof MustRun) throw mustRun(error.obstacles);
    if (!(error instanceof NotComposable)) throw error;
    return refused(way, plan, facts, error.line || undefined, error.reason, error.hint);
  }
}

function resultParts({ image, ...built }: ComposedBuild) {
  return {
    ...built,
    digest: image.digest,
    compressedBytes: image.manifest.layers.reduce((sum, { size }) => sum + size, 0),
  };
}

function refused(
  way: BuildRequest['wishes']['way'],
  plan: BuildPlan,
  facts: GatheredFacts,
  line: number | undefined,
  reason: string,
  hint: string | undefined,
): ComposeOutcome {
  const place = line === undefined ? '' : `${facts.dockerfile?.path}:${line}: `;
  if (way === 'composed')
    throw new LayerwrightError(`${place}the image cannot be composed: ${reason}`, {
      code: 'NOT_COMPOSABLE',
      exit: EXIT.failed,
      hint: hint ?? 'Leave --way composed out: then BuildKit does what has to run.',
    });
  return leftToBuildKit(plan, `${place}${reason}`);
}

function leftToBuildKit(plan: BuildPlan, reason: string): ComposeOutcome {
  return { plan: { ...plan, segments: plan.segments.map((segment) => ({ ...segment, reason })) } };
}

/** For `--way composed`: what would have to run. */
function mustRun(obstacles: readonly Obstacle[]): LayerwrightError {
  const [first] = obstacles as readonly [Obstacle, ...Obstacle[]];
  const list = obstacles.map(({ place, instruction, reason }) => `${place}: ${instruction}: ${reason}`);
  return new LayerwrightError(`something has to run: ${list.join('; ')}`, {
    code: 'NOT_COMPOSABLE',
    exit: EXIT.failed,
    hint: first.hint ?? 'Leave --way composed out: then BuildKit does what has to run.',
  });
}
