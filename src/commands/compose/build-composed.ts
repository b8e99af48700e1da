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
import { type ComposedBuild, composeBuild, type PlatformImage } from './compose-build.ts';
import { composedResult } from './composed-result.ts';
import { type ReadFacts, unsuitedFor } from './suits.ts';
import type { Workshop } from './workshop.ts';

/** A composed build, or why BuildKit has to solve all of it. */
export type ComposeOutcome =
  | { readonly result: BuildResult }
  /** The plan, its segments with the reason. */
  | { readonly plan: BuildPlan };

/**
 * Composes the image, if that is asked for and possible.
 *
 * @param workshop what other builds of the run share; default: one of its own
 * @throws LayerwrightError `NOT_COMPOSABLE` (1) with `--way composed` if something has to run
 */
export async function buildComposed(
  host: Host,
  request: BuildRequest,
  facts: GatheredFacts,
  plan: BuildPlan,
  started: number,
  workshop?: Workshop,
): Promise<ComposeOutcome> {
  const { way } = request.wishes;
  if (way === 'solved') return leftToBuildKit(plan, '--way solved');
  const unsuited = unsuitedFor(request, facts, plan);
  if (unsuited !== undefined) return refused(way, plan, facts, undefined, unsuited, undefined);
  try {
    const built = await composeBuild(host, request, facts as ReadFacts, plan, workshop);
    const result = composedResult({
      plan,
      ...built,
      seconds: (host.clock.monotonicMs() - started) / 1000,
    });
    const metadata = metadataOf(built, plan);
    if (request.passed.imageIdFile !== undefined)
      await writeFileAtomic(
        resolve(host.cwd, request.passed.imageIdFile),
        metadata['containerimage.config.digest'] ?? metadata['containerimage.digest'],
      );
    await announce(host, request, plan, { ...metadata }, result);
    return { result };
  } catch (error) {
    if (error instanceof MustRun) throw mustRun(error.obstacles);
    if (!(error instanceof NotComposable)) throw error;
    return refused(way, plan, facts, error.line || undefined, error.reason, error.hint);
  }
}

interface ImageMetadata {
  readonly 'containerimage.config.digest'?: string;
  readonly 'containerimage.descriptor': object;
  readonly 'containerimage.digest': string;
  readonly 'image.name': string;
}

/** What buildx says of the same image; of an index there is no configuration. */
function metadataOf({ images, index }: ComposedBuild, { tags }: BuildPlan): ImageMetadata {
  const names = { 'image.name': tags.join(',') };
  if (index !== undefined)
    return {
      'containerimage.descriptor': { mediaType: MEDIA.index, digest: index.digest, size: index.bytes.length },
      'containerimage.digest': index.digest,
      ...names,
    };
  const [{ image, platform }] = images as readonly [PlatformImage];
  const { os, architecture, variant } = platform;
  return {
    'containerimage.config.digest': image.manifest.config.digest,
    'containerimage.descriptor': {
      mediaType: MEDIA.manifest,
      digest: image.digest,
      size: image.manifestBytes.length,
      platform: { architecture, os, ...(variant ? { variant } : {}) },
    },
    'containerimage.digest': image.digest,
    ...names,
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
