import { createHash } from 'node:crypto';
import { EXIT, type ExitCode, LayerwrightError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { connectionError, DEFAULT_RETRY, type RetryPolicy, retryAfterMs, withRetries } from '../host/http.ts';
import { type Credentials, findCredentials } from './credentials.ts';

/** Manifest and index types of OCI and Docker. */
export const MANIFEST_TYPES = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
] as const;

/** A manifest as the registry has it. */
export interface FoundManifest {
  readonly digest: string;
  readonly mediaType: string;
  /** The manifest's bytes, parsed. */
  readonly content: unknown;
}

/** What we ask of a registry host; repository paths are below that host (`team/app`). */
export interface RegistryClient {
  /** The manifest under a tag or digest; undefined if the registry does not have it. */
  readonly manifest: (repository: string, reference: string) => Promise<FoundManifest | undefined>;
  /** The bytes of a blob that is small enough to be held, e.g. an image's config; undefined if it is not there. */
  readonly blob: (repository: string, digest: string) => Promise<Uint8Array | undefined>;
  /** Resolves if we may push there: opens an upload and cancels it. */
  readonly checkPush: (repository: string) => Promise<void>;
}

/** Milliseconds until an answer's headers must be there. */
const ANSWER_TIMEOUT_MS = 30_000;

/**
 * A client for one registry host, after the OCI distribution specification 1.1.
 *
 * Loopback hosts are spoken to in plain HTTP, all others in HTTPS. Basic and Bearer authentication with the
 * credentials of Docker's configuration. Temporary failures are tried again with backoff.
 *
 * Its calls throw LayerwrightErrors: `REGISTRY_DENIED` (2), `REPOSITORY_UNKNOWN` (2), `REGISTRY_TEMPORARY` (75),
 * `UNREACHABLE` (75), `TLS_FAILED` (2).
 */
export function registryClient(
  host: Host,
  domain: string,
  policy: RetryPolicy = DEFAULT_RETRY,
): RegistryClient {
  const origin = `${isLoopback(domain) ? 'http' : 'https'}://${domain === 'docker.io' ? 'registry-1.docker.io' : domain}`;
  const tokens = new Map<string, string>();
  let credentials: Promise<Credentials | undefined> | undefined;
  const credentialsOnce = () => {
    credentials ??= findCredentials(host, domain);
    return credentials;
  };

  /** One request with authentication; anything but the expected statuses is thrown. */
  const ask = (
    method: string,
    url: string,
    repository: string,
    action: 'pull' | 'push',
    expected: readonly number[],
  ) =>
    withRetries(
      async () => {
        const scope = action === 'pull' ? `repository:${repository}:pull` : pushScope(repository);
        const known = tokens.get(scope);
        let response = await send(method, url, known);
        if (response.status === 401) {
          const authorization = await authorize(response.headers.get('www-authenticate') ?? '', scope);
          if (authorization !== undefined) {
            await response.body?.cancel();
            tokens.set(scope, authorization);
            response = await send(method, url, authorization);
          }
        }
        if (expected.includes(response.status)) return response;
        throw await registryError(response, domain, repository, host.clock.now());
      },
      host.signal,
      policy,
    );

  const send = async (method: string, url: string, authorization: string | undefined): Promise<Response> => {
    try {
      return await host.fetch(url, {
        method,
        headers: {
          Accept: MANIFEST_TYPES.join(', '),
          ...(authorization === undefined ? {} : { Authorization: authorization }),
        },
        signal: AbortSignal.any([host.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
      });
    } catch (error) {
      throw connectionError(error, `registry ${domain}`, host.signal);
    }
  };

  /** The value of the Authorization header that the challenge asks for; undefined if we have nothing to show. */
  const authorize = async (challenge: string, scope: string): Promise<string | undefined> => {
    const found = await credentialsOnce();
    const [scheme = '', parameters] = parseChallenge(challenge);
    if (scheme === 'basic') return found?.kind === 'basic' ? basic(found) : undefined;
    if (scheme !== 'bearer' || parameters.realm === undefined) return undefined;
    return await bearerToken(parameters.realm, parameters.service, scope, found);
  };

  const bearerToken = async (
    realm: string,
    service: string | undefined,
    scope: string,
    found: Credentials | undefined,
  ): Promise<string> => {
    const form = new URLSearchParams({ scope, client_id: 'layerwright' });
    if (service !== undefined) form.set('service', service);
    const signal = AbortSignal.any([host.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
    let response: Response;
    try {
      if (found?.kind === 'refresh') {
        form.set('grant_type', 'refresh_token');
        form.set('refresh_token', found.token);
        response = await host.fetch(realm, { method: 'POST', body: form, signal });
      } else {
        const url = new URL(realm);
        for (const [name, value] of form) url.searchParams.append(name, value);
        response = await host.fetch(url, { headers: found ? { Authorization: basic(found) } : {}, signal });
      }
    } catch (error) {
      throw connectionError(error, `token server of ${domain}`, host.signal);
    }
    if (!response.ok)
      throw await registryError(response, domain, scope.split(':')[1] ?? '', host.clock.now());
    const answer = jsonOf(await response.text(), `token server of ${domain}`) as {
      token?: string;
      access_token?: string;
    };
    return `Bearer ${answer.token ?? answer.access_token ?? ''}`;
  };

  return {
    async manifest(repository, reference) {
      const url = `${origin}/v2/${repository}/manifests/${reference}`;
      const response = await ask('GET', url, repository, 'pull', [200, 404]);
      if (response.status === 404) {
        await response.body?.cancel();
        return undefined;
      }
      const text = await response.text();
      return {
        digest: response.headers.get('docker-content-digest') ?? '',
        mediaType: response.headers.get('content-type')?.split(';')[0] ?? '',
        content: parseManifest(text, `${domain}/${repository}`),
      };
    },
    async blob(repository, digest) {
      const response = await ask(
        'GET',
        `${origin}/v2/${repository}/blobs/${digest}`,
        repository,
        'pull',
        [200, 404],
      );
      if (response.status === 404) {
        await response.body?.cancel();
        return undefined;
      }
      const bytes = new Uint8Array(await response.arrayBuffer());
      const actual = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
      if (digest.startsWith('sha256:') && actual !== digest)
        throw new LayerwrightError(`${domain}/${repository}: blob ${digest} has the content of ${actual}`, {
          code: 'BLOB_CORRUPT',
          exit: EXIT.failed,
          hint: 'The registry or something before it altered the blob: push the image again.',
        });
      return bytes;
    },
    async checkPush(repository) {
      const started = await ask(
        'POST',
        `${origin}/v2/${repository}/blobs/uploads/`,
        repository,
        'push',
        [202],
      );
      await started.body?.cancel();
      const location = started.headers.get('location');
      if (location === null) return;
      try {
        const cancelled = await send(
          'DELETE',
          new URL(location, origin).href,
          tokens.get(pushScope(repository)),
        );
        await cancelled.body?.cancel();
      } catch (error) {
        // Cancelling is a courtesy: registries forget an upload that nobody continues, and some (ECR) refuse to cancel.
        if (host.signal.aborted) throw error;
      }
    },
  };
}

function parseManifest(text: string, place: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new LayerwrightError(`${place}: the registry answers with something that is no manifest`, {
      code: 'REGISTRY_ANSWER',
      exit: EXIT.failed,
      hint: 'Something before the registry may have answered in its place, e.g. the login page of a proxy.',
    });
  }
}

/** A proxy's log-in page comes with status 200 too. */
function jsonOf(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LayerwrightError(`${place}: the answer is no JSON`, {
      code: 'REGISTRY_ANSWER',
      exit: EXIT.failed,
      hint: 'Something before the registry may have answered: check the proxy settings of this machine.',
      cause: error,
    });
  }
}

function pushScope(repository: string): string {
  return `repository:${repository}:pull,push`;
}

/** True for hosts that are this machine: Docker and BuildKit speak plain HTTP to them too. */
export function isLoopback(domain: string): boolean {
  const name = domain.replace(/:\d+$/, '');
  return name === 'localhost' || name === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(name);
}

function basic(credentials: Extract<Credentials, { kind: 'basic' }>): string {
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
}

/** `Bearer realm="..",service=".."` to its scheme in lower case and parameters. */
export function parseChallenge(challenge: string): [scheme: string, parameters: Record<string, string>] {
  const [, scheme = '', rest = ''] = /^\s*(\S+)\s*(.*)$/.exec(challenge) ?? [];
  const parameters: Record<string, string> = {};
  for (const [, name = '', quoted, bare] of rest.matchAll(/([a-zA-Z_-]+)=(?:"([^"]*)"|([^",\s]+))/g))
    parameters[name.toLowerCase()] = quoted ?? bare ?? '';
  return [scheme.toLowerCase(), parameters];
}

/** What a registry's error answer means for the user. */
async function registryError(
  response: Response,
  domain: string,
  repository: string,
  now: Date,
): Promise<LayerwrightError> {
  const { status } = response;
  const body = (await response.text().catch(() => '')).slice(0, 2000);
  const why = errorMessages(body);
  const place = `${domain}/${repository}`;
  const make = (code: string, exit: ExitCode, message: string, hint?: string) =>
    new LayerwrightError(`${message}${why ? `: ${why}` : ''}`, {
      code,
      exit,
      ...(hint === undefined ? {} : { hint }),
      cause: { status, retryAfterMs: retryAfterMs(response.headers, now) },
    });
  if (status === 401 || status === 403)
    return make(
      'REGISTRY_DENIED',
      EXIT.usage,
      `${place}: the registry refuses (HTTP ${status})`,
      loginHint(domain),
    );
  if (status === 404)
    return make(
      'REPOSITORY_UNKNOWN',
      EXIT.usage,
      `${place}: the registry has no such repository`,
      repositoryHint(domain, repository),
    );
  if (status === 408 || status === 429 || status >= 500)
    return make(
      'REGISTRY_TEMPORARY',
      EXIT.temporary,
      `${place}: the registry answers HTTP ${status}`,
      status === 429
        ? 'It limits how often it may be asked: try again later, or log in for a higher limit.'
        : undefined,
    );
  return make('REGISTRY_ANSWER', EXIT.failed, `${place}: the registry answers HTTP ${status}`);
}

function errorMessages(body: string): string {
  try {
    const { errors = [] } = JSON.parse(body) as { errors?: { code?: string; message?: string }[] };
    return errors.map((error) => error.message ?? error.code ?? '').join('; ');
  } catch {
    // Not the JSON of the specification (a proxy's HTML page, say): the status alone must do.
    return '';
  }
}

const ECR_HOST = /^(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\./;

/** How to log in to a registry. */
export function loginHint(domain: string): string {
  const ecr = ECR_HOST.exec(domain);
  if (ecr)
    return `Log in with: aws ecr get-login-password --region ${ecr[2]} | docker login --username AWS --password-stdin ${domain}`;
  return `Log in with: docker login ${domain === 'docker.io' ? '' : domain}`.trim();
}

/** How to make a repository that is not there. */
export function repositoryHint(domain: string, repository: string): string {
  const ecr = ECR_HOST.exec(domain);
  if (ecr)
    return `ECR makes no repository by itself: aws ecr create-repository --repository-name ${repository} --region ${ecr[2]}`;
  return 'Create the repository first, and check the name for typing errors.';
}
