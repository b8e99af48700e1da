import { type LayerwrightError, usageError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { connectionError } from '../host/http.ts';
import { jsonAnswer, registryError, unexpectedAnswer } from './answers.ts';
import { type Credentials, findCredentials } from './credentials.ts';

/** Milliseconds until an answer's headers must be there. */
export const ANSWER_TIMEOUT_MS = 30_000;

/** What shows a registry who we are. A scope is one or more of `repository:NAME:ACTIONS`, with spaces between them. */
export interface Authorizer {
  /**
   * The value of the Authorization header for a scope, without asking the registry: one that is known and still good, or
   * a token from the server that an earlier challenge named. Undefined where nothing was asked of us yet.
   */
  readonly known: (scope: string) => Promise<string | undefined>;
  /**
   * The value that a 401's challenge asks for; undefined if we have nothing to show, or nothing else than what was refused.
   *
   * @param refused what was shown
   */
  readonly answer: (
    challenge: string,
    scope: string,
    refused: string | undefined,
  ) => Promise<string | undefined>;
}

/** A token is used no longer than this before its end: clocks and connections differ. */
const MARGIN_MS = 5_000;
/** Seconds that a token lives if its server does not say; from the token specification of distribution. */
const DEFAULT_SECONDS = 60;

/** Where a registry's tokens come from. */
interface TokenService {
  readonly realm: URL;
  readonly service: string | undefined;
}

/**
 * Basic and Bearer authentication for one registry, with the credentials that {@link findCredentials} finds when they are
 * first asked for. Tokens are kept in memory for as long as they are good; those who need the same one at once wait for
 * the same answer.
 *
 * @param origin the registry's URL without path: from HTTPS nothing secret goes to a token server in plain HTTP
 */
export function authorizer(host: Host, domain: string, origin: string): Authorizer {
  const credentials = once(() => findCredentials(host, domain));
  const tokens = tokenKeeper(host, domain, credentials);
  let login: string | undefined;
  let service: TokenService | undefined;
  return {
    async known(scope) {
      if (login !== undefined) return login;
      const kept = tokens.kept(scope);
      if (kept !== undefined || service === undefined) return kept;
      try {
        return await tokens.fetch(service, scope, []);
      } catch (error) {
        if (host.signal.aborted) throw error;
        // Perhaps this request needs none: the registry says so, and if not, its challenge brings the error again.
        return undefined;
      }
    },
    async answer(challenge, scope, refused) {
      const [scheme, parameters] = parseChallenge(challenge);
      if (scheme === 'basic') {
        const found = await credentials();
        if (found?.kind !== 'basic' || basic(found) === refused) return undefined;
        login = basic(found);
        return login;
      }
      if (scheme !== 'bearer' || parameters.realm === undefined) return undefined;
      const kept = tokens.kept(scope);
      // Somebody who asked at the same time has got a new one.
      if (kept !== undefined && kept !== refused) return kept;
      const realm = tokenServer(parameters.realm, domain, origin, await credentials());
      service = { realm, service: parameters.service };
      return await tokens.fetch(service, scope, (parameters.scope ?? '').split(' ').filter(Boolean));
    },
  };
}

/** The tokens of one registry, by scope. */
function tokenKeeper(host: Host, domain: string, credentials: () => Promise<Credentials | undefined>) {
  const headers = new Map<string, { readonly value: string; readonly until: number }>();
  const underway = new Map<string, Promise<string>>();
  const good = (scope: string) => {
    const found = headers.get(scope);
    return found !== undefined && found.until > host.clock.monotonicMs() ? found.value : undefined;
  };
  const fetchNew = async (from: TokenService, scope: string, wanted: readonly string[]) => {
    const asked = host.clock.monotonicMs();
    const token = await fetchToken(
      host,
      domain,
      from,
      withWanted(scope.split(' '), wanted),
      await credentials(),
    );
    const value = `Bearer ${token.value}`;
    headers.set(scope, { value, until: asked + token.seconds * 1000 - MARGIN_MS });
    return value;
  };
  return {
    /** One that may push may pull. */
    kept: (scope: string) => good(scope) ?? (scope.includes(' ') ? undefined : good(`${scope},push`)),
    fetch(from: TokenService, scope: string, wanted: readonly string[]): Promise<string> {
      const key = JSON.stringify([scope, ...wanted]);
      const asked = underway.get(key) ?? fetchNew(from, scope, wanted).finally(() => underway.delete(key));
      underway.set(key, asked);
      return asked;
    },
  };
}

/** Asked for once; again if that failed. */
function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return () => {
    asked ??= ask().catch((error) => {
      asked = undefined;
      throw error;
    });
    return asked;
  };
}

/** Our scopes, and what else the registry says it wants. */
function withWanted(ours: readonly string[], wanted: readonly string[]): readonly string[] {
  const isOurs = (one: string) => {
    const [kind, name] = one.split(':');
    return ours.some((own) => own.startsWith(`${kind}:${name}:`));
  };
  return [...ours, ...wanted.filter((one) => !isOurs(one))];
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
  { realm, service }: TokenService,
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
