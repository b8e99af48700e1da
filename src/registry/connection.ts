import type { Host } from '../host/host.ts';
import { connectionError, type RetryPolicy, withRetries } from '../host/http.ts';
import { isLoopback } from '../host/proxy.ts';
import { registryError, unexpectedAnswer } from './answers.ts';
import { authorizer } from './auth.ts';
import { drain } from './body.ts';
import { DEFAULT_WAITS, deadline, type Waits } from './deadline.ts';

/** Content that is sent as it comes, with its length told before. */
export interface StreamedBody {
  /** Bytes. */
  readonly size: number;
  /** From the beginning, each time. */
  readonly open: () => AsyncIterable<Uint8Array>;
}

/** One request to a registry. */
export interface RegistryRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** A path below `/v2/`, e.g. `team/app/manifests/1`, or a whole URL that the registry gave. */
  readonly path: string;
  /** The repository it is about: what a token is asked for. */
  readonly repository: string;
  readonly action: 'pull' | 'push';
  /** Another repository of the registry that is read from, when a blob is mounted. */
  readonly alsoPull?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | StreamedBody;
  /** The answer's body may take as long as it moves: whoever reads it looks at the time. */
  readonly longAnswer?: boolean;
  /** The statuses that are answers; all others are errors. */
  readonly expected: readonly number[];
}

/** One registry host, with login and retries. */
export interface RegistryConnection {
  /** The registry's URL without path. */
  readonly origin: string;
  /**
   * @throws LayerwrightError `REGISTRY_DENIED`, `REPOSITORY_UNKNOWN`, `TLS_FAILED` (2), `REGISTRY_TEMPORARY`,
   *   `REGISTRY_RATE_LIMIT`, `UNREACHABLE`, `TIMEOUT` (75), `REGISTRY_ANSWER` (1), and those of the credentials
   */
  readonly ask: (request: RegistryRequest, policy?: RetryPolicy) => Promise<Response>;
  /** The same, and what `use` makes of the answer: what fails in there for a moment is asked for again too. */
  readonly askFor: <T>(
    request: RegistryRequest,
    use: (response: Response) => Promise<T>,
    policy?: RetryPolicy,
  ) => Promise<T>;
}

export const NO_RETRY: RetryPolicy = { retries: 0, firstDelayMs: 0 };

/** `http` for this machine's loopback and where the network settings say so, `https` for all others. */
export function schemeOf(host: Pick<Host, 'network'>, domain: string): 'http' | 'https' {
  return isLoopback(domain) || host.network.plainHttp.includes(domain) ? 'http' : 'https';
}

/** A connection to one registry host (as in image references), after the OCI distribution specification 1.1. */
export function registryConnection(
  host: Host,
  domain: string,
  policy: RetryPolicy,
  waits: Waits = DEFAULT_WAITS,
): RegistryConnection {
  const origin = `${schemeOf(host, domain)}://${domain === 'docker.io' ? 'registry-1.docker.io' : domain}`;
  const { known, answer } = authorizer(host, domain, origin);

  const askOnce = async (request: RegistryRequest): Promise<Response> => {
    const scope = scopeOf(request);
    const url = new URL(request.path, `${origin}/v2/`);
    // An upload may go on elsewhere; what shows who we are stays with the registry.
    const isElsewhere = url.origin !== new URL(origin).origin;
    const shown = isElsewhere ? undefined : await known(scope);
    let response = await send(host, domain, waits, url, request, shown);
    if (response.status === 401 && !isElsewhere) {
      const challenge = response.headers.get('www-authenticate') ?? '';
      const authorization = await answer(challenge, scope, shown);
      if (authorization !== undefined) {
        await drain(response);
        response = await send(host, domain, waits, url, request, authorization);
      }
    }
    if (request.expected.includes(response.status)) return response;
    throw await registryError(response, domain, request.repository, host.clock.now());
  };

  return {
    origin,
    ask: (request, ownPolicy = policy) => withRetries(() => askOnce(request), host.signal, ownPolicy),
    askFor: (request, use, ownPolicy = policy) =>
      withRetries(async () => await use(await askOnce(request)), host.signal, ownPolicy),
  };
}

function scopeOf({ repository, action, alsoPull }: RegistryRequest): string {
  const own = `repository:${repository}:${action === 'pull' ? 'pull' : 'pull,push'}`;
  return alsoPull === undefined || alsoPull === repository ? own : `${own} repository:${alsoPull}:pull`;
}

async function send(
  host: Host,
  domain: string,
  waits: Waits,
  url: URL,
  request: RegistryRequest,
  authorization: string | undefined,
): Promise<Response> {
  const { method, headers, body, longAnswer = false } = request;
  const time = deadline(waits.answerMs);
  const stream = streamOf(body);
  const signal = AbortSignal.any([host.signal, time.signal]);
  const outgoing = stream && watched(stream, waits, time.putOff, signal);
  try {
    const response = await host.fetch(url, {
      method,
      headers: {
        ...headers,
        // Without it a stream goes in chunks, which ECR and some proxies refuse.
        ...(stream && { 'Content-Length': String(stream.size) }),
        ...(authorization === undefined ? {} : { Authorization: authorization }),
      },
      ...(outgoing && { body: outgoing.content, ...STREAMED }),
      ...(!outgoing && body instanceof Uint8Array && { body: body as Uint8Array<ArrayBuffer> }),
      signal,
    });
    if (longAnswer && response.ok) time.end();
    return response;
  } catch (error) {
    if (/unexpected redirect/.test(String((error as Error).cause)))
      throw unexpectedAnswer(`registry ${domain} wants an upload sent elsewhere when it has begun`, error);
    throw connectionError(outgoing?.failure() ?? error, `registry ${domain}`, host.signal);
  }
}

/**
 * How a stream is sent. A `fetch` that might have to send it again, after a redirect or when a user has been asked for a login,
 * holds all of it in memory; the standard spares it that where there is no window and a redirect is an error.
 */
const STREAMED = { duplex: 'half', redirect: 'error', window: null } as const;

/** What fits into a packet or two needs no stream. */
const SMALL_BYTES = 64 * 1024;

/** Content that takes a while to send, as a stream: its progress can be seen. */
function streamOf(body: Uint8Array | StreamedBody | undefined): StreamedBody | undefined {
  if (!(body instanceof Uint8Array)) return body;
  if (body.length <= SMALL_BYTES) return undefined;
  const slices = async function* () {
    for (let offset = 0; offset < body.length; offset += SMALL_BYTES)
      yield body.subarray(offset, offset + SMALL_BYTES);
  };
  return { size: body.length, open: slices };
}

/** The body of a request, and what went wrong on our own side of it: `fetch` hides that in an error of its own. */
function watched(
  { open }: StreamedBody,
  waits: Waits,
  putOff: (milliseconds: number) => void,
  signal: AbortSignal,
) {
  let failure: unknown;
  const content = async function* () {
    try {
      for await (const chunk of open()) {
        signal.throwIfAborted();
        putOff(waits.sendIdleMs);
        yield chunk;
      }
      putOff(waits.sentMs);
    } catch (error) {
      failure = error;
      throw error;
    }
  };
  return { content: ReadableStream.from(content()), failure: () => failure };
}
