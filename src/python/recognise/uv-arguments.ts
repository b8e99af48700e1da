import type { Refusal } from './pip-arguments.ts';
import {
  type GivenOption,
  type OptionTable,
  parseToolOptions,
  refusedOption,
  toolOption,
} from './tool-options.ts';

/** Variables of uv by the option that they stand for; lists are separated by spaces. */
const VARIABLES: Readonly<
  Record<string, { readonly option: string; readonly holds: 'boolean' | 'text' | 'list' }>
> = {
  ...each('boolean', [
    ...['NO_DEV', 'NO_DEFAULT_GROUPS', 'NO_EDITABLE', 'NO_INSTALL_PROJECT', 'NO_INSTALL_WORKSPACE'],
    ...['NO_INSTALL_LOCAL', 'LOCKED', 'FROZEN', 'NO_SOURCES', 'COMPILE_BYTECODE', 'NO_BUILD_ISOLATION'],
    ...['NO_BUILD', 'NO_BINARY', 'NO_CACHE', 'OFFLINE', 'SYSTEM_CERTS', 'NATIVE_TLS', 'NO_PROGRESS'],
    ...['NO_CONFIG', 'MANAGED_PYTHON', 'NO_MANAGED_PYTHON', 'BREAK_SYSTEM_PACKAGES', 'REQUIRE_HASHES'],
    ...['NO_VERIFY_HASHES', 'NO_PROJECT'],
  ]),
  ...each('text', [
    ...['INDEX_URL', 'DEFAULT_INDEX', 'INDEX_STRATEGY', 'LINK_MODE', 'PYTHON', 'CACHE_DIR', 'PRERELEASE'],
    ...['RESOLUTION', 'KEYRING_PROVIDER', 'EXCLUDE_NEWER', 'PROJECT', 'CONFIG_FILE', 'TORCH_BACKEND'],
    'FORK_STRATEGY',
  ]),
  ...each('list', ['INDEX', 'EXTRA_INDEX_URL', 'FIND_LINKS', 'NO_GROUP']),
  UV_WORKING_DIR: { option: '--directory', holds: 'text' },
  UV_WORKING_DIRECTORY: { option: '--directory', holds: 'text' },
  UV_SYSTEM_PYTHON: { option: '--system', holds: 'boolean' },
  UV_VENV_SEED: { option: '--seed', holds: 'boolean' },
  UV_VENV_CLEAR: { option: '--clear', holds: 'boolean' },
  UV_VENV_RELOCATABLE: { option: '--relocatable', holds: 'boolean' },
  UV_INSECURE_HOST: { option: '--allow-insecure-host', holds: 'list' },
  UV_CONSTRAINT: { option: '--constraints', holds: 'list' },
  UV_OVERRIDE: { option: '--overrides', holds: 'list' },
  UV_EXCLUDE: { option: '--excludes', holds: 'list' },
  UV_BUILD_CONSTRAINT: { option: '--build-constraints', holds: 'list' },
  UV_NO_BUILD_PACKAGE: { option: '--no-build-package', holds: 'list' },
  UV_NO_BINARY_PACKAGE: { option: '--no-binary-package', holds: 'list' },
  UV_NO_SOURCES_PACKAGE: { option: '--no-sources-package', holds: 'list' },
};

function each(holds: 'boolean' | 'text' | 'list', names: readonly string[]) {
  return Object.fromEntries(
    names.map((name) => [`UV_${name}`, { option: `--${name.toLowerCase().replaceAll('_', '-')}`, holds }]),
  );
}

/** Variables of uv that change nothing of what is installed, or that are looked at elsewhere. */
const HARMLESS =
  /^UV_(?:PROJECT_ENVIRONMENT|HTTP_(?:CONNECT_)?TIMEOUT|HTTP_RETRIES|REQUEST_TIMEOUT|UPLOAD_HTTP_TIMEOUT|CONCURRENT_(?:BUILDS|DOWNLOADS|INSTALLS)|TOOL_DIR|TOOL_BIN_DIR|INSTALL_DIR|UNMANAGED_INSTALL|NO_MODIFY_PATH|DISABLE_UPDATE|VERSION|NO_SYNC|COMPILE_BYTECODE_TIMEOUT|ENV_FILE|NO_ENV_FILE|NO_WRAP|PUBLISH_\w+|INDEX_\w+_(?:USERNAME|PASSWORD)|LOG_CONTEXT|STACK_SIZE)$/;

const PYTHON_DOWNLOADS = /^(?:auto|automatic|manual|never|true|false|0|1)$/i;

/** Why a variable of uv changes what is installed in a way that is not followed. */
function refusedVariable(name: string, value: string): Refusal | undefined {
  if (name === 'UV_PYTHON_DOWNLOADS' && PYTHON_DOWNLOADS.test(value)) return undefined;
  if (name === 'UV_PYTHON_PREFERENCE' && /^(?:only-)?system$/.test(value)) return undefined;
  if (/^UV_PYTHON_(?:PREFERENCE|INSTALL_DIR|BIN_DIR|INSTALL_MIRROR)$/.test(name))
    return {
      reason: `${name} is set, so uv may take a Python of its own`,
      hint: "Use the image's Python: UV_PYTHON_PREFERENCE=only-system.",
    };
  return {
    reason: `${name} is set, which may change what is installed`,
    hint: `Set ${name} below the installation.`,
  };
}

/**
 * What a command of uv is told by its variables and its command line. A variable counts where the command has its option and
 * the command line does not give it.
 *
 * @param command for messages: `uv sync`
 */
export function uvArguments(
  command: string,
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  table: OptionTable,
): { readonly given: readonly GivenOption[]; readonly positional: readonly string[] } | Refusal {
  const line = parseToolOptions(command, words, table);
  if ('reason' in line) return line;
  const named = new Set(line.given.map(({ name }) => name));
  const variables: GivenOption[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('UV_') || value === undefined) continue;
    const variable = Object.hasOwn(VARIABLES, name) ? VARIABLES[name] : undefined;
    if (variable === undefined) {
      const refused = HARMLESS.test(name) ? undefined : refusedVariable(name, value);
      if (refused) return refused;
      continue;
    }
    const found = toolOption(table, variable.option);
    if (found === undefined || named.has(found.name)) continue;
    const values = valuesOf(variable.holds, value);
    if (values === undefined)
      return { reason: `${name} has no value that uv takes`, hint: `Leave ${name} out, or give it a value.` };
    const refused = values.length === 0 ? undefined : refusedOption(command, found.name, found.option);
    if (refused) return { ...refused, reason: `${name}: ${refused.reason}` };
    if (found.option.is === 'taken')
      variables.push(...values.map((one) => ({ name: found.name, value: one })));
  }
  return { given: [...variables, ...line.given], positional: line.positional };
}

/** The values that a variable gives its option: none for a flag that is off; undefined where uv fails. */
function valuesOf(holds: 'boolean' | 'text' | 'list', value: string): (string | undefined)[] | undefined {
  if (holds === 'boolean') {
    const on = booleanOf(value);
    return on === undefined ? undefined : on ? [undefined] : [];
  }
  if (holds === 'list') return value.split(/\s+/).filter((one) => one !== '');
  return value === '' ? undefined : [value];
}

function booleanOf(text: string): boolean | undefined {
  const value = text.toLowerCase();
  if (['y', 'yes', 't', 'true', 'on', '1'].includes(value)) return true;
  return ['n', 'no', 'f', 'false', 'off', '0'].includes(value) ? false : undefined;
}
