/**
 * What a value is. `specs` are buildx's own comma-separated values, so a variable holds one a line; `onOff` is text
 * that may also be written as `true` or `false`.
 */
type Kind = 'text' | 'choice' | 'onOff' | 'boolean' | 'list' | 'specs' | 'map' | 'mapOfLists';

/** One setting: everything that is known of it beside its name. */
export interface Key {
  readonly kind: Kind;
  /** What it decides, one sentence without a full stop. */
  readonly description: string;
  /** The long option that sets it, of `build` or, for the store, of `cache`. */
  readonly flag?: string;
  /** The environment variable that sets it. Maps of build arguments and labels have none. */
  readonly variable?: string;
  /** Of a choice. */
  readonly choices?: readonly string[];
  /** The value where nobody gives one; missing where it depends on the build, or where there is none. */
  readonly default?: string | boolean;
  /** A regular expression that the text matches, and what it says. */
  readonly pattern?: readonly [expression: string, says: string];
  /** True for a path: one in a file is relative to that file. */
  readonly path?: true;
  /**
   * Why the value may not come from the checkout of a build whose source nobody vouches for: it says whom to believe,
   * or where to write.
   */
  readonly guarded?: 'trust' | 'target';
  readonly example: string;
}

/** All settings by name, in the order of the documentation. The file's form, its schema and its page follow this table. */
export const KEYS = {
  'build.file': {
    kind: 'text',
    path: true,
    flag: '--file',
    variable: 'LAYERWRIGHT_FILE',
    description: 'The Dockerfile',
    example: 'docker/Dockerfile',
  },
  'build.target': {
    kind: 'text',
    flag: '--target',
    variable: 'LAYERWRIGHT_TARGET',
    description: 'Stage to build',
    example: 'final',
  },
  'build.platforms': {
    kind: 'list',
    flag: '--platform',
    variable: 'LAYERWRIGHT_PLATFORMS',
    description: 'Platforms to build for',
    example: 'linux/arm64',
  },
  'build.buildArgs': {
    kind: 'map',
    flag: '--build-arg',
    description: 'Build arguments; no place for secrets, which are part of the image then',
    example: '3.13',
  },
  'build.labels': {
    kind: 'map',
    flag: '--label',
    description: 'Labels of the image',
    example: 'shop',
  },
  'build.tags': {
    kind: 'list',
    flag: '--tag',
    variable: 'LAYERWRIGHT_TAGS',
    guarded: 'target',
    description: 'Names of the image; {sha}, {branch} and {date} are expanded',
    example: 'registry.example.com/shop/web:{sha}',
  },
  'build.push': {
    kind: 'boolean',
    flag: '--push',
    variable: 'LAYERWRIGHT_PUSH',
    default: false,
    guarded: 'target',
    description: 'Whether the image is pushed to its registry',
    example: 'true',
  },
  'build.cacheRepo': {
    kind: 'text',
    flag: '--cache-repo',
    variable: 'LAYERWRIGHT_CACHE_REPO',
    guarded: 'target',
    description: 'Repository for caches, without a tag, or none',
    example: 'registry.example.com/shop/cache',
  },
  'build.cacheFrom': {
    kind: 'specs',
    flag: '--cache-from',
    variable: 'LAYERWRIGHT_CACHE_FROM',
    // What is read from a foreign cache is written on into ours, where later builds find it under the keys of theirs.
    guarded: 'trust',
    description: 'Layer caches to read, in the form of buildx',
    example: 'type=registry,ref=registry.example.com/shop/web:cache',
  },
  'build.cacheTo': {
    kind: 'specs',
    flag: '--cache-to',
    variable: 'LAYERWRIGHT_CACHE_TO',
    guarded: 'target',
    description: 'Layer caches to write, in the form of buildx',
    example: 'type=registry,ref=registry.example.com/shop/web:cache',
  },
  'build.compression': {
    kind: 'choice',
    choices: ['zstd', 'gzip'],
    flag: '--compression',
    variable: 'LAYERWRIGHT_COMPRESSION',
    default: 'zstd',
    description: 'Compression of layers that are pushed, to the image and to the layer cache',
    example: 'gzip',
  },
  'build.builder': {
    kind: 'text',
    flag: '--builder',
    variable: 'BUILDX_BUILDER',
    guarded: 'trust',
    description: 'The builder, by its name in buildx',
    example: 'ci',
  },
  'build.provenance': {
    kind: 'onOff',
    flag: '--provenance',
    variable: 'LAYERWRIGHT_PROVENANCE',
    description: 'Provenance attestation, true or in the form of buildx; off unless asked for',
    example: 'mode=max',
  },
  'build.sbom': {
    kind: 'onOff',
    flag: '--sbom',
    variable: 'LAYERWRIGHT_SBOM',
    description: 'SBOM attestation, true or in the form of buildx; off unless asked for',
    example: 'true',
  },
  'build.way': {
    kind: 'choice',
    choices: ['auto', 'composed', 'split', 'solved'],
    flag: '--way',
    variable: 'LAYERWRIGHT_WAY',
    default: 'auto',
    description: 'Way of building',
    example: 'solved',
  },
  'network.ca': {
    kind: 'list',
    path: true,
    flag: '--ca',
    variable: 'LAYERWRIGHT_CA',
    guarded: 'trust',
    description: 'PEM files with certificate authorities to believe, beside those that Node knows',
    example: '/etc/ssl/company.pem',
  },
  'network.plainHttp': {
    kind: 'list',
    flag: '--plain-http',
    variable: 'LAYERWRIGHT_PLAIN_HTTP',
    guarded: 'trust',
    description: 'Registry hosts that are spoken to without TLS',
    example: 'registry.internal:5000',
  },
  'network.mirrors': {
    kind: 'mapOfLists',
    variable: 'LAYERWRIGHT_MIRRORS',
    guarded: 'trust',
    description: 'Registry hosts to ask before another one, in order',
    example: 'mirror.example.com',
  },
  store: {
    kind: 'text',
    flag: '--store',
    variable: 'LAYERWRIGHT_STORE',
    pattern: ['^(?:s3://.|file:///)', 's3://BUCKET/PREFIX or file:///DIRECTORY'],
    guarded: 'target',
    description: 'Where directory caches are kept',
    example: 's3://shop-ci/layerwright',
  },
  'ci.containerName': {
    kind: 'text',
    flag: '--container-name',
    variable: 'LAYERWRIGHT_CONTAINER_NAME',
    description: 'Container in imagedefinitions.json',
    example: 'web',
  },
  'ci.imageDefinitions': {
    kind: 'text',
    path: true,
    flag: '--image-definitions',
    variable: 'LAYERWRIGHT_IMAGE_DEFINITIONS',
    guarded: 'target',
    description: 'File for the deploy to Amazon ECS, written when the image was pushed',
    example: 'imagedefinitions.json',
  },
} as const satisfies Readonly<Record<string, Key>>;

export type KeyName = keyof typeof KEYS;

/** The settings of some kinds. */
export type KeyOf<Kinds extends Kind> = {
  [Name in KeyName]: (typeof KEYS)[Name]['kind'] extends Kinds ? Name : never;
}[KeyName];

export const KEY_NAMES = Object.keys(KEYS) as KeyName[];

/** What is known of a setting. */
export function keyOf(name: KeyName): Key {
  return KEYS[name];
}

/** Variables that stand for no setting of the file: they belong to the machine and not to the project. */
export const MACHINE_VARIABLES: Readonly<Record<string, string>> = {
  LAYERWRIGHT_CONFIG: 'The configuration file, or none',
  LAYERWRIGHT_CACHE_DIR: 'The cache directory of this machine',
  LAYERWRIGHT_DOWNLOAD_BASE: 'Where release files come from',
  LAYERWRIGHT_DOWNLOAD_SHA256SUMS: 'The checksums that you vouch for',
  LAYERWRIGHT_BUILDKITD_CONFIG: 'A buildkitd.toml',
};
