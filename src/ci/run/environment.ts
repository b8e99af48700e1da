import { usageError } from '../../errors.ts';

/** Variables that stand for the machine and where things are; the rest of the caller's environment stays outside. */
const PASSED = new Set([
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'TERM', 'TMPDIR', 'TZ'],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'],
  ...['SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_EXTRA_CA_CERTS'],
]);
const PASSED_PREFIXES = ['LC_', 'DOCKER_', 'BUILDX_', 'BUILDKIT_', 'AWS_', 'LAYERWRIGHT_', 'CODEBUILD_'];

/** Every shell makes these for itself. */
const OF_THE_SHELL = new Set(['PWD', 'OLDPWD', 'SHLVL', '_']);

/** What of the caller's environment the commands get. */
export interface PassedEnvironment {
  readonly env: Readonly<Record<string, string>>;
  /** Names that were left out. */
  readonly leftOut: readonly string[];
}

/** Chooses what stands for the machine. Pure. */
export function passedEnvironment(env: NodeJS.ProcessEnv): PassedEnvironment {
  const names = Object.keys(env).sort();
  const isPassed = (name: string) =>
    PASSED.has(name) || PASSED_PREFIXES.some((prefix) => name.startsWith(prefix));
  return {
    env: Object.fromEntries(names.filter(isPassed).map((name) => [name, env[name] ?? ''])),
    leftOut: names.filter((name) => !isPassed(name) && !OF_THE_SHELL.has(name)),
  };
}

/** Set by the run itself; another value would break it. */
const OWN = ['CODEBUILD_SRC_DIR', 'CODEBUILD_BUILD_ID', 'CODEBUILD_BUILD_ARN', 'CODEBUILD_BUILD_SUCCEEDING'];

/**
 * The values of `--env K=V`, or `--env K` for the caller's own value.
 *
 * @throws LayerwrightError `ENV_INVALID`, `ENV_NOT_SET` (2)
 */
export function givenVariables(
  words: readonly string[],
  env: NodeJS.ProcessEnv,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    words.map((word) => {
      const [, name, , value] = /^([^=]*)(=(.*))?$/s.exec(word) ?? [];
      if (name === undefined || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
        throw usageError(
          'ENV_INVALID',
          `--env "${name ?? ''}" is no name of a variable`,
          'Use --env NAME=VALUE.',
        );
      if (OWN.includes(name))
        throw usageError('ENV_INVALID', `--env ${name}: this variable is set by the run itself`);
      const given = value ?? env[name];
      if (given === undefined)
        throw usageError(
          'ENV_NOT_SET',
          `--env ${name}: the environment has no ${name} to pass on`,
          `Give its value: --env ${name}=VALUE.`,
        );
      return [name, given];
    }),
  );
}
