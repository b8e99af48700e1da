import type { PathIndex } from '../../image/path-index.ts';

/** An image as Python's facts are read from it. */
export interface DetectedImage {
  readonly index: PathIndex;
  /** The files that {@link isWanted} names, by path. */
  readonly contents: ReadonlyMap<string, string>;
  /** As in OCI: `amd64`, `arm64`. */
  readonly architecture: string;
  /** `NAME=value`; of two of one name the later one counts. */
  readonly env: readonly string[];
  /**
   * The home directory of who runs Python, absolute: what is installed for that user counts then. Undefined if it does not matter or
   * is not known: packages of any user are then a reason not to compose.
   */
  readonly home?: string;
}

const WANTED = new RegExp(
  [
    '^etc/(?:passwd|group|os-release)$',
    '^usr/lib/os-release$',
    // Packages of the distribution: Debian's, distroless images', Alpine's.
    '^var/lib/dpkg/status$',
    String.raw`^var/lib/dpkg/status\.d/(?!.*\.md5sums$)[^/]+$`,
    '^(?:usr/)?lib/apk/db/installed$',
    String.raw`(?:^|/)(?:pip\.conf|uv\.toml|pyvenv\.cfg)$`,
    String.raw`(?:^|/)include/python3\.\d+/patchlevel\.h$`,
    // Debian's install schemes.
    String.raw`^usr/lib/python3\.\d+/sysconfig(?:/__init__)?\.py$`,
    '(?:^|/)(?:site|user)customize\\.py$',
    '/EXTERNALLY-MANAGED$',
    String.raw`(?:^|/)s?bin/pip[\d.]*$`,
    String.raw`/(?:site|dist)-packages/[^/]+\.dist-info/(?:METADATA|RECORD|INSTALLER|entry_points\.txt)$`,
    String.raw`/(?:site|dist)-packages/[^/]+\.egg-info(?:/PKG-INFO)?$`,
    String.raw`/(?:site|dist)-packages/[^/]+\.pth$`,
  ].join('|'),
);

/** Whether a scan of a layer keeps the content of a file: what is read here and in `src/image/users.ts`. */
export function isWanted(path: string): boolean {
  return WANTED.test(path);
}

/** The content behind a path, links followed; undefined if there is no such file or it was not kept. */
export function contentOf(
  image: Pick<DetectedImage, 'index' | 'contents'>,
  path: string,
): string | undefined {
  const { path: real, entry } = image.index.resolve(path);
  return entry?.type === 'file' ? image.contents.get(real) : undefined;
}

/** A variable of the image's environment. */
export function variableOf(env: readonly string[], name: string): string | undefined {
  return env.findLast((line) => line.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** A configuration file of pip that is there. */
export interface PipConfigurationFile {
  /** Absolute, as pip names it. */
  readonly path: string;
  /** Undefined if it is there but was not kept: too large, no file, or with a login in it. */
  readonly content: string | undefined;
}

/**
 * The configuration files that pip reads, in its order: a later one outranks an earlier one
 * (https://pip.pypa.io/en/stable/topics/configuration/). `PIP_CONFIG_FILE` comes last; `/dev/null` there means none at all.
 *
 * @param prefix `sys.prefix`: of the interpreter, or the virtual environment's directory
 * @param home the user's home directory
 */
export function pipConfigurations(
  image: DetectedImage,
  prefix: string,
  home: string,
): readonly PipConfigurationFile[] {
  const named = variableOf(image.env, 'PIP_CONFIG_FILE') || undefined;
  if (named === '/dev/null') return [];
  const variable = (name: string, fallback: string) => variableOf(image.env, name) || fallback;
  const users = [`${home}/.pip/pip.conf`, `${variable('XDG_CONFIG_HOME', `${home}/.config`)}/pip/pip.conf`];
  const paths = [
    ...variable('XDG_CONFIG_DIRS', '/etc/xdg')
      .split(':')
      .filter((directory) => directory !== '')
      .map((directory) => `${directory}/pip/pip.conf`),
    '/etc/pip.conf',
    // The user's are passed over when another file is named.
    ...(named !== undefined && image.index.resolve(named).entry ? [] : users),
    `${prefix}/pip.conf`,
    ...(named === undefined ? [] : [named]),
  ];
  return paths
    .filter((path) => image.index.resolve(path).entry !== undefined)
    .map((path) => ({ path, content: contentOf(image, path) }));
}
