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
  /** True if no index is asked: all comes from `findLinks` and from named files. */
  readonly noIndex: boolean;
  /** Directories of the image, as written, or addresses of pages with links. */
  readonly findLinks: readonly string[];
  /**
   * Options that only change how source distributions are built, as words that pip takes (uv's by uv's names):
   * `--no-build-isolation`, `--config-settings=KEY=VALUE`.
   */
  readonly buildOptions: readonly string[];
  /** Of uv, which by default takes a name from the first index that has it; undefined for pip, which takes all together. */
  readonly indexStrategy: 'first-index' | 'unsafe-first-match' | 'unsafe-best-match' | undefined;
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
  noIndex: false,
  findLinks: [],
  buildOptions: [],
  indexStrategy: undefined,
};

/** What else a command line says: where it installs to, and what besides requirements and files of them. */
export interface PipCommandLine {
  /** False for `--no-user`. */
  readonly user: boolean | undefined;
  readonly target: string | undefined;
  readonly prefix: string | undefined;
  readonly wheelDirectory: string | undefined;
  readonly editables: readonly string[];
  /** `[PATH:]NAME`. */
  readonly groups: readonly string[];
  readonly forceReinstall: boolean;
  readonly ignoreInstalled: boolean;
}

/** Options of pip that take part in the result, by the field that they set. */
type Setting = keyof PipOptions | keyof PipFiles | keyof PipCommandLine;

/**
 * An option of `pip install`: whether a value follows, and what it does. Lists grow on the command line, while a later
 * source of configuration replaces the list of an earlier one.
 */
export type PipOption =
  | { readonly takes: 'flag'; readonly sets: Setting; readonly to: boolean }
  | { readonly takes: 'value' | 'list' | 'names'; readonly sets: Setting }
  | { readonly takes: 'flag' | 'value'; readonly ignored: true }
  | { readonly takes: 'flag' | 'value'; readonly builds: true }
  /** Refused, unless its value is one of the harmless ones. */
  | { readonly takes: 'flag' | 'value'; readonly refused: string; readonly harmless?: readonly string[] };

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
    `--no-cache-dir --disable-pip-version-check --no-warn-script-location --no-warn-conflicts --no-input --quiet --verbose
     --no-color --no-python-version-warning --debug --no-clean --check-build-dependencies`,
    { takes: 'flag', ignored: true },
  ),
  ...each(
    '--cache-dir --root-user-action --progress-bar --timeout --retries --resume-retries --exists-action --cert --src',
    { takes: 'value', ignored: true },
  ),
  ...each('--use-pep517 --no-use-pep517 --no-build-isolation', { takes: 'flag', builds: true }),
  ...each('--config-settings --global-option --build-option --build-constraint', {
    takes: 'value',
    builds: true,
  }),
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
  '--target': { takes: 'value', sets: 'target' },
  '--prefix': { takes: 'value', sets: 'prefix' },
  '--root': { takes: 'value', refused: 'it installs below another root' },
  '--user': { takes: 'flag', sets: 'user', to: true },
  '--no-user': { takes: 'flag', sets: 'user', to: false },
  ...each('--platform --python-version --implementation --abi --python', {
    takes: 'value',
    refused: OTHER_TARGET,
  }),
  '--ignore-requires-python': { takes: 'flag', refused: OTHER_TARGET },
  '--editable': { takes: 'list', sets: 'editables' },
  '--find-links': { takes: 'list', sets: 'findLinks' },
  '--no-index': { takes: 'flag', sets: 'noIndex', to: true },
  '--group': { takes: 'list', sets: 'groups' },
  '--ignore-installed': { takes: 'flag', sets: 'ignoreInstalled', to: true },
  '--force-reinstall': { takes: 'flag', sets: 'forceReinstall', to: true },
  '--wheel-dir': { takes: 'value', sets: 'wheelDirectory' },
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
  '-w': '--wheel-dir',
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
