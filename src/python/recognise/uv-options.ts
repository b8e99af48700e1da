import { type OptionTable, optionTable } from './tool-options.ts';

/** Options that every command of uv takes and that change nothing of what is installed. */
const IGNORED = {
  flags: `--no-cache --quiet --verbose --no-progress --system-certs --no-system-certs --native-tls --no-native-tls
    --no-python-downloads --no-managed-python --refresh --no-refresh`,
  values: '--cache-dir --color --output-format --refresh-package',
};

const ALIASES = {
  '-n': '--no-cache',
  '--no-cache-dir': '--no-cache',
  '-q': '--quiet',
  '-v': '--verbose',
  '-p': '--python',
  '-i': '--index-url',
  '-f': '--find-links',
  '-U': '--upgrade',
  '-P': '--upgrade-package',
  '-C': '--config-setting',
  '--config-settings': '--config-setting',
  '--trusted-host': '--allow-insecure-host',
  '--compile': '--compile-bytecode',
  '--no-compile': '--no-compile-bytecode',
};

const OTHER_VERSIONS = {
  flags: '--upgrade --no-sources',
  values: `--upgrade-package --upgrade-group --resolution --prerelease-package --fork-strategy --exclude-newer
    --exclude-newer-package --no-sources-package`,
};
const MORE = {
  flags: '--dry-run --check --help --version --offline --managed-python',
  values: '--config-file',
};
const FROM_SOURCE = {
  flags: '--no-binary',
  values: '--no-binary-package --no-build-package --config-settings-package --no-build-isolation-package',
};
const AGAIN = { flags: '', values: '--reinstall-package' };

const REFUSED = {
  'it changes which versions are taken': OTHER_VERSIONS,
  'it is more than an installation': MORE,
  'it is about source distributions': FROM_SOURCE,
  'it installs again what is there': AGAIN,
};

const INDEXES =
  '--index --default-index --index-url --extra-index-url --allow-insecure-host --keyring-provider';

/** `uv sync`. */
export const UV_SYNC: OptionTable = optionTable(
  {
    flags: `--all-extras --dev --no-dev --only-dev --no-default-groups --all-groups --no-editable --inexact --exact --active
      --no-active --no-install-project --no-install-workspace --no-install-local --locked --frozen --all-packages
      --compile-bytecode --no-compile-bytecode --no-config --no-build-isolation`,
    values: `--extra --no-extra --group --no-group --only-group --no-install-package --package --link-mode --python --project
      --directory --index-strategy --config-setting ${INDEXES}`,
  },
  IGNORED,
  {
    ...REFUSED,
    'it installs again what is there': { flags: '--reinstall', values: '--reinstall-package' },
    'it installs for another environment': { values: '--script --python-platform' },
    'its files are not known': { flags: '--no-index', values: '--find-links' },
    'it changes which versions are taken': {
      ...OTHER_VERSIONS,
      values: `${OTHER_VERSIONS.values} --prerelease`,
    },
    'it is about source distributions': {
      flags: `${FROM_SOURCE.flags} --no-build --require-build-hashes`,
      values: FROM_SOURCE.values,
    },
    'some packages are editable and some are not': { values: '--no-editable-package' },
    'it installs some of what the lock has': {
      flags: '--only-install-project --only-install-workspace --only-install-local',
      values: '--only-install-package',
    },
  },
  ALIASES,
);

const PIP_TAKEN = {
  flags: `--system --no-system --require-hashes --compile-bytecode --no-compile-bytecode --break-system-packages
    --no-break-system-packages --no-index --no-config --no-build --no-build-isolation --reinstall --all-extras`,
  values: `--constraints --python --target --prefix --only-binary --no-binary --index-strategy --find-links --link-mode
    --config-setting --build-constraints --extra --group --project --directory ${INDEXES}`,
};

const PIP_IGNORED = {
  flags: `${IGNORED.flags} --strict --no-strict --no-require-hashes`,
  values: IGNORED.values,
};

const PIP_REFUSED = {
  ...REFUSED,
  'it is about source distributions': {
    flags: '--require-build-hashes',
    values: FROM_SOURCE.values,
  },
  'it installs for another environment': { values: '--python-version --python-platform --torch-backend' },
  'it changes what requirement files say': {
    flags: '--no-verify-hashes',
    values: '--overrides --excludes --no-editable-package',
  },
  'uv does not have it': { flags: '--user' },
  'its files are not known': { values: '--cert' },
};

const PIP_ALIASES = {
  ...ALIASES,
  '-r': '--requirements',
  '--requirement': '--requirements',
  '-c': '--constraints',
  '--constraint': '--constraints',
  '-e': '--editable',
  '-t': '--target',
  '-b': '--build-constraints',
  '--build-constraint': '--build-constraints',
  '--no-dependencies': '--no-deps',
  '--force-reinstall': '--reinstall',
  '--override': '--overrides',
  '--exclude': '--excludes',
};

/** `uv pip install`. */
export const UV_PIP_INSTALL: OptionTable = optionTable(
  {
    flags: `${PIP_TAKEN.flags} --no-deps --upgrade --pre --exact --inexact --no-editable`,
    values: `${PIP_TAKEN.values} --requirements --editable --prerelease`,
  },
  PIP_IGNORED,
  {
    ...PIP_REFUSED,
    'it changes which versions are taken': { ...OTHER_VERSIONS, flags: '--no-sources' },
  },
  PIP_ALIASES,
);

/** `uv pip sync`. */
export const UV_PIP_SYNC: OptionTable = optionTable(
  PIP_TAKEN,
  { ...PIP_IGNORED, flags: `${PIP_IGNORED.flags} --allow-empty-requirements --no-allow-empty-requirements` },
  PIP_REFUSED,
  PIP_ALIASES,
);

/** `uv venv`. */
export const UV_VENV: OptionTable = optionTable(
  { flags: '--seed', values: '--python --directory --project' },
  {
    flags: `${IGNORED.flags} --no-project --clear --force --allow-existing --no-config`,
    values: `${IGNORED.values} --prompt --link-mode ${INDEXES} --index-strategy --exclude-newer`,
  },
  {
    "it lets the system's packages in": { flags: '--system-site-packages' },
    'it changes the launchers of what is installed': { flags: '--relocatable' },
    'it is more than an environment': {
      flags: '--help --managed-python --offline --no-index',
      values: '--config-file --find-links',
    },
  },
  { ...ALIASES, '-c': '--clear' },
);

/** What stands before the command: `uv --quiet sync`. */
export const UV_GLOBAL: OptionTable = optionTable(
  { flags: '--no-config', values: '--directory --project --allow-insecure-host' },
  IGNORED,
  { 'it is more than an installation': MORE },
  ALIASES,
);
