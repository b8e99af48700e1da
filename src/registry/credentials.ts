import { homedir } from 'node:os';
import { join } from 'node:path';
import { usageError } from '../errors.ts';
import { readTextIfThere } from '../host/files.ts';
import type { Host } from '../host/host.ts';

/** What Docker's configuration knows of a registry. Never printed, never stored. */
export type Credentials =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token (`identitytoken`). */
  | { readonly kind: 'refresh'; readonly token: string };

interface DockerConfig {
  readonly auths?: Record<
    string,
    { auth?: string; username?: string; password?: string; identitytoken?: string }
  >;
  readonly credsStore?: string;
  readonly credHelpers?: Record<string, string>;
}

/**
 * Finds the credentials for a registry host where the Docker CLI and buildx find them too:
 * `config.json` in `DOCKER_CONFIG` or `~/.docker`, its `credHelpers`, then `credsStore`, then `auths`.
 *
 * @returns undefined if nobody is logged in there
 * @throws LayerwrightError `DOCKER_CONFIG_INVALID` (2)
 */
export async function findCredentials(host: Host, registry: string): Promise<Credentials | undefined> {
  const path = join(host.env.DOCKER_CONFIG || join(host.env.HOME || homedir(), '.docker'), 'config.json');
  const text = await readTextIfThere(path);
  // Docker takes an empty file for an empty configuration.
  if (text === undefined || text.trim() === '') return undefined;
  let config: DockerConfig;
  try {
    config = JSON.parse(text) as DockerConfig;
  } catch {
    throw usageError(
      'DOCKER_CONFIG_INVALID',
      `${path} is no JSON`,
      'Run docker login again, or mend the file.',
    );
  }
  for (const key of keysOf(registry)) {
    const helper = config.credHelpers?.[key];
    if (helper !== undefined) return await askHelper(host, helper, key);
  }
  for (const key of keysOf(registry)) {
    if (config.credsStore) {
      const found = await askHelper(host, config.credsStore, key);
      if (found) return found;
    }
    const found = fromAuthEntry(config.auths?.[key]);
    if (found) return found;
  }
  return undefined;
}

/** The names under which tools have stored a registry over the years. */
function keysOf(registry: string): readonly string[] {
  if (registry === 'docker.io')
    return ['https://index.docker.io/v1/', 'index.docker.io', 'docker.io', 'registry-1.docker.io'];
  return [
    registry,
    `https://${registry}`,
    `http://${registry}`,
    `https://${registry}/v1/`,
    `https://${registry}/v2/`,
  ];
}

function fromAuthEntry(
  entry: NonNullable<DockerConfig['auths']>[string] | undefined,
): Credentials | undefined {
  if (!entry) return undefined;
  if (entry.identitytoken) return { kind: 'refresh', token: entry.identitytoken };
  if (entry.username && entry.password !== undefined)
    return { kind: 'basic', username: entry.username, password: entry.password };
  if (!entry.auth) return undefined;
  const decoded = Buffer.from(entry.auth, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (colon < 1) return undefined;
  return { kind: 'basic', username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}

/** Docker's credential helper protocol: the server's name on standard input of `docker-credential-NAME get`. */
async function askHelper(host: Host, helper: string, key: string): Promise<Credentials | undefined> {
  const result = await host.run([`docker-credential-${helper}`, 'get'], {
    env: host.env,
    input: key,
    signal: host.signal,
    timeoutMs: 30_000,
  });
  const failed = (why: string) =>
    usageError(
      'CREDENTIAL_HELPER_FAILED',
      `docker-credential-${helper} failed for ${key} (${why})`,
      'Run the helper by hand to see why, or log in again.',
    );
  if (result.exitCode !== 0) {
    if (/credentials not found/i.test(result.stdout + result.stderr)) return undefined;
    throw failed(`exit ${result.exitCode}`);
  }
  let answer: { Username?: string; Secret?: string };
  try {
    answer = JSON.parse(result.stdout) as typeof answer;
  } catch {
    // The answer itself is never shown: it may hold the secret.
    throw failed('its answer is no JSON');
  }
  if (!answer.Secret) return undefined;
  if (answer.Username === '<token>') return { kind: 'refresh', token: answer.Secret };
  return { kind: 'basic', username: answer.Username ?? '', password: answer.Secret };
}
