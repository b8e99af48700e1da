import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type BakeDefinition, type BakeTarget, readDefinition } from '../bake/definition.ts';
import { buildOrder } from '../bake/order.ts';
import { LayerwrightError, usageError } from '../errors.ts';
import { requireWritable } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import type { BakeResult } from '../report/bake-result.ts';
import { stepsFor } from '../report/steps.ts';
import { cachesOf } from './bake/caches.ts';
import { contextOf, forUsers, type PlannedTarget, withContexts, writeDockerfile } from './bake/contexts.ts';
import { printDefinition } from './bake/print.ts';
import { checkPrivileges } from './bake/privileges.ts';
import { checkPushTargets } from './bake/push-targets.ts';
import type { BakeRequest } from './bake/request.ts';
import { type TargetCaches, targetRequest } from './bake/targets.ts';
import { type BuiltTarget, containersOf, tell } from './bake/tell.ts';
import { build } from './build.ts';
import type { BuildRequest } from './build-request.ts';
import { openWorkshop, type Workshop } from './compose/workshop.ts';

/**
 * Builds all targets that bake and compose files define for what was asked, as `buildx bake` does: the files are read by buildx
 * itself, each target is built as `layerwright build` builds, and what targets have in common is made once.
 *
 * @returns what was built; also written to the files that the request names and, with `json`, to standard output
 * @throws LayerwrightError of the files (`TARGET_UNKNOWN`, `BAKE_FILE_INVALID`: 1; `BAKE_FILE_MISSING`, `BAKE_NOT_ALLOWED`,
 *   `BAKE_UNSUPPORTED`: 2), and what `build` throws, the target named: the first that fails ends the run
 */
export async function bake(host: Host, request: BakeRequest): Promise<BakeResult> {
  const started = host.clock.monotonicMs();
  const definition = readDefinition(await printDefinition(host, request));
  await checkPrivileges(host, request, [...definition.targets.values()]);
  for (const path of [request.metadataFile, request.imageDefinitions])
    if (path !== undefined) await requireWritable(resolve(host.cwd, path));
  const planned = planTargets(host, request, definition);
  checkPushTargets(host.env, request, planned);
  const containers = containersOf(request, planned);
  await using workshop = await openWorkshop(
    host,
    planned.map((one) => one.request),
  );
  const built = await buildAll(workshop, planned);
  const seconds = (host.clock.monotonicMs() - started) / 1000;
  return await tell(host, request, containers, built, seconds);
}

/** Every target with what `build` is asked for it, in the order in which they are built. */
function planTargets(host: Host, request: BakeRequest, definition: BakeDefinition): readonly PlannedTarget[] {
  const ordered = buildOrder(definition);
  const requestFor = (target: BakeTarget, caches: TargetCaches) =>
    targetRequest(host.env, request, target, caches);
  const targets = ordered.map(({ target }) => target);
  const pushed = targets.filter((target) => requestFor(target, {}).wishes.push);
  const caches = cachesOf(request, targets, pushed);
  return ordered.map((one) => ({
    ...one,
    request: requestFor(one.target, caches.get(one.target.name) ?? {}),
  }));
}

/** One after the other: BuildKit and our threads take all processors for one already, and what the first has made the next one finds. */
async function buildAll(
  workshop: Workshop,
  planned: readonly PlannedTarget[],
): Promise<readonly BuiltTarget[]> {
  const contexts = new Map<string, string>();
  const built: BuiltTarget[] = [];
  const files = await workshop.subdirectory();
  for (const one of planned) {
    const { name } = one.target;
    const directory = join(files, name);
    const layout = join(directory, 'image');
    try {
      const { note } = stepsFor(workshop.host, one.request.progress);
      if (planned.length > 1) note(`Target ${name} (${built.length + 1} of ${planned.length})`);
      const whole = forUsers({ ...one, request: await withInline(one, directory) }, planned, layout);
      const request = await withContexts(workshop.host, one.target, whole, contexts, directory);
      const metadataFile = join(directory, 'metadata.json');
      const result = await build(workshop.host, { ...request, metadataFile, part: name }, workshop);
      const context = contextOf(request, result, layout);
      if (context !== undefined) contexts.set(name, context);
      else if (one.users.length > 0) throw notHandedOn(one);
      built.push({ name, result, metadata: JSON.parse(await readFile(metadataFile, 'utf8')) });
    } catch (error) {
      throw ofTarget(name, error);
    }
  }
  return built;
}

function notHandedOn({ users }: PlannedTarget): LayerwrightError {
  return usageError(
    'BAKE_UNSUPPORTED',
    `no image came out of it that ${users.map(({ name }) => name).join(', ')} could start from`,
    'Give it an output that is an image, or use docker buildx bake.',
  );
}

/** A Dockerfile that stands in the bake file, as a file. */
async function withInline({ target, request }: PlannedTarget, directory: string): Promise<BuildRequest> {
  if (target.inline === undefined) return request;
  const file = await writeDockerfile(join(directory, 'inline'), 'Dockerfile', target.inline);
  return { ...request, file, fileName: `dockerfile-inline of ${target.name}` };
}

/** What is thrown, with the target's name in front. */
function ofTarget(name: string, error: unknown): unknown {
  if (!(error instanceof LayerwrightError) || error.code === 'INTERRUPTED') return error;
  const { code, exit, hint, temporary, detail } = error;
  return new LayerwrightError(`target "${name}": ${error.message}`, {
    ...{ code, exit, temporary, cause: error },
    ...(hint === undefined ? {} : { hint }),
    ...(detail === undefined ? {} : { detail }),
  });
}
