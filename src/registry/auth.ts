import { type LayerwrightError, usageError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { connectionError } from '../host/http.ts';
import { jsonAnswer, registryError, unexpectedAnswer } from './answers.ts';
import { type Credentials, findCredentials } from './credentials.ts';

/** Milliseconds until an answer's headers must be there. */
export const ANSWER_TIMEOUT_MS = 30_000;

/** What shows a registry who we are. */
export interface Authorizer {
  /** The value of the Authorization header for a scope, as far as it is known already and still good. */
  readonly known: (scope: string) => string | undefined;
  /** The value that a 401's challenge asks for; undefined if we have nothing to show. */
  readonly answer: (challenge: string, scope: string) => Promise<string | undefined>;
}

/** A token is used no longer than this before its end: clocks and connections differ. */
const MARGIN_MS = 5_000;
/** Seconds that a token lives if its server does not say; from the token specification of distribution. */
const DEFAULT_SECONDS = 60;

/**
 * Basic and Bearer authentication for one registry, with the credentials that {@link findCredentials} finds when they are
 * first asked for. Tokens are kept in memory for as long as they are good.
 *
 * @param origin the registry's URL without path: from HTTPS nothing secret goes to a token server in plain HTTP
 */
export function authorizer(host: Host, domain: string, origin: string): Authorizer {
  const headers = new Map<string, { value: string; until: number }>();
  let credentials: Promise<Credentials | undefined> | undefined;
  const credentialsOnce = () => {
    credentials ??= findCredentials(host, domain);
    return credentials;
  };
  return {
    known(scope) {
      const found = headers.get(scope);
      return found !== undefined && found.until > host.clock.monotonicMs() ? found.value : undefined;
    },
    async answer(challenge, scope) {
      const [scheme, parameters] = parseChallenge(challenge);
      if (scheme !== 'basic' && (scheme !== 'bearer' || parameters.realm === undefined)) return undefined;
      const found = await credentialsOnce();
      if (scheme === 'basic') {
        if (found?.kind !== 'basic') return undefined;
        headers.set(scope, { value: basic(found), until: Number.POSITIVE_INFINITY });
        return basic(found);
      }
      const asked = host.clock.monotonicMs();
      const realm = tokenServer(parameters.realm ?? '', domain, origin, found);
      const token = await fetchToken(
        host,
        domain,
        realm,
        parameters.service,
        scopes(scope, parameters.scope),
        found,
      );
      const value = `Bearer ${token.value}`;
      headers.set(scope, { value, until: asked + token.seconds * 1000 - MARGIN_MS });
      return value;
    },
  };
}

/** Our scope, and what else the registry says it wants (another repository, when a blob is mounted from there). */
function scopes(ours: string, theirs = ''): readonly string[] {
  const [kind, name] = ours.split(':');
  const others = theirs.split(' ').filter((one) => one !== '' && !one.startsWith(`${kind}:${name}:`));
  return [ours, ...others];
}

function tokenServer(realm: string, domain: string, origin: string, found: Credentials | undefined): URL {
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw unexpectedAnswer(`${domain}: the registry names no token server that is understood`);
  if (found !== undefined && url.protocol === 'http:' && origin.startsWith('https:'))
    throw usageError(
      'REGISTRY_INSECURE',
      `${domain} wants its login sent to ${url.host} in plain HTTP`,
      'Its token server needs HTTPS: the realm in its configuration is wrong, or something before it answers.',
    );
  return url;
}

/** Asks a token server, with GET and a user's password or nothing, or by OAuth2 with a refresh token. */
async function fetchToken(
  host: Host,
  domain: string,
  realm: URL,
  service: string | undefined,
  scopes: readonly string[],
  found: Credentials | undefined,
): Promise<{ value: string; seconds: number }> {
  const form = new URLSearchParams({
    client_id: 'layerwright',
    ...(service === undefined ? {} : { service }),
  });
  const signal = AbortSignal.any([host.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
  let response: Response;
  try {
    if (found?.kind === 'refresh') {
      // OAuth2 has one scope parameter with spaces in it, the older GET one for each.
      form.set('scope', scopes.join(' '));
      form.set('grant_type', 'refresh_token');
      form.set('refresh_token', found.token);
      response = await host.fetch(realm, { method: 'POST', body: form, signal });
    } else {
      const url = new URL(realm);
      for (const scope of scopes) form.append('scope', scope);
      for (const [name, value] of form) url.searchParams.append(name, value);
      response = await host.fetch(url, { headers: found ? { Authorization: basic(found) } : {}, signal });
    }
  } catch (error) {
    throw connectionError(error, `token server ${realm.host} of ${domain}`, host.signal);
  }
  if (!response.ok) throw await tokenError(response, host, domain, scopes[0] as string);
  const place = `token server ${realm.host} of ${domain}`;
  const answer = jsonAnswer(await response.text(), `${place}: the answer is no JSON`) as TokenAnswer | null;
  const value = answer?.token || answer?.access_token;
  if (!value) throw unexpectedAnswer(`${place}: the answer holds no token`);
  return { value, seconds: answer?.expires_in || DEFAULT_SECONDS };
}

interface TokenAnswer {
  /** Docker's name; OAuth2's is `access_token`. Some servers send both. */
  readonly token?: string;
  readonly access_token?: string;
  /** Seconds. */
  readonly expires_in?: number;
}

function tokenError(
  response: Response,
  host: Host,
  domain: string,
  scope: string,
): Promise<LayerwrightError> {
  return registryError(response, domain, scope.split(':')[1] ?? '', host.clock.now());
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
