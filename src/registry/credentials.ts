import { usageError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import {
  type AuthEntry,
  type DockerConfig,
  dockerAuthConfig,
  readDockerConfig,
  serverNames,
} from './docker-config.ts';
import { ecrLogin } from './ecr.ts';
import { parseEcrHost } from './ecr-host.ts';

/** How we log in to a registry. Never printed, never stored. */
export type Credentials =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token (`identitytoken`). */
  | { readonly kind: 'refresh'; readonly token: string };

/** Credentials, and who knows them. */
export interface FoundCredentials {
  readonly credentials: Credentials;
  /** DOCKER_AUTH_CONFIG, Docker's `config.json` with its helpers, or AWS for an ECR registry. */
  readonly from: 'environment' | 'docker' | 'aws';
}

/**
 * The credentials for a registry host, where the Docker CLI and buildx find them too: DOCKER_AUTH_CONFIG, then
 * `config.json` in `DOCKER_CONFIG` or `~/.docker`. For an ECR registry that these do not know AWS is asked.
 *
 * @returns undefined if nobody is logged in there
 * @throws LayerwrightError `DOCKER_CONFIG_INVALID`, `CREDENTIAL_HELPER_FAILED` (2); for ECR what {@link ecrLogin} throws
 */
export async function findCredentials(host: Host, registry: string): Promise<Credentials | undefined> {
  return (await locateCredentials(host, registry))?.credentials;
}

/** Like {@link findCredentials}, and says where they were found. */
export async function locateCredentials(host: Host, registry: string): Promise<FoundCredentials | undefined> {
  const inEnvironment = await lookIn(host, dockerAuthConfig(host.env), registry);
  if (inEnvironment) return { credentials: inEnvironment, from: 'environment' };
  const inDocker = await lookIn(host, await readDockerConfig(host), registry);
  if (inDocker) return { credentials: inDocker, from: 'docker' };
  const inAws = await askAws(host, registry);
  return inAws && { credentials: inAws, from: 'aws' };
}

async function askAws(host: Host, registry: string): Promise<Credentials | undefined> {
  const ecr = parseEcrHost(registry);
  // ECR Public gives images to everybody: who is not logged in there is anonymous, and waits for no AWS.
  if (ecr === undefined || (ecr.kind === 'public' && !namesAwsIdentity(host.env))) return undefined;
  return { kind: 'basic', ...(await ecrLogin(host, registry)) };
}

/** Whether the environment names an AWS identity; an instance's own role is not looked for. */
function namesAwsIdentity(env: NodeJS.ProcessEnv): boolean {
  return [
    'AWS_ACCESS_KEY_ID',
    'AWS_PROFILE',
    'AWS_WEB_IDENTITY_TOKEN_FILE',
    'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
    'AWS_CONTAINER_CREDENTIALS_FULL_URI',
  ].some((name) => env[name]);
}

/** `credHelpers`, then `credsStore`, then `auths`. */
async function lookIn(
  host: Host,
  config: DockerConfig | undefined,
  registry: string,
): Promise<Credentials | undefined> {
  if (config === undefined) return undefined;
  for (const name of serverNames(registry)) {
    const helper = config.credHelpers?.[name];
    // An empty name is Docker's way to except a registry from the store.
    if (helper === '') return fromAuths(config, registry);
    if (helper !== undefined) return await askHelper(host, helper, name);
  }
  for (const name of serverNames(registry)) {
    const stored = config.credsStore ? await askHelper(host, config.credsStore, name) : undefined;
    const found = stored ?? fromAuthEntry(config.auths?.[name]);
    if (found) return found;
  }
  return undefined;
}

function fromAuths(config: DockerConfig, registry: string): Credentials | undefined {
  return serverNames(registry)
    .map((name) => fromAuthEntry(config.auths?.[name]))
    .find((found) => found !== undefined);
}

function fromAuthEntry(entry: AuthEntry | undefined): Credentials | undefined {
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
async function askHelper(host: Host, helper: string, server: string): Promise<Credentials | undefined> {
  const result = await host.run([`docker-credential-${helper}`, 'get'], {
    env: host.env,
    input: server,
    signal: host.signal,
    timeoutMs: 30_000,
  });
  const failed = (why: string) =>
    usageError(
      'CREDENTIAL_HELPER_FAILED',
      `docker-credential-${helper} failed for ${server} (${why})`,
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
