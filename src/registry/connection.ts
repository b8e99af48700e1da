import type { Host } from '../host/host.ts';
import { connectionError, type RetryPolicy, withRetries } from '../host/http.ts';
import { isLoopback } from '../host/proxy.ts';
import { registryError } from './answers.ts';
import { ANSWER_TIMEOUT_MS, authorizer } from './auth.ts';

/** One request to a registry. */
export interface RegistryRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** A path below `/v2/`, e.g. `team/app/manifests/1`, or a whole URL that the registry gave. */
  readonly path: string;
  /** The repository it is about: what a token is asked for. */
  readonly repository: string;
  readonly action: 'pull' | 'push';
  readonly headers?: Readonly<Record<string, string>>;
  /** The statuses that are answers; all others are errors. */
  readonly expected: readonly number[];
}

/** One registry host, with login and retries. */
export interface RegistryConnection {
  /**
   * @throws LayerwrightError `REGISTRY_DENIED`, `REPOSITORY_UNKNOWN`, `TLS_FAILED` (2), `REGISTRY_TEMPORARY`,
   *   `REGISTRY_RATE_LIMIT`, `UNREACHABLE`, `TIMEOUT` (75), `REGISTRY_ANSWER` (1), and those of the credentials
   */
  readonly ask: (request: RegistryRequest, policy?: RetryPolicy) => Promise<Response>;
}

/** `http` for this machine's loopback and where the network settings say so, `https` for all others. */
export function schemeOf(host: Pick<Host, 'network'>, domain: string): 'http' | 'https' {
  return isLoopback(domain) || host.network.plainHttp.includes(domain) ? 'http' : 'https';
}

/** A connection to one registry host (as in image references), after the OCI distribution specification 1.1. */
export function registryConnection(host: Host, domain: string, policy: RetryPolicy): RegistryConnection {
  const origin = `${schemeOf(host, domain)}://${domain === 'docker.io' ? 'registry-1.docker.io' : domain}`;
  const { known, answer } = authorizer(host, domain, origin);

  const send = async ({ method, path, headers }: RegistryRequest, authorization: string | undefined) => {
    const url = new URL(path, `${origin}/v2/`);
    // An upload may go on elsewhere; what shows who we are stays with the registry.
    const shown = url.origin === new URL(origin).origin ? authorization : undefined;
    try {
      return await host.fetch(url, {
        method,
        headers: { ...headers, ...(shown === undefined ? {} : { Authorization: shown }) },
        signal: AbortSignal.any([host.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
      });
    } catch (error) {
      throw connectionError(error, `registry ${domain}`, host.signal);
    }
  };

  const askOnce = async (request: RegistryRequest): Promise<Response> => {
    const { repository, action } = request;
    const scope = `repository:${repository}:${action === 'pull' ? 'pull' : 'pull,push'}`;
    let response = await send(request, known(scope));
    if (response.status === 401) {
      const authorization = await answer(response.headers.get('www-authenticate') ?? '', scope);
      if (authorization !== undefined) {
        await response.body?.cancel();
        response = await send(request, authorization);
      }
    }
    if (request.expected.includes(response.status)) return response;
    throw await registryError(response, domain, repository, host.clock.now());
  };

  return {
    ask: (request, ownPolicy = policy) => withRetries(() => askOnce(request), host.signal, ownPolicy),
  };
}
