import type { PassedOptions } from '../engine/buildx.ts';
import { parseEntries } from '../engine/buildx.ts';
import { usageError } from '../errors.ts';
import type { BuildWishes, Way } from '../plan/build-plan.ts';
import type { ProgressMode } from '../report/views.ts';

/** Everything a user can ask of `layerwright build`. */
export interface BuildRequest {
  /** A directory, a URL, or `-`. */
  readonly context: string;
  readonly file: string | undefined;
  /** What the Dockerfile is called in messages and records where `file` is a copy that was made for the build. */
  readonly fileName?: string;
  /** With placeholders. */
  readonly tags: readonly string[];
  readonly wishes: BuildWishes;
  readonly builder: string | undefined;
  /** Directories that keep the files of stages. */
  readonly stageDirectories: readonly { readonly stage: string; readonly directory: string }[];
  /** Whether the image gets labels that say where it comes from. */
  readonly sourceLabels: boolean;
  /** What the image's times are set to: the commit's time, or seconds since 1970; undefined leaves them to BuildKit. */
  readonly sourceDateEpoch: 'commit' | number | undefined;
  readonly metadataFile: string | undefined;
  readonly imageDefinitions: string | undefined;
  readonly containerName: string | undefined;
  readonly progress: ProgressMode;
  readonly json: boolean;
  /**
   * What it is called among several builds of a run: whoever began them tells what came of it, and this one prints neither summary
   * nor result.
   */
  readonly part?: string;
  readonly passed: PassedOptions;
}

/** buildx flags that take a value and are handed on untouched. */
export const HANDED_ON: Readonly<Record<string, [placeholder: string, description: string]>> = {
  'add-host': ['<host:ip>', 'add a host-to-IP mapping'],
  allow: ['<entitlement>', 'allow an extra privileged entitlement'],
  'cgroup-parent': ['<string>', 'parent cgroup of RUN instructions'],
  network: ['<mode>', 'networking mode of RUN instructions'],
  'no-cache-filter': ['<stage>', 'do not use the cache for these stages'],
  'shm-size': ['<bytes>', 'size of /dev/shm'],
  ulimit: ['<limit>', 'ulimit options'],
};

type RawOptions = Readonly<Record<string, unknown>>;

/**
 * Options by their names in camel case, as a request. An option that may be repeated is an array.
 *
 * @throws LayerwrightError `FLAG_INVALID`, `IMAGE_DEFINITIONS_NEED_PUSH` (2)
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
    outputs: texts('output').flatMap((value) => parseEntries('--output', value)),
    noCache,
    cacheFrom: texts('cacheFrom').flatMap((value) => parseEntries('--cache-from', value)),
    cacheTo: texts('cacheTo').flatMap((value) => parseEntries('--cache-to', value)),
    cacheRepository: text('cacheRepo') || undefined,
    compression: (options.compression as 'zstd' | 'gzip' | undefined) ?? 'zstd',
  };
  return {
    context: context ?? '.',
    file: text('file'),
    tags: texts('tag'),
    wishes,
    builder: text('builder') || env.BUILDX_BUILDER || undefined,
    stageDirectories: texts('stageDir').map(stageDirectory),
    sourceLabels: options.sourceLabels === true,
    sourceDateEpoch: sourceDateEpoch(text('sourceDateEpoch')),
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

function stageDirectory(text: string): BuildRequest['stageDirectories'][number] {
  const [, stage, directory] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (stage && directory) return { stage, directory };
  throw usageError('FLAG_INVALID', `--stage-dir "${text}" is no STAGE=DIR`);
}

function sourceDateEpoch(text: string | undefined): BuildRequest['sourceDateEpoch'] {
  if (text === undefined || text === 'commit') return text;
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw usageError(
    'FLAG_INVALID',
    `--source-date-epoch "${text}" is no time`,
    'Give "commit", or seconds since 1970-01-01.',
  );
}

function camelCase(flag: string): string {
  return flag.replace(/-(\w)/g, (_match, letter: string) => letter.toUpperCase());
}
