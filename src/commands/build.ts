import { resolve } from 'node:path';
import { imageDefinitions } from '../ci/image-definitions.ts';
import { withoutAuthorities } from '../dockerfile/rewrite.ts';
import type { Builder } from '../engine/builder.ts';
import type { BuildxCall } from '../engine/buildx.ts';
import { type BuildProgress, type BuildState, createBuildProgress, failedStep } from '../engine/progress.ts';
import { progressMask } from '../engine/progress-mask.ts';
import { type BuildMetadata, solve } from '../engine/solve.ts';
import { usageError } from '../errors.ts';
import { requireWritable, writeFileAtomic } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import { parseReference } from '../image/reference.ts';
import { type BuildPlan, planBuild } from '../plan/build-plan.ts';
import { pushedImageBytes } from '../registry/image-size.ts';
import { type BuildResult, buildResult, type DirectoryResult } from '../report/build-result.ts';
import { stepsFor } from '../report/steps.ts';
import { summary } from '../report/summary.ts';
import { progressView } from '../report/views.ts';
import { buildxCall, secretArguments } from './build-call.ts';
import { gatherBuildFacts } from './build-facts.ts';
import { handOver } from './build-handover.ts';
import type { BuildRequest } from './build-request.ts';
import { prepare } from './prepare.ts';
import {
  type Filled,
  fillStageDirectories,
  openStageDirectories,
  type StageDirectory,
} from './stage-directories.ts';

/**
 * Builds an image: facts -> plan -> run -> publish.
 *
 * @returns what was built; also written to the files that the request names and, with `json`, to standard output
 * @throws LayerwrightError with the contract's exit codes
 */
export async function build(host: Host, request: BuildRequest): Promise<BuildResult> {
  const started = host.clock.monotonicMs();
  const facts = await gatherBuildFacts(host, request);
  const plan = planBuild(facts, request.wishes);
  checkPlan(request, plan);
  for (const path of [request.metadataFile, request.imageDefinitions, request.passed.imageIdFile])
    if (path !== undefined) await requireWritable(resolve(host.cwd, path));
  const prepared = await prepare(host, request, plan, facts.dockerfile);
  try {
    const directories = await openStageDirectories(host, request, facts, prepared.looks);
    await using handover = await handOver(host, request, facts, plan, prepared.builder);
    const call = handover.applyTo(buildxCall(request, facts, plan, prepared.looks, directories));
    const { metadata, state } = await run(host, request, call, handover.builder);
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
    await publish(host, request, plan, metadata, result);
    return result;
  } finally {
    await prepared.builder.release();
  }
}

/**
 * What would be found out only after minutes of building.
 *
 * @throws LayerwrightError `TAG_MISSING`, `IMAGE_DEFINITIONS_NEED_PUSH`, `OUTPUT_CONFLICT` (2)
 */
function checkPlan(request: BuildRequest, plan: BuildPlan): void {
  const named = request.wishes.outputs.some((output) => output.name !== undefined);
  if (plan.pushes && plan.tags.length === 0 && !named)
    throw usageError('TAG_MISSING', '--push needs to know where to', 'Name the image: -t REGISTRY/NAME:TAG.');
  if (request.imageDefinitions !== undefined && (!plan.pushes || plan.tags.length === 0))
    throw usageError(
      'IMAGE_DEFINITIONS_NEED_PUSH',
      '--image-definitions names an image for the deploy, but this build pushes none',
      'Add -t REGISTRY/NAME:TAG and --push.',
    );
  if (request.json && request.wishes.outputs.some(({ dest }) => dest === '-'))
    throw usageError(
      'OUTPUT_CONFLICT',
      '--json and an --output to standard output would be mixed',
      'Write the output to a file, or the result with --metadata-file.',
    );
}

async function run(
  host: Host,
  request: BuildRequest,
  call: Omit<BuildxCall, 'metadataFile' | 'builder'>,
  builder: Builder,
): Promise<{ metadata: BuildMetadata; state: BuildState }> {
  let attempt = watched(host, request);
  try {
    const metadata = await solve(host, builder, call, {
      begin() {
        if (attempt.state.outcome !== undefined) attempt = watched(host, request);
      },
      line: (line) => attempt.feed(withoutAuthorities(line)),
      failure() {
        const { state } = attempt;
        const failed = failedStep(state);
        return { text: state.text.join('\n'), step: failed?.name, stepLog: failed?.log.lines ?? [] };
      },
      retry(error) {
        attempt.end('failed');
        stepsFor(host, request.progress).note(`${error.message}: trying again`);
      },
    });
    attempt.end('built');
    return { metadata, state: attempt.state };
  } catch (error) {
    attempt.end(host.signal.aborted ? 'interrupted' : 'failed');
    throw error;
  }
}

/** Progress with the view that shows it; ended once, however often it is told so. */
function watched(host: Host, request: BuildRequest): BuildProgress {
  const progress = createBuildProgress(host.clock);
  const view = progressView(request.progress, host);
  const mask = progressMask(secretArguments(host, request));
  return {
    get state() {
      return progress.state;
    },
    feed(line) {
      const shown = mask(line);
      progress.feed(shown);
      view.update(progress.state, shown);
    },
    end(outcome) {
      if (progress.state.outcome !== undefined) return;
      progress.end(outcome);
      view.finish(progress.state, outcome);
    },
  };
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

/** Everything that is told to others once the image is there. */
async function publish(
  host: Host,
  request: BuildRequest,
  plan: BuildPlan,
  metadata: BuildMetadata,
  result: BuildResult,
): Promise<void> {
  const write = (path: string | undefined, text: string) =>
    path === undefined ? undefined : writeFileAtomic(resolve(host.cwd, path), text);
  // buildx's provenance has the values of build arguments.
  const mask = progressMask(secretArguments(host, request));
  await write(
    request.metadataFile,
    mask(`${JSON.stringify({ ...metadata, layerwright: result }, undefined, 2)}\n`),
  );
  if (request.imageDefinitions !== undefined) {
    const tag = plan.tags[0] as string;
    const name = request.containerName ?? (parseReference(tag).path.split('/').at(-1) as string);
    await write(request.imageDefinitions, imageDefinitions(name, tag));
  }
  if (request.progress !== 'quiet' && request.progress !== 'rawjson')
    host.output.talk(summary(result, { colour: host.output.colour, columns: host.output.columns() }));
  if (request.json) host.output.data(`${JSON.stringify(result, undefined, 2)}\n`);
}
