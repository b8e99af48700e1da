import { resolve } from 'node:path';
import { imageDefinitions } from '../ci/image-definitions.ts';
import { progressMask } from '../engine/progress-mask.ts';
import type { BuildMetadata } from '../engine/solve.ts';
import { writeFileAtomic } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import { parseReference } from '../image/reference.ts';
import type { BuildPlan } from '../plan/build-plan.ts';
import type { BuildResult } from '../report/build-result.ts';
import { summary } from '../report/summary.ts';
import { secretArguments } from './build-call.ts';
import type { BuildRequest } from './build-request.ts';

/** Everything that is told to others once the image is there. */
export async function announce(
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
  if (request.part !== undefined) return;
  if (request.progress !== 'quiet' && request.progress !== 'rawjson')
    host.output.talk(summary(result, { colour: host.output.colour, columns: host.output.columns() }));
  if (request.json) host.output.data(`${JSON.stringify(result, undefined, 2)}\n`);
}
