import { homedir } from 'node:os';
import { join } from 'node:path';
import { usageError } from '../errors.ts';
import { readTextIfThere } from '../host/files.ts';
import type { Host } from '../host/host.ts';

/** A login as Docker writes it down. */
export interface AuthEntry {
  /** Base64 of `USER:PASSWORD`. */
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
}

/** The parts of Docker's `config.json` that are about logins. */
export interface DockerConfig {
  readonly auths?: Readonly<Record<string, AuthEntry>>;
  readonly credsStore?: string;
  readonly credHelpers?: Readonly<Record<string, string>>;
}

/** The directory of Docker's configuration. */
export function dockerConfigDirectory(env: NodeJS.ProcessEnv): string {
  return env.DOCKER_CONFIG || join(env.HOME || homedir(), '.docker');
}

/**
 * `config.json` in that directory.
 *
 * @returns undefined if it is not there
 * @throws LayerwrightError `DOCKER_CONFIG_INVALID` (2)
 */
export async function readDockerConfig(host: Host): Promise<DockerConfig | undefined> {
  const path = join(dockerConfigDirectory(host.env), 'config.json');
  return parse(await readTextIfThere(path), path, 'Run docker login again, or mend the file.');
}

/**
 * What DOCKER_AUTH_CONFIG says, the logins that a CI hands to its jobs: the form of `config.json`, of which the Docker CLI
 * reads `auths`, and GitLab's runner the helpers too.
 *
 * @returns undefined if it is not set
 * @throws LayerwrightError `DOCKER_CONFIG_INVALID` (2)
 */
export function dockerAuthConfig(env: NodeJS.ProcessEnv): DockerConfig | undefined {
  return parse(
    env.DOCKER_AUTH_CONFIG,
    'DOCKER_AUTH_CONFIG',
    'Its form is {"auths": {"HOST": {"auth": "..."}}}.',
  );
}

/** The text itself is never shown: it holds passwords. */
function parse(text: string | undefined, place: string, hint: string): DockerConfig | undefined {
  // Docker takes an empty file for an empty configuration.
  if (text === undefined || text.trim() === '') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Told below.
  }
  throw usageError('DOCKER_CONFIG_INVALID', `${place} is no JSON object`, hint);
}

/** The names under which tools have stored a registry over the years, Docker's own first. */
export function serverNames(registry: string): readonly [string, ...string[]] {
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
