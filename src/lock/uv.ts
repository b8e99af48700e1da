import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureUv } from '../engine/install.ts';
import { EXIT, LayerwrightError } from '../errors.ts';
import { cacheDirectory, temporaryDirectory } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import { authorityBundle } from '../host/network.ts';
import { plainSteps } from '../host/steps.ts';
import { formatRequirement } from '../python/requirements/requirement-line.ts';
import { redactCredentials } from './index-url.ts';
import type { LockInput, NotLocked } from './lock-input.ts';
import { LOGIN_HINT } from './request.ts';
import { uvPlatform } from './uv-platform.ts';

/** A resolution by uv. */
export interface UvResolution {
  /** `pylock.toml` (https://packaging.python.org/en/latest/specifications/pylock-toml/). */
  readonly pylock: string;
  /** uv's warnings, one a line, without logins. */
  readonly warnings: readonly string[];
}

/** No set of wheels fulfils the requirements, in uv's words. */
export interface Unsatisfiable {
  readonly unsatisfiable: string;
}

/** What the resolver is asked beside the input. */
export interface UvWishes {
  /** Versions that are taken where nothing speaks against them, by name. */
  readonly preferred: ReadonlyMap<string, string>;
  /** Further conditions, as `name==1.0`. */
  readonly constraints: readonly string[];
}

/**
 * Resolves by `uv pip compile` for the image's Python and platform. uv sees the input, the host's network settings and
 * nothing else: no configuration of the user or of the context, no login but those of the index URLs. It builds nothing.
 *
 * @throws LayerwrightError `INDEX_UNREACHABLE` (75), `INDEX_DENIED` (2), `ENGINE_UNAVAILABLE` (2 or 75)
 */
export async function compileWithUv(
  host: Host,
  input: LockInput,
  wishes: UvWishes,
): Promise<UvResolution | Unsatisfiable | NotLocked> {
  const platform = uvPlatform(input.facts);
  if (platform === undefined) return { reason: 'the platform of the image is not known to uv' };
  const uv = await ensureUv(host, plainSteps(host));
  await using directory = await temporaryDirectory('layerwright-lock-');
  const constrained = await writeInputs(directory.path, input, wishes);
  const result = await host.run(
    [...uv.command, ...compileArguments(input, platform, constrained)],
    // The directory is the working directory too: uv looks for configuration there and above.
    { cwd: directory.path, env: await uvEnvironment(host, input, directory.path), signal: host.signal },
  );
  const words = redactCredentials(result.stderr, input.options);
  if (result.exitCode !== 0) return classify(words);
  return {
    pylock: await readFile(join(directory.path, OUTPUT), 'utf8'),
    warnings: words
      .split('\n')
      .filter((line) => line.startsWith('warning: ') && !line.includes('requested Python version'))
      .map((line) => line.slice('warning: '.length)),
  };
}

const OUTPUT = 'pylock.toml';

function compileArguments(
  { options, facts, tool }: LockInput,
  platform: string,
  constrained: boolean,
): readonly string[] {
  return [
    ...['pip', 'compile', 'requirements.in', ...(constrained ? ['--constraints', 'constraints.txt'] : [])],
    ...['--format', 'pylock.toml', '--output-file', OUTPUT, '--no-header'],
    ...['--python-version', facts.version, '--python-platform', platform],
    ...[
      '--no-build',
      '--no-config',
      '--no-python-downloads',
      '--no-sources',
      '--no-progress',
      '--color',
      'never',
    ],
    // pip looks at all indexes and takes the best version; uv has a rule of its own.
    ...(tool === 'uv' ? [] : ['--index-strategy', 'unsafe-best-match']),
    ...['--keyring-provider', 'disabled'],
    ...(options.noDeps ? ['--no-deps'] : []),
    ...(options.pre ? ['--prerelease', 'allow'] : []),
    ...options.trustedHosts.flatMap((trusted) => ['--allow-insecure-host', trusted]),
  ];
}

/** @returns whether there are constraints */
async function writeInputs(directory: string, input: LockInput, wishes: UvWishes): Promise<boolean> {
  const requirements = input.requirements.map(formatRequirement);
  const constraints = [...input.constraints.map(formatRequirement), ...wishes.constraints];
  await writeFile(join(directory, 'requirements.in'), `${requirements.join('\n')}\n`);
  await writeFile(join(directory, 'constraints.txt'), `${constraints.join('\n')}\n`);
  if (wishes.preferred.size > 0) await writeFile(join(directory, OUTPUT), preferences(wishes.preferred));
  return constraints.length > 0;
}

/** An existing output is what uv prefers versions from. */
function preferences(preferred: UvWishes['preferred']): string {
  const packages = [...preferred].map(
    ([name, version]) =>
      `[[packages]]\nname = ${JSON.stringify(name)}\nversion = ${JSON.stringify(version)}\n`,
  );
  return `lock-version = "1.0"\ncreated-by = "layerwright"\n${packages.join('')}`;
}

/** What a network needs; logins, configuration and everything else of the machine stay outside. */
const HANDED_ON = /^(?:PATH|TMPDIR|LANG|SYSTEMROOT|(?:https?|all|no)_proxy)$/i;

async function uvEnvironment(host: Host, input: LockInput, directory: string): Promise<NodeJS.ProcessEnv> {
  const handedOn = Object.entries(host.env).filter(([name]) => HANDED_ON.test(name));
  const home = join(directory, 'home');
  await mkdir(home);
  const { indexUrl, extraIndexUrls } = input.options;
  return {
    ...Object.fromEntries(handedOn),
    ...(await certificates(host, directory)),
    HOME: home,
    NETRC: join(home, '.netrc'),
    UV_CACHE_DIR: join(cacheDirectory(host.env), 'uv'),
    UV_NO_ENV_FILE: '1',
    // Addresses may carry logins: arguments are seen by all users of the machine, the environment is not.
    ...(indexUrl === undefined ? {} : { UV_DEFAULT_INDEX: indexUrl }),
    ...(extraIndexUrls.length === 0 ? {} : { UV_INDEX: extraIndexUrls.join(' ') }),
  };
}

async function certificates(host: Host, directory: string): Promise<NodeJS.ProcessEnv> {
  const { SSL_CERT_FILE, NODE_EXTRA_CA_CERTS } = host.env;
  if (host.network.ca.length === 0 && !SSL_CERT_FILE && !NODE_EXTRA_CA_CERTS) return {};
  const file = join(directory, 'authorities.pem');
  await writeFile(file, await authorityBundle(host));
  return { SSL_CERT_FILE: file };
}

function classify(words: string): Unsatisfiable | NotLocked {
  const detail = words.trim().slice(-4000);
  if (/\b401 Unauthorized/.test(words))
    throw new LayerwrightError('the package index refuses the login, or wants one', {
      ...{ code: 'INDEX_DENIED', exit: EXIT.usage, detail, hint: LOGIN_HINT },
    });
  if (/Failed to fetch|error sending request|Request failed|timed out|HTTP status server error/i.test(words))
    throw new LayerwrightError('the package index does not answer as it should', {
      code: 'INDEX_UNREACHABLE',
      exit: EXIT.temporary,
      detail,
      hint: 'Is it reachable from this machine? Proxies come from HTTPS_PROXY and NO_PROXY, authorities from --ca.',
    });
  if (words.includes('No solution found when resolving'))
    return { unsatisfiable: detail.replace(/^error: /m, '') };
  if (words.includes('No interpreter found'))
    return {
      reason: 'uv resolves with a Python at hand only, and there is none on this machine',
      inImage: true,
    };
  const [first = 'uv failed'] = words.split('\n').filter((line) => line.startsWith('error: '));
  return { reason: `uv cannot resolve this: ${first.replace(/^error: /, '')}` };
}
