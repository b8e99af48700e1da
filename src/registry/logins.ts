import { LayerwrightError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { locateCredentials } from './credentials.ts';
import { dockerAuthConfig, readDockerConfig, serverNames } from './docker-config.ts';
import { parseEcrHost } from './ecr-host.ts';

/** Logins by server name as Docker writes it, each base64 of `USER:PASSWORD`. Never printed. */
export type Logins = Readonly<Record<string, string>>;

/**
 * The logins that buildx does not find by itself: those that AWS gives for ECR, and those of a DOCKER_AUTH_CONFIG in a form
 * that the Docker CLI does not read (with helpers, or with user and password apart). With them come all others of
 * DOCKER_AUTH_CONFIG, so that they may stand in its place.
 *
 * @param domains registries that the build is known to use
 * @returns undefined if buildx finds all by itself
 */
export async function loginsForBuildx(host: Host, domains: readonly string[]): Promise<Logins | undefined> {
  const inEnvironment = dockerAuthConfig(host.env);
  const foreign = inEnvironment !== undefined && !isDockersForm(inEnvironment);
  const asked = foreign ? domains : await ecrWithoutHelper(host, domains);
  const found = (await Promise.all(asked.map((domain) => loginTo(host, domain, foreign)))).flat();
  if (found.length === 0 && !foreign) return undefined;
  const kept = Object.entries(inEnvironment?.auths ?? {}).flatMap(([server, { auth }]) =>
    auth ? [[server, auth] as const] : [],
  );
  return Object.fromEntries([...kept, ...found]);
}

/** The Docker CLI refuses a DOCKER_AUTH_CONFIG with anything else in it. */
function isDockersForm(config: object): boolean {
  const { auths = {}, ...more } = config as { auths?: Record<string, object> };
  return (
    Object.keys(more).length === 0 &&
    Object.values(auths).every((entry) => Object.keys(entry).join() === 'auth')
  );
}

/** buildx asks a helper itself; that need not be done twice. */
async function ecrWithoutHelper(host: Host, domains: readonly string[]): Promise<readonly string[]> {
  const ecr = domains.filter((domain) => parseEcrHost(domain) !== undefined);
  if (ecr.length === 0) return [];
  const helpers = (await readDockerConfig(host))?.credHelpers ?? {};
  return ecr.filter((domain) => helpers[domain] === undefined);
}

async function loginTo(
  host: Host,
  domain: string,
  foreign: boolean,
): Promise<readonly (readonly [server: string, auth: string])[]> {
  try {
    const { credentials, from } = (await locateCredentials(host, domain)) ?? {};
    if (credentials?.kind !== 'basic' || from === 'docker' || (from === 'environment' && !foreign)) return [];
    const auth = Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64');
    return [[serverNames(domain)[0], auth]];
  } catch (error) {
    // Whether it is needed only BuildKit knows: a registry that is pushed to was asked before.
    if (!(error instanceof LayerwrightError) || host.signal.aborted) throw error;
    return [];
  }
}
