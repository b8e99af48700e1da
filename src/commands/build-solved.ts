import type { Host } from '../host/host.ts';
import type { BuildPlan } from '../plan/build-plan.ts';
import { pushedImageBytes } from '../registry/image-size.ts';
import { type BuildResult, buildResult, type DirectoryResult } from '../report/build-result.ts';
import { buildxCall } from './build-call.ts';
import type { GatheredFacts } from './build-facts.ts';
import { handOver } from './build-handover.ts';
import { announce } from './build-publish.ts';
import type { BuildRequest } from './build-request.ts';
import { runBuildx } from './build-run.ts';
import type { Workshop } from './compose/workshop.ts';
import { prepare } from './prepare.ts';
import {
  type Filled,
  fillStageDirectories,
  openStageDirectories,
  type StageDirectory,
} from './stage-directories.ts';

/**
 * Has BuildKit solve the whole Dockerfile.
 *
 * @param started when the build began, by the host's clock
 * @param workshop has the builder of all builds of the run; default: one for this build
 * @throws LayerwrightError with the contract's exit codes
 */
export async function buildSolved(
  host: Host,
  request: BuildRequest,
  facts: GatheredFacts,
  plan: BuildPlan,
  started: number,
  workshop?: Pick<Workshop, 'builder'>,
): Promise<BuildResult> {
  const prepared = await prepare(host, request, plan, facts.dockerfile, workshop);
  try {
    const directories = await openStageDirectories(host, request, facts, prepared.looks);
    await using handover = await handOver(host, request, facts, plan, prepared.builder);
    const call = handover.applyTo(buildxCall(request, facts, plan, prepared.looks, directories));
    const { metadata, state } = await runBuildx(host, request, call, handover.builder);
    const wanting = directories.filter(({ outcome }) => outcome === 'stale');
    const isCached = prepared.looks.some(({ outcome }) => outcome === 'hit');
    const filled = isCached ? [] : await fillStageDirectories(host, handover.builder, call, wanting);
    const compressedBytes = plan.pushes ? await pushedImageBytes(host, plan.tags[0], metadata) : undefined;
    const seconds = { ...prepared.seconds, total: (host.clock.monotonicMs() - started) / 1000 };
    const result = buildResult({
      plan,
      builder: prepared.builder,
      looks: prepared.looks,
      metadata,
      state,
      compressedBytes,
      directories: directories.map((one) => directoryResult(one, filled)),
      seconds,
    });
    await announce(host, request, plan, metadata, result);
    return result;
  } finally {
    await prepared.builder.release();
  }
}

function directoryResult(
  { stage, directory, outcome, detail }: StageDirectory,
  filled: readonly Filled[],
): DirectoryResult {
  const found = filled.find((one) => one.stage === stage);
  if (found === undefined) return { stage, directory, outcome, detail: detail ?? null };
  return found.problem === undefined
    ? { stage, directory, outcome: 'filled', detail: null }
    : { stage, directory, outcome: 'failed', detail: found.problem };
}
