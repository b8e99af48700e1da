/** What of pip install's options decides the result; the rest is known to be harmless, or refused. */
export interface PipOptions {
  /** `--index-url`; undefined for pip's own default. It may hold credentials: never print it as it is. */
  readonly indexUrl: string | undefined;
  readonly extraIndexUrls: readonly string[];
  readonly trustedHosts: readonly string[];
  readonly noDeps: boolean;
  readonly requireHashes: boolean;
  readonly upgrade: boolean;
  /** Whether `--upgrade` takes dependencies along that are good enough. */
  readonly upgradeStrategy: 'only-if-needed' | 'eager';
  readonly pre: boolean;
  readonly preferBinary: boolean;
  /** Normalised names whose source distributions are passed over; `:all:` for all. */
  readonly onlyBinary: readonly string[];
  /** False if no bytecode is written. */
  readonly compile: boolean;
  /** True if PEP 668's EXTERNALLY-MANAGED is overridden. */
  readonly breakSystemPackages: boolean;
}

/** `-r` and `-c`, as written: paths in the image, relative ones to the working directory. */
export interface PipFiles {
  readonly requirementFiles: readonly string[];
  readonly constraintFiles: readonly string[];
}

export const DEFAULT_PIP_OPTIONS: PipOptions = {
  indexUrl: undefined,
  extraIndexUrls: [],
  trustedHosts: [],
  noDeps: false,
  requireHashes: false,
  upgrade: false,
  upgradeStrategy: 'only-if-needed',
  pre: false,
  preferBinary: false,
  onlyBinary: [],
  compile: true,
  breakSystemPackages: false,
};

/** Options of pip that take part in the result, by the field that they set. */
type Setting = keyof PipOptions | keyof PipFiles;

/**
 * An option of `pip install`: whether a value follows, and what it does. Lists grow on the command line, while a later
 * source of configuration replaces the list of an earlier one.
 */
export type PipOption =
  | { readonly takes: 'flag'; readonly sets: Setting; readonly to: boolean }
  | { readonly takes: 'value' | 'list' | 'names'; readonly sets: Setting }
  | { readonly takes: 'flag' | 'value'; readonly ignored: true }
  /** Refused, unless its value is one of the harmless ones. */
  | { readonly takes: 'flag' | 'value'; readonly refused: string; readonly harmless?: readonly string[] };

const ELSEWHERE = 'it installs elsewhere than into the environment';
const OTHER_TARGET = 'it resolves for another environment than the image has';

const OPTIONS: Readonly<Record<string, PipOption>> = {
  '--requirement': { takes: 'list', sets: 'requirementFiles' },
  '--constraint': { takes: 'list', sets: 'constraintFiles' },
  '--index-url': { takes: 'value', sets: 'indexUrl' },
  '--extra-index-url': { takes: 'list', sets: 'extraIndexUrls' },
  '--trusted-host': { takes: 'list', sets: 'trustedHosts' },
  '--only-binary': { takes: 'names', sets: 'onlyBinary' },
  '--upgrade-strategy': { takes: 'value', sets: 'upgradeStrategy' },
  '--no-deps': { takes: 'flag', sets: 'noDeps', to: true },
  '--require-hashes': { takes: 'flag', sets: 'requireHashes', to: true },
  '--upgrade': { takes: 'flag', sets: 'upgrade', to: true },
  '--pre': { takes: 'flag', sets: 'pre', to: true },
  '--prefer-binary': { takes: 'flag', sets: 'preferBinary', to: true },
  '--compile': { takes: 'flag', sets: 'compile', to: true },
  '--no-compile': { takes: 'flag', sets: 'compile', to: false },
  '--break-system-packages': { takes: 'flag', sets: 'breakSystemPackages', to: true },
  ...each(
    // The last line only changes how source distributions are built, which is not done here at all.
    `--no-cache-dir --disable-pip-version-check --no-warn-script-location --no-warn-conflicts --no-input --quiet --verbose
     --no-color --no-python-version-warning --debug --no-clean --no-user
     --use-pep517 --no-use-pep517 --no-build-isolation --check-build-dependencies`,
    { takes: 'flag', ignored: true },
  ),
  ...each(
    `--cache-dir --root-user-action --progress-bar --timeout --retries --resume-retries --exists-action --cert --src
     --config-settings --global-option --build-option --build-constraint`,
    { takes: 'value', ignored: true },
  ),
  '--use-feature': {
    takes: 'value',
    refused: 'its effect is not known',
    harmless: ['truststore', 'fast-deps', '2020-resolver', 'in-tree-build', 'no-binary-enable-wheel-cache'],
  },
  '--keyring-provider': {
    takes: 'value',
    refused: 'credentials of the image are not known',
    harmless: ['disabled', 'auto'],
  },
  '--no-binary': { takes: 'value', refused: 'it builds from source', harmless: [':none:'] },
  '--use-deprecated': { takes: 'value', refused: 'it is another resolver', harmless: ['html5lib'] },
  ...each('--target --prefix --root', { takes: 'value', refused: ELSEWHERE }),
  '--user': { takes: 'flag', refused: ELSEWHERE },
  ...each('--platform --python-version --implementation --abi --python', {
    takes: 'value',
    refused: OTHER_TARGET,
  }),
  '--ignore-requires-python': { takes: 'flag', refused: OTHER_TARGET },
  '--editable': { takes: 'value', refused: 'it installs from a directory' },
  '--find-links': { takes: 'value', refused: 'its files are not known' },
  '--no-index': { takes: 'flag', refused: 'it installs from files alone' },
  '--group': { takes: 'value', refused: 'it reads pyproject.toml' },
  ...each('--ignore-installed --force-reinstall', {
    takes: 'flag',
    refused: 'it installs again what is there',
  }),
  ...each('--dry-run --isolated --require-virtualenv --version --help', {
    takes: 'flag',
    refused: 'it is more than an installation',
  }),
  ...each('--report --log --proxy --client-cert --uploaded-prior-to', {
    takes: 'value',
    refused: 'it is more than an installation',
  }),
};

const ALIASES: Readonly<Record<string, string>> = {
  '--pypi-url': '--index-url',
  '--no-dependencies': '--no-deps',
  // pip takes unique beginnings of options; this one is in many Dockerfiles.
  '--no-cache': '--no-cache-dir',
  '--default-timeout': '--timeout',
  '--log-file': '--log',
  '--local-log': '--log',
  '--source': '--src',
  '--source-dir': '--src',
  '--source-directory': '--src',
  '--config-setting': '--config-settings',
  '-r': '--requirement',
  '-c': '--constraint',
  '-i': '--index-url',
  '-f': '--find-links',
  '-e': '--editable',
  '-t': '--target',
  '-U': '--upgrade',
  '-I': '--ignore-installed',
  '-q': '--quiet',
  '-v': '--verbose',
  '-C': '--config-settings',
  '-V': '--version',
  '-h': '--help',
};

function each(names: string, option: PipOption): Record<string, PipOption> {
  return Object.fromEntries(
    names
      .trim()
      .split(/\s+/)
      .map((name) => [name, option]),
  );
}

/** The option with this name (`--index-url`, `-i`), by its main name; undefined if there is none that we know. */
export function pipOption(name: string): { readonly name: string; readonly option: PipOption } | undefined {
  const main = Object.hasOwn(ALIASES, name) ? (ALIASES[name] as string) : name;
  const option = Object.hasOwn(OPTIONS, main) ? OPTIONS[main] : undefined;
  return option && { name: main, option };
}
