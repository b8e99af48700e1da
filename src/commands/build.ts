import { resolve } from 'node:path';
import { usageError } from '../errors.ts';
import { requireWritable } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import { type BuildPlan, planBuild } from '../plan/build-plan.ts';
import type { BuildResult } from '../report/build-result.ts';
import { gatherBuildFacts } from './build-facts.ts';
import type { BuildRequest } from './build-request.ts';
import { buildSolved } from './build-solved.ts';
import { buildComposed } from './compose/build-composed.ts';
import type { Workshop } from './compose/workshop.ts';

/**
 * Builds an image: facts -> plan -> run -> publish. What can be composed is; what cannot is solved by BuildKit.
 *
 * @param workshop what other builds of the run share; it outlives the build
 * @returns what was built; also written to the files that the request names and, with `json`, to standard output
 * @throws LayerwrightError with the contract's exit codes
 */
export async function build(host: Host, request: BuildRequest, workshop?: Workshop): Promise<BuildResult> {
  const started = host.clock.monotonicMs();
  const facts = await gatherBuildFacts(host, request);
  const plan = planBuild(facts, request.wishes);
  checkPlan(request, plan);
  for (const path of [request.metadataFile, request.imageDefinitions, request.passed.imageIdFile])
    if (path !== undefined) await requireWritable(resolve(host.cwd, path));
  const composed = await buildComposed(host, request, facts, plan, started, workshop);
  if ('result' in composed) return composed.result;
  return await buildSolved(host, request, facts, composed.plan, started, workshop);
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
