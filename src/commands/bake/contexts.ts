import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { BakeTarget } from '../../bake/definition.ts';
import { linkedTarget, type OrderedTarget } from '../../bake/order.ts';
import { substituteContexts } from '../../bake/substitute.ts';
import { DEPENDENCY_TIME } from '../../compose/install/install-layers.ts';
import { readBuildArguments } from '../../dockerfile/arguments.ts';
import { kindOf } from '../../host/files.ts';
import type { Host } from '../../host/host.ts';
import { parseReference, repositoryOf } from '../../image/reference.ts';
import type { BuildWishes } from '../../plan/build-plan.ts';
import type { BuildResult } from '../../report/build-result.ts';
import { gatherBuildFacts } from '../build-facts.ts';
import type { BuildRequest } from '../build-request.ts';
import { localPath } from './targets.ts';

/** A target that is to be built. */
export interface PlannedTarget extends OrderedTarget {
  readonly request: BuildRequest;
}

const IMAGE = 'docker-image://';

/**
 * How a target is built that others have as a context: its image has to be somewhere. One that is pushed is. One that is built for
 * another one only goes to the cache repository of a target that is pushed, as what was solved does; else the image is laid into
 * a directory of this machine.
 *
 * @param planned all targets
 * @param layout for the image: absolute, need not exist
 */
export function forUsers(
  { target, isAskedFor, users, request }: PlannedTarget,
  planned: readonly PlannedTarget[],
  layout: string,
): BuildRequest {
  const { wishes } = request;
  if (users.length === 0 || isPushed(request)) return request;
  const repository = planned
    .filter((one) => users.includes(one.target) && isPushed(one.request))
    .map((one) => one.request.wishes.cacheRepository)
    .find((one) => one !== undefined && one !== 'none');
  if (!isAskedFor && repository !== undefined)
    return {
      ...request,
      tags: [`${repository}:lw-target-${target.name}`],
      // With the commit's time it would be another image after each commit, and so would all that start from it.
      sourceDateEpoch: request.sourceDateEpoch ?? DEPENDENCY_TIME,
      wishes: {
        ...{ ...wishes, push: true, outputs: [], cacheRepository: repository },
        ...(wishes.cacheFrom.length + wishes.cacheTo.length === 0 && ownLayerCache(repository, target.name)),
      },
    };
  const laid = { type: 'oci', dest: layout, tar: 'false' };
  return isAskedFor
    ? { ...request, wishes: { ...wishes, outputs: [...wishes.outputs, laid] } }
    : { ...request, tags: [], wishes: { ...wishes, outputs: [laid] } };
}

/** Not the one of the repository's own target, which would be replaced. */
function ownLayerCache(repository: string, name: string): Pick<BuildWishes, 'cacheFrom' | 'cacheTo'> {
  const cache = [{ type: 'registry', ref: `${repository}:cache-${name}` }];
  return { cacheFrom: cache, cacheTo: cache };
}

/** The named context that a target is for those that use it, as `--build-context` has it. */
export function contextOf(request: BuildRequest, result: BuildResult, layout: string): string | undefined {
  const { image } = result;
  const [reference] = image?.references ?? [];
  if (image === null) return undefined;
  if (isPushed(request) && reference !== undefined)
    return `${IMAGE}${repositoryOf(parseReference(reference))}@${image.digest}`;
  return request.wishes.outputs.some(({ dest }) => dest === layout)
    ? `oci-layout://${layout}@${image.digest}`
    : undefined;
}

function isPushed({ wishes, tags }: BuildRequest): boolean {
  return wishes.push && tags.length > 0;
}

/**
 * A target's request with its named contexts. Where they all are images, and the image may be composed, a copy of the Dockerfile
 * names these images itself: then there is nothing left that only BuildKit can do.
 *
 * @param built what targets that were built before are as contexts
 * @param directory for the copy: absolute, need not exist
 */
export async function withContexts(
  host: Host,
  target: BakeTarget,
  request: BuildRequest,
  built: ReadonlyMap<string, string>,
  directory: string,
): Promise<BuildRequest> {
  const contexts = new Map([...target.contexts].map(([name, value]) => [name, resolved(value, built)]));
  if (contexts.size === 0) return request;
  const { passed, wishes } = request;
  const whole = {
    ...request,
    passed: { ...passed, buildContexts: [...contexts].map(([name, value]) => `${name}=${value}`) },
  };
  if (wishes.way === 'solved' || !isPushed(request)) return whole;
  const { dockerfile, file } = await gatherBuildFacts(host, request);
  if (dockerfile === undefined || file === undefined) return whole;
  const images = [...contexts].flatMap(([name, value]): [string, string][] =>
    value.startsWith(IMAGE) ? [[name, value.slice(IMAGE.length)]] : [],
  );
  const substituted = substituteContexts(dockerfile, new Map(images), {
    ...readBuildArguments(passed.buildArguments, host.env),
    target: wishes.targetName,
    contexts: new Set(contexts.keys()),
  });
  if ('reason' in substituted) return whole;
  if (substituted.text === dockerfile.text) return request;
  const copy = await writeDockerfile(directory, basename(file), substituted.text);
  const ignore = `${file}.dockerignore`;
  if ((await kindOf(ignore)) === 'file') await copyFile(ignore, `${copy}.dockerignore`);
  return { ...request, file: copy, fileName: request.fileName ?? dockerfile.path };
}

function resolved(context: string, built: ReadonlyMap<string, string>): string {
  const linked = linkedTarget(context);
  return linked === undefined ? localPath(context) : (built.get(linked) ?? context);
}

/**
 * Writes a Dockerfile for a build that has none of that text.
 *
 * @returns its path
 */
export async function writeDockerfile(directory: string, name: string, text: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, name);
  await writeFile(path, text);
  return path;
}
