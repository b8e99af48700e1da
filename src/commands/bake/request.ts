import { usageError } from '../../errors.ts';
import type { BuildWishes, Way } from '../../plan/build-plan.ts';
import type { ProgressMode } from '../../report/views.ts';
import { isRemote } from '../build-facts.ts';

/** Everything a user can ask of `layerwright bake`. */
export interface BakeRequest {
  /** Names of targets and groups, and patterns of them; none for `default`. */
  readonly targets: readonly string[];
  /** Bake and compose files; none for those that buildx looks for. */
  readonly files: readonly string[];
  /** `TARGET.KEY=VALUE`. */
  readonly overrides: readonly string[];
  /** `NAME=VALUE`. */
  readonly variables: readonly string[];
  /** What the files may ask of this machine, in buildx's words. */
  readonly allow: readonly string[];
  readonly push: boolean;
  readonly load: boolean;
  readonly noCache: boolean;
  readonly pull: boolean;
  readonly provenance: string | undefined;
  readonly sbom: string | undefined;
  readonly builder: string | undefined;
  readonly way: Way;
  /** `HOST/PATH` for the caches of all targets, or `none`. */
  readonly cacheRepository: string | undefined;
  readonly compression: BuildWishes['compression'];
  readonly sourceLabels: boolean;
  /** As given: `commit` or seconds. */
  readonly sourceDateEpoch: string | undefined;
  readonly metadataFile: string | undefined;
  readonly imageDefinitions: string | undefined;
  /** Containers of `imagedefinitions.json` by the targets whose images they run. */
  readonly containers: ReadonlyMap<string, string>;
  readonly progress: ProgressMode;
  readonly json: boolean;
}

type RawOptions = Readonly<Record<string, unknown>>;

/**
 * Options by their names in camel case, as a request. An option that may be repeated is an array.
 *
 * @throws LayerwrightError `FLAG_INVALID` (2)
 */
export function toBakeRequest(
  env: NodeJS.ProcessEnv,
  targets: readonly string[],
  options: RawOptions,
): BakeRequest {
  const text = (name: string) => options[name] as string | undefined;
  // Settings of a build of one image, its Dockerfile or container, have the names of flags that may be repeated here.
  const texts = (name: string): readonly string[] => {
    const value = options[name];
    return Array.isArray(value) ? value : [];
  };
  const [first] = targets;
  if (first !== undefined && isRemote(first))
    throw usageError(
      'BAKE_UNSUPPORTED',
      `${first}: bake files are read from this machine only`,
      'Check the repository out and build there, or use docker buildx bake.',
    );
  return {
    targets,
    files: texts('file'),
    overrides: texts('set'),
    variables: texts('var'),
    allow: texts('allow'),
    push: options.push === true,
    load: options.load === true,
    noCache: options.cache === false,
    pull: options.pull === true,
    provenance: text('provenance'),
    sbom: text('sbom'),
    builder: text('builder') || env.BUILDX_BUILDER || undefined,
    way: (options.way as Way | undefined) ?? 'auto',
    cacheRepository: text('cacheRepo') || undefined,
    compression: (options.compression as BuildWishes['compression'] | undefined) ?? 'zstd',
    sourceLabels: options.sourceLabels === true,
    sourceDateEpoch: text('sourceDateEpoch'),
    metadataFile: text('metadataFile'),
    imageDefinitions: text('imageDefinitions'),
    containers: new Map(texts('containerName').map(containerOf)),
    progress: (options.progress as ProgressMode | undefined) ?? 'auto',
    json: options.json === true,
  };
}

function containerOf(text: string): [target: string, container: string] {
  const [, target, container] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (target && container) return [target, container];
  throw usageError(
    'FLAG_INVALID',
    `--container-name "${text}" is no TARGET=NAME`,
    'Name the container for each target, e.g. --container-name api=web --container-name worker=jobs.',
  );
}
