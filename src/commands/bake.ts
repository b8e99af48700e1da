import { resolve } from 'node:path';
import { type BakeDefinition, type BakeTarget, readDefinition } from '../bake/definition.ts';
import { buildOrder } from '../bake/order.ts';
import { requireWritable } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import type { BakeResult } from '../report/bake-result.ts';
import { buildTargets } from './bake/build-targets.ts';
import { cachesOf } from './bake/caches.ts';
import type { PlannedTarget } from './bake/contexts.ts';
import { printDefinition } from './bake/print.ts';
import { checkPrivileges } from './bake/privileges.ts';
import { checkPushTargets } from './bake/push-targets.ts';
import type { BakeRequest } from './bake/request.ts';
import { type TargetCaches, targetRequest } from './bake/targets.ts';
import { containersOf, tell } from './bake/tell.ts';

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
  const built = await buildTargets(host, request.progress, planned);
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
