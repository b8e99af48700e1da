import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { linkedTarget } from '../../bake/order.ts';
import { LayerwrightError, usageError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { inParallel } from '../../host/parallel.ts';
import { formatSeconds } from '../../report/format.ts';
import { type Lanes, lanesFor } from '../../report/lanes.ts';
import type { ProgressMode } from '../../report/views.ts';
import { build } from '../build.ts';
import type { BuildRequest } from '../build-request.ts';
import { openWorkshop, type Workshop } from '../compose/workshop.ts';
import { contextOf, forUsers, type PlannedTarget, withContexts, writeDockerfile } from './contexts.ts';
import type { BuiltTarget } from './tell.ts';

/** Targets that are built at a time: while one waits for a network, others use the processors. */
const AT_ONCE = 4;

/** A target that was built, and what it is for those that have it as a context, as `--build-context` has it. */
interface BuiltContext extends BuiltTarget {
  readonly context: string | undefined;
}

/** What the builds of all targets have in common. */
interface Floor {
  readonly workshop: Workshop;
  readonly planned: readonly PlannedTarget[];
  /** For files of targets, by their names: absolute. */
  readonly directory: string;
  /** Those that are begun, by their names. */
  readonly begun: Map<string, Promise<BuiltContext>>;
}

/**
 * Builds all targets side by side, each when those are built that it has as contexts. The first that fails ends the others, and is
 * what is thrown.
 *
 * @param planned those first that others have as contexts
 * @returns in the same order
 * @throws what `build` throws, the target named
 */
export async function buildTargets(
  host: Host,
  progress: ProgressMode,
  planned: readonly PlannedTarget[],
): Promise<readonly BuiltTarget[]> {
  const stop = new AbortController();
  const signal = AbortSignal.any([host.signal, stop.signal]);
  const names = planned.map(({ target }) => target.name);
  // One target is told of as `build` tells of it.
  const lanes = planned.length === 1 ? undefined : lanesFor(host, progress, names);
  const told = planned.map((one) => ({
    ...one,
    request: { ...one.request, progress: lanes?.mode ?? progress },
  }));
  try {
    await using workshop = await openWorkshop(
      { ...host, signal, output: lanes?.shared ?? host.output },
      told.map(({ request }) => request),
    );
    const floor: Floor = {
      ...{ workshop, planned: told, begun: new Map() },
      directory: await workshop.subdirectory(),
    };
    return await inParallel(told, AT_ONCE, async (one) => {
      const { name } = one.target;
      const building = inLane(floor, one, lanes, stop).catch((error: unknown) => {
        stop.abort();
        throw ofTarget(name, error);
      });
      floor.begun.set(name, building);
      return await building;
    });
  } finally {
    lanes?.close();
  }
}

/** Builds a target, with its output where it belongs. */
async function inLane(
  floor: Floor,
  one: PlannedTarget,
  lanes: Lanes | undefined,
  { signal }: AbortController,
): Promise<BuiltContext> {
  const contexts = await contextsOf(floor, one);
  if (lanes === undefined) return await buildTarget(floor, one, contexts);
  const { workshop } = floor;
  const { output, steps, end } = lanes.begin(one.target.name);
  const own = { ...workshop, steps, host: { ...workshop.host, output } };
  try {
    const built = await buildTarget({ ...floor, workshop: own }, one, contexts);
    const { way, seconds } = built.result;
    end('done', `${way} in ${formatSeconds(seconds.total)}`);
    return built;
  } catch (error) {
    if (signal.aborted || workshop.host.signal.aborted) end('ended', 'ended');
    else end('failed', 'failed');
    throw error;
  }
}

/** What the targets are that it has as contexts, by their names, once they are built. */
async function contextsOf({ begun }: Floor, { target }: PlannedTarget): Promise<ReadonlyMap<string, string>> {
  const links = [...target.contexts.values()].flatMap((context) => linkedTarget(context) ?? []);
  const built = await Promise.all(
    links.map(async (name) => [name, (await begun.get(name))?.context] as const),
  );
  return new Map(built.flatMap(([name, context]) => (context === undefined ? [] : [[name, context]])));
}

async function buildTarget(
  { workshop, planned, directory: files }: Floor,
  one: PlannedTarget,
  contexts: ReadonlyMap<string, string>,
): Promise<BuiltContext> {
  const { name } = one.target;
  const directory = join(files, name);
  const layout = join(directory, 'image');
  const whole = forUsers({ ...one, request: await withInline(one, directory) }, planned, layout);
  const request = await withContexts(workshop.host, one.target, whole, contexts, directory);
  const metadataFile = join(directory, 'metadata.json');
  const result = await build(workshop.host, { ...request, metadataFile, part: name }, workshop);
  const context = contextOf(request, result, layout);
  if (context === undefined && one.users.length > 0) throw notHandedOn(one);
  return { name, result, metadata: JSON.parse(await readFile(metadataFile, 'utf8')), context };
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

/** What is thrown, with the target's name in front; of a target that it waited for, that one's. */
function ofTarget(name: string, error: unknown): unknown {
  if (!(error instanceof LayerwrightError) || error.code === 'INTERRUPTED') return error;
  if (error.message.startsWith('target "')) return error;
  const { code, exit, hint, temporary, detail } = error;
  return new LayerwrightError(`target "${name}": ${error.message}`, {
    ...{ code, exit, temporary, cause: error },
    ...(hint === undefined ? {} : { hint }),
    ...(detail === undefined ? {} : { detail }),
  });
}
