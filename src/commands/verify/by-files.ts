import { NotComposable } from '../../compose/state.ts';
import { type Platform, platformText, readPlatform } from '../../dockerfile/platform.ts';
import { chooseBuilder, inspectBuilder } from '../../engine/builder.ts';
import type { Host } from '../../host/host.ts';
import { finalImage } from '../../image/config-start.ts';
import { planBuild } from '../../plan/build-plan.ts';
import { stepsFor } from '../../report/steps.ts';
import { checkFiles, type FilesCheck, knowsMachine } from '../../verify/check-files.ts';
import { type ConfigDifference, compareConfigs } from '../../verify/compare-configs.ts';
import type { OpenedImage } from '../../verify/image-source.ts';
import { treeOfLayers } from '../../verify/read-tree.ts';
import { gatherBuildFacts } from '../build-facts.ts';
import type { BuildRequest } from '../build-request.ts';
import { labelsOf } from '../compose/annotations.ts';
import { canRun, hostPlatform } from '../compose/platforms.ts';
import { builderNeeds } from '../prepare.ts';
import { withWalked } from './composition.ts';
import { expectedDistributions } from './wheel-files.ts';

/** What the check of an image by its own files found. */
export interface CheckedFiles {
  readonly files: FilesCheck;
  readonly settings: readonly ConfigDifference[];
  /** Paths of the image. */
  readonly paths: number;
}

/**
 * Why a plain build cannot be made here to compare with: its programs are for a platform that the builder does not run.
 *
 * @returns half a sentence; undefined if it can
 * @throws LayerwrightError `NO_BUILDER` (2)
 */
export async function whyNotRun(host: Host, build: BuildRequest): Promise<string | undefined> {
  const platform = readPlatform(build.wishes.platforms[0] ?? '') ?? hostPlatform();
  if (platform.architecture === hostPlatform().architecture) return undefined;
  const facts = await gatherBuildFacts(host, { ...build, tags: [] });
  const stages = facts.dockerfile?.stages ?? [];
  const runs = stages.some(({ instructions }) => instructions.some(({ keyword }) => keyword === 'RUN'));
  if (!runs) return undefined;
  const needs = builderNeeds(build, planBuild(facts, build.wishes), facts.dockerfile);
  const builder = await chooseBuilder(host, stepsFor(host, build.progress), needs);
  try {
    const state = await inspectBuilder({ ...host, env: builder.env }, builder.command, builder.name);
    const listed = state?.platforms ?? [];
    return canRun(listed, platform) ? undefined : `builder "${builder.name}" runs ${listed.join(', ')} only`;
  } finally {
    await builder.release();
  }
}

/**
 * Checks an image by its own files: each file of each wheel of the locks is there with the content that the wheel's RECORD says,
 * programs are for the image's processor, and the configuration is what the Dockerfile makes of the base's.
 *
 * @returns a reason if that cannot be told of this Dockerfile: something in it runs, or is not read here
 * @throws LayerwrightError of the image's layers, and of fetching wheels
 */
export async function checkByFiles(
  host: Host,
  build: BuildRequest,
  name: string,
  image: OpenedImage,
): Promise<CheckedFiles | { readonly reason: string }> {
  return await withWalked(host, build, name, async ({ workshop, request, facts, platform, walked }) => {
    const solved = walked.segments.find(({ kind }) => kind !== 'composed');
    if (solved !== undefined)
      throw new NotComposable(solved.fromLine, `BuildKit runs lines ${solved.fromLine} to ${solved.toLine}`);
    requireKnown(platform);
    const expected = await expectedDistributions(workshop, walked);
    const tree = await treeOfLayers(image.layers);
    const config = finalImage(walked.state.stage, {
      ...(build.wishes.platforms.length > 0 && { platform }),
      labels: labelsOf(request, facts.source),
    });
    return {
      files: checkFiles(tree, expected, platform.architecture),
      settings: compareConfigs(image.config, config),
      paths: tree.entries.size,
    };
  });
}

function requireKnown(platform: Platform): void {
  if (!knowsMachine(platform.architecture))
    throw new NotComposable(0, `what programs for ${platformText(platform)} look like is not known`);
}
