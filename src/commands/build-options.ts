import { type Command, Option } from 'commander';
import type { PassedOptions } from '../engine/buildx.ts';
import { parseEntry } from '../engine/buildx.ts';
import { usageError } from '../errors.ts';
import type { BuildWishes, Way } from '../plan/build-plan.ts';
import type { ProgressMode } from '../report/views.ts';

/** Everything a user can ask of `layerwright build`. */
export interface BuildRequest {
  /** A directory, a URL, or `-`. */
  readonly context: string;
  readonly file: string | undefined;
  /** With placeholders. */
  readonly tags: readonly string[];
  readonly wishes: BuildWishes;
  readonly builder: string | undefined;
  readonly metadataFile: string | undefined;
  readonly imageDefinitions: string | undefined;
  readonly containerName: string | undefined;
  readonly progress: ProgressMode;
  readonly json: boolean;
  readonly passed: PassedOptions;
}

/** buildx flags that take a value and are handed on untouched. */
const HANDED_ON: Readonly<Record<string, [placeholder: string, description: string]>> = {
  'add-host': ['<host:ip>', 'add a host-to-IP mapping'],
  allow: ['<entitlement>', 'allow an extra privileged entitlement'],
  'cgroup-parent': ['<string>', 'parent cgroup of RUN instructions'],
  network: ['<mode>', 'networking mode of RUN instructions'],
  'no-cache-filter': ['<stage>', 'do not use the cache for these stages'],
  'shm-size': ['<bytes>', 'size of /dev/shm'],
  ulimit: ['<limit>', 'ulimit options'],
};

type RawOptions = Readonly<Record<string, unknown>>;

/** Defines the options of `build`; those that buildx has too keep its names and meaning. */
export function addBuildOptions(command: Command): Command {
  const many = (flags: string, description: string) =>
    command.addOption(
      new Option(flags, description).argParser((value: string, before: string[] | undefined) => [
        ...(before ?? []),
        value,
      ]),
    );
  command.argument('[context]', 'directory or URL with what is built', '.');
  command.option('-f, --file <path>', 'the Dockerfile (default: CONTEXT/Dockerfile)');
  many('-t, --tag <name:tag>', 'name of the image; {sha}, {branch} and {date} are expanded');
  command.option('--target <stage>', 'stage to build');
  many('--platform <os/arch>', 'platforms, comma-separated');
  many('--build-arg <key=value>', 'build argument');
  many('--build-context <name=path>', 'additional build context');
  many('--secret <spec>', 'secret for RUN --mount=type=secret');
  many('--ssh <spec>', 'SSH agent or keys for RUN --mount=type=ssh');
  many('--label <key=value>', 'label of the image');
  many('--annotation <key=value>', 'annotation of the image');
  many('--attest <spec>', 'attestation');
  command.option('--provenance <spec>', 'provenance attestation (default: off)');
  command.option('--sbom <spec>', 'SBOM attestation (default: off)');
  command.option('--push', 'push the image to its registry');
  command.option('--load', 'load the image into Docker');
  many('-o, --output <spec>', 'other output, e.g. type=oci,dest=image.tar');
  many('--cache-from <spec>', 'layer cache to read (default: CACHE-REPO:cache)');
  many('--cache-to <spec>', 'layer cache to write (default: CACHE-REPO:cache when pushing)');
  command.option(
    '--cache-repo <repository>',
    'repository for caches, or none (default: that of --cache-to, else of the first tag)',
  );
  command.option('--no-cache', 'do not use the cache');
  command.option('--pull', 'look for newer base images');
  command.option('--builder <name>', 'buildx builder (default: BUILDX_BUILDER, else chosen or made)');
  command.addOption(
    new Option('--way <way>', 'how to build')
      .choices(['auto', 'composed', 'split', 'solved'])
      .default('auto'),
  );
  command.addOption(
    new Option('--compression <kind>', 'of new layers').choices(['zstd', 'gzip']).default('zstd'),
  );
  command.option('--metadata-file <path>', 'write the build result as JSON');
  command.option('--iidfile <path>', 'write the image ID');
  command.option('--image-definitions <path>', "write ECS's imagedefinitions.json");
  command.option(
    '--container-name <name>',
    "container in imagedefinitions.json (default: the repository's last part)",
  );
  for (const [flag, [placeholder, description]] of Object.entries(HANDED_ON))
    many(`--${flag} ${placeholder}`, description);
  return command;
}

/**
 * What commander read, as a request.
 *
 * @throws LayerwrightError `FLAG_INVALID`, `WAY_NOT_AVAILABLE`, `IMAGE_DEFINITIONS_NEED_PUSH` (2)
 */
export function toBuildRequest(
  env: NodeJS.ProcessEnv,
  context: string | undefined,
  options: RawOptions,
): BuildRequest {
  const text = (name: string) => options[name] as string | undefined;
  const texts = (name: string) => (options[name] as readonly string[] | undefined) ?? [];
  const noCache = options.cache === false;
  const wishes: BuildWishes = {
    way: (options.way as Way | undefined) ?? 'auto',
    targetName: text('target'),
    platforms: texts('platform').flatMap((value) =>
      value
        .split(',')
        .map((one) => one.trim())
        .filter(Boolean),
    ),
    push: options.push === true,
    load: options.load === true,
    outputs: texts('output').map((value) => parseEntry('--output', value)),
    noCache,
    cacheFrom: texts('cacheFrom').map((value) => parseEntry('--cache-from', value)),
    cacheTo: texts('cacheTo').map((value) => parseEntry('--cache-to', value)),
    cacheRepository: text('cacheRepo') || undefined,
    compression: (options.compression as 'zstd' | 'gzip' | undefined) ?? 'zstd',
  };
  if (wishes.way === 'composed' || wishes.way === 'split')
    throw usageError(
      'WAY_NOT_AVAILABLE',
      `--way ${wishes.way} is not available in this version: every segment is solved by BuildKit`,
      'Leave the flag out, or use --way solved.',
    );
  return {
    context: context ?? '.',
    file: text('file'),
    tags: texts('tag'),
    wishes,
    builder: text('builder') || env.BUILDX_BUILDER || undefined,
    metadataFile: text('metadataFile'),
    imageDefinitions: text('imageDefinitions'),
    containerName: text('containerName'),
    progress: (options.progress as ProgressMode | undefined) ?? 'auto',
    json: options.json === true,
    passed: {
      buildArguments: texts('buildArg'),
      buildContexts: texts('buildContext'),
      secrets: texts('secret'),
      ssh: texts('ssh'),
      labels: texts('label'),
      annotations: texts('annotation'),
      attestations: texts('attest'),
      provenance: text('provenance'),
      sbom: text('sbom'),
      pull: options.pull === true,
      noCache,
      imageIdFile: text('iidfile'),
      other: Object.keys(HANDED_ON).flatMap((flag) =>
        texts(camelCase(flag)).flatMap((value) => [`--${flag}`, value]),
      ),
    },
  };
}

function camelCase(flag: string): string {
  return flag.replace(/-(\w)/g, (_match, letter: string) => letter.toUpperCase());
}
