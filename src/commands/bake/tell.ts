import { resolve } from 'node:path';
import { type ContainerImage, imageDefinitionsOf } from '../../ci/image-definitions.ts';
import { usageError } from '../../errors.ts';
import { writeFileAtomic } from '../../host/files.ts';
import type { Host } from '../../host/host.ts';
import { type BakeResult, bakeSummary } from '../../report/bake-result.ts';
import type { BuildResult } from '../../report/build-result.ts';
import type { PlannedTarget } from './contexts.ts';
import type { BakeRequest } from './request.ts';

/** What came of a target. */
export interface BuiltTarget {
  readonly name: string;
  readonly result: BuildResult;
  /** What its build would have written to a metadata file of its own: buildx's keys, and ours below `layerwright`. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

/**
 * The containers of `imagedefinitions.json` by their targets: those that `--container-name` names and no others; without it every
 * target that is asked for and pushed, the container being called like its repository.
 *
 * @throws LayerwrightError `FLAG_INVALID`, `IMAGE_DEFINITIONS_NEED_PUSH` (2)
 */
export function containersOf(
  { imageDefinitions, containers }: Pick<BakeRequest, 'imageDefinitions' | 'containers'>,
  planned: readonly PlannedTarget[],
): ReadonlyMap<string, string> {
  const pushed = planned.filter(
    ({ isAskedFor, request }) => isAskedFor && request.wishes.push && request.tags.length > 0,
  );
  const names = pushed.map(({ target }) => target.name);
  const stranger = [...containers.keys()].find((name) => !names.includes(name));
  if (stranger !== undefined)
    throw usageError(
      'FLAG_INVALID',
      `--container-name ${stranger}=${containers.get(stranger)}: no such target is built and pushed`,
      names.length > 0 ? `Pushed are ${names.join(', ')}.` : 'Add --push, and a tag to the target.',
    );
  if (imageDefinitions !== undefined && names.length === 0)
    throw usageError(
      'IMAGE_DEFINITIONS_NEED_PUSH',
      '--image-definitions names images for the deploy, but none is pushed',
      'Add --push, and a tag to each target.',
    );
  const chosen =
    containers.size > 0
      ? containers
      : new Map(pushed.map(({ target, request }) => [target.name, lastPart(request.tags[0] as string)]));
  const twice = [...chosen.values()].find((name, at, all) => all.indexOf(name) < at);
  if (imageDefinitions !== undefined && twice !== undefined)
    throw usageError(
      'FLAG_INVALID',
      `--image-definitions: several images for the container "${twice}"`,
      'Name the container of each target: --container-name TARGET=NAME.',
    );
  return chosen;
}

/** Of a repository; the tag may have placeholders. */
function lastPart(tag: string): string {
  return tag
    .replace(/:[^/:]*$/, '')
    .split('/')
    .at(-1) as string;
}

/** Everything that is told to others once all images are there. */
export async function tell(
  host: Host,
  request: BakeRequest,
  containers: ReadonlyMap<string, string>,
  built: readonly BuiltTarget[],
  seconds: number,
): Promise<BakeResult> {
  const result: BakeResult = {
    schemaVersion: 1,
    targets: Object.fromEntries(built.map(({ name, result: one }) => [name, one])),
  };
  const write = async (path: string | undefined, text: () => string) => {
    if (path !== undefined) await writeFileAtomic(resolve(host.cwd, path), text());
  };
  const metadata = Object.fromEntries(built.map(({ name, metadata: one }) => [name, one]));
  await write(request.metadataFile, () => `${JSON.stringify(metadata, undefined, 2)}\n`);
  await write(request.imageDefinitions, () => imageDefinitionsOf(imagesFor(containers, built)));
  if (request.progress !== 'quiet' && request.progress !== 'rawjson')
    host.output.talk(bakeSummary(result, seconds, { colour: host.output.colour }));
  if (request.json) host.output.data(`${JSON.stringify(result, undefined, 2)}\n`);
  return result;
}

function imagesFor(
  containers: ReadonlyMap<string, string>,
  built: readonly BuiltTarget[],
): readonly ContainerImage[] {
  return built.flatMap(({ name, result: { image } }) => {
    const container = containers.get(name);
    const imageUri = image?.references[0];
    return container === undefined || imageUri === undefined ? [] : [{ name: container, imageUri }];
  });
}
