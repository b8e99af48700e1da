import { posix } from 'node:path';
import { parse, type TomlTable } from 'smol-toml';
import type { Refusal } from './pip-arguments.ts';

/**
 * Files that uv would read its configuration from, as far as they are there: `[tool.uv]` of pyproject.toml and uv.toml in the
 * directory it works in and in those above, the user's and the system's uv.toml. Absolute paths.
 *
 * @param workdir where the command runs, absolute
 * @param home the user's home directory; undefined if it is not known
 */
export function uvConfigurationFiles(
  workdir: string,
  env: Readonly<Record<string, string | undefined>>,
  home: string | undefined,
): readonly string[] {
  const directories: string[] = [];
  for (let at = posix.resolve('/', workdir); ; at = posix.dirname(at)) {
    directories.push(at);
    if (at === '/') break;
  }
  const user = env.XDG_CONFIG_HOME || (home === undefined ? undefined : posix.join(home, '.config'));
  const system = (env.XDG_CONFIG_DIRS || '/etc/xdg').split(':').map((path) => posix.join(path, 'uv/uv.toml'));
  return [
    ...directories.flatMap((path) => [posix.join(path, 'uv.toml'), posix.join(path, 'pyproject.toml')]),
    ...(user === undefined ? [] : [posix.join(user, 'uv/uv.toml')]),
    ...system.filter((path) => path.startsWith('/')),
    '/etc/uv/uv.toml',
  ];
}

/** Settings that change nothing of what is installed, or that are the project's own and in its lock. */
const HARMLESS = new Set([
  ...[
    'package',
    'managed',
    'default-groups',
    'dependency-groups',
    'workspace',
    'sources',
    'dev-dependencies',
  ],
  ...['build-backend', 'required-version', 'cache-keys', 'cache-dir', 'no-cache', 'preview', 'publish-url'],
  ...['check-url', 'trusted-publishing', 'concurrent-builds', 'concurrent-downloads', 'concurrent-installs'],
  ...['override-dependencies', 'constraint-dependencies', 'build-constraint-dependencies', 'environments'],
  ...[
    'required-environments',
    'conflicts',
    'exclude-dependencies',
    'resolution',
    'prerelease',
    'exclude-newer',
  ],
  ...['fork-strategy', 'index', 'native-tls', 'system-certs', 'add-bounds'],
]);

/** Of those the ones that decide what `uv pip install` takes, which knows no lock. */
const RESOLVING = new Set([
  ...['sources', 'override-dependencies', 'constraint-dependencies', 'build-constraint-dependencies'],
  ...['exclude-dependencies', 'resolution', 'prerelease', 'exclude-newer', 'fork-strategy', 'index'],
]);

/**
 * Why a file of {@link uvConfigurationFiles} makes uv do otherwise than its command line and its variables say.
 *
 * @param command `sync` for a project's lock, `pip` for `uv pip install` and `uv pip sync`
 * @returns undefined if it does not
 */
export function refusedUvConfiguration(
  text: string,
  path: string,
  command: 'sync' | 'pip',
): Refusal | undefined {
  let document: TomlTable;
  try {
    document = parse(text);
  } catch {
    return { reason: `${path} is no TOML that is understood` };
  }
  const isProject = posix.basename(path) === 'pyproject.toml';
  const tool = isProject ? tableOf(tableOf(document.tool).uv) : document;
  const odd = Object.keys(tool).find(
    (key) => !HARMLESS.has(key) || (command === 'pip' && RESOLVING.has(key)),
  );
  return odd === undefined
    ? undefined
    : {
        reason: `${path} sets ${odd} for uv, which may change what is installed`,
        hint: 'Give it as an option of the command or as a variable of uv, where it is followed.',
      };
}

function tableOf(value: unknown): TomlTable {
  const isTable =
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
  return isTable ? (value as TomlTable) : {};
}
