import { EXIT, LayerwrightError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { connectionError, retryAfterMs, withRetries } from '../host/http.ts';
import { authorizationFor, type IndexCredential } from './index-url.ts';

/** How long an index may take to begin its answer, in milliseconds. */
const SILENCE_MS = 60_000;

/** A GET of an index or of a file of it. */
export interface IndexRequest {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly credentials: readonly IndexCredential[];
}

/**
 * Asks an index, with a login only where the address is of the login's own origin; a redirect to another one drops it
 * (as Fetch has it). Does not try again.
 *
 * @throws LayerwrightError `INDEX_UNREACHABLE` (75), `INDEX_DENIED` (2), what `connectionError` names
 */
export async function requestOnce(host: Host, request: IndexRequest): Promise<Response> {
  const { url, headers, credentials } = request;
  const authorization = authorizationFor(url, credentials);
  const { host: name } = new URL(url);
  // Only until the answer begins: a large file may take its time.
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(new DOMException('no answer', 'TimeoutError')), SILENCE_MS);
  let response: Response;
  try {
    response = await host.fetch(url, {
      headers: { ...headers, ...(authorization === undefined ? {} : { authorization }) },
      signal: AbortSignal.any([host.signal, silence.signal]),
    });
  } catch (error) {
    throw connectionError(error, `package index ${name}`, host.signal);
  } finally {
    clearTimeout(timer);
  }
  if (response.status === 401) {
    await response.body?.cancel();
    throw deniedError(name, 401);
  }
  if (response.status === 408 || response.status === 429 || response.status >= 500) {
    await response.body?.cancel();
    throw new LayerwrightError(`package index ${name} answers HTTP ${response.status}`, {
      code: 'INDEX_UNREACHABLE',
      exit: EXIT.temporary,
      cause: { retryAfterMs: retryAfterMs(response.headers, host.clock.now()) },
    });
  }
  return response;
}

/** Like {@link requestOnce}, with the whole answer read, and tried again after temporary failures. */
export async function requestBytes(
  host: Host,
  request: IndexRequest,
): Promise<{
  readonly status: number;
  readonly headers: Headers;
  readonly url: string;
  readonly bytes: Buffer;
}> {
  return await withRetries(async () => {
    const response = await requestOnce(host, request);
    try {
      const bytes = Buffer.from(await response.arrayBuffer());
      return { status: response.status, headers: response.headers, url: response.url, bytes };
    } catch (error) {
      throw connectionError(error, `package index ${new URL(request.url).host}`, host.signal);
    }
  }, host.signal);
}

/** The index wants another login than it was given. */
export function deniedError(name: string, status: number): LayerwrightError {
  return new LayerwrightError(`package index ${name} refuses the login, or wants one (HTTP ${status})`, {
    code: 'INDEX_DENIED',
    exit: EXIT.usage,
    hint: LOGIN_HINT,
  });
}

/** Where the login of an index comes from. */
export const LOGIN_HINT =
  'Logins are taken from the index URL (https://USER:PASSWORD@HOST/simple, by PIP_INDEX_URL or PIP_EXTRA_INDEX_URL), from a netrc file or pip.conf as a secret, and from variables of uv and poetry.';
