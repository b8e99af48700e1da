import pRetry, { AbortError } from 'p-retry';
import { EXIT, interruptedError, LayerwrightError } from '../errors.ts';

/** How often and how long a temporary failure is tried again. */
export interface RetryPolicy {
  /** Tries after the first one. */
  readonly retries: number;
  /** Milliseconds before the first retry; doubled each time, with jitter. */
  readonly firstDelayMs: number;
}

export const DEFAULT_RETRY: RetryPolicy = { retries: 4, firstDelayMs: 400 };

/** Longest wait that a server's Retry-After may ask of us, in milliseconds. */
const LONGEST_RETRY_AFTER_MS = 20_000;

/**
 * Runs `attempt` until it succeeds or fails for good. Only a `LayerwrightError` with `temporary` is tried again.
 *
 * @param onRetry told before each further try, e.g. to print a line
 */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  signal: AbortSignal,
  policy: RetryPolicy = DEFAULT_RETRY,
  onRetry?: (error: LayerwrightError, triesLeft: number) => void,
): Promise<T> {
  try {
    return await pRetry(
      async () => {
        try {
          return await attempt();
        } catch (error) {
          if (error instanceof LayerwrightError && error.temporary) throw error;
          throw new AbortError(error as Error);
        }
      },
      {
        retries: policy.retries,
        minTimeout: policy.firstDelayMs,
        factor: 2,
        randomize: true,
        signal,
        async onFailedAttempt({ error, retriesLeft }) {
          if (retriesLeft === 0) return;
          if (error instanceof LayerwrightError) onRetry?.(error, retriesLeft);
          const asked = (error.cause as { retryAfterMs?: number } | undefined)?.retryAfterMs ?? 0;
          if (asked > 0) await sleep(Math.min(asked, LONGEST_RETRY_AFTER_MS), signal);
        },
      },
    );
  } catch (error) {
    if (signal.aborted) throw interruptedError();
    throw error;
  }
}

/** Waits, or stops waiting when the signal is aborted. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((wake) => {
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done, { once: true });
    function done() {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      wake();
    }
  });
}

/** Milliseconds that a `Retry-After` header asks for (seconds or an HTTP date); 0 if there is none. */
export function retryAfterMs(headers: Headers, now: Date): number {
  const value = headers.get('retry-after');
  if (value === null) return 0;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(value);
  return Number.isNaN(date) ? 0 : Math.max(0, date - now.getTime());
}

/** What the error codes of Node's sockets and of undici mean, for people. */
export const CONNECTION_TROUBLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection closed',
  ETIMEDOUT: 'no answer in time',
  ENOTFOUND: 'host name not found',
  EAI_AGAIN: 'name server gave no answer',
  EHOSTUNREACH: 'host not reachable',
  ENETUNREACH: 'network not reachable',
  UND_ERR_SOCKET: 'connection closed',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  UND_ERR_BODY_TIMEOUT: 'answer stopped in the middle',
};

interface FetchError {
  readonly cause?: {
    readonly code?: string;
    readonly message?: string;
    readonly errors?: { code?: string }[];
  };
}

function codeOf(error: unknown): string {
  const { cause } = error as FetchError;
  return cause?.code ?? cause?.errors?.[0]?.code ?? '';
}

/** How the connection of a failed `fetch` failed, e.g. `connection refused`; undefined if it failed otherwise. */
export function connectionTrouble(error: unknown): string | undefined {
  return CONNECTION_TROUBLE[codeOf(error)];
}

/** No connection to something (75). */
export function temporaryConnectionError(message: string, cause: unknown, hint?: string): LayerwrightError {
  return new LayerwrightError(message, {
    code: 'UNREACHABLE',
    exit: EXIT.temporary,
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
}

/**
 * What a failed `fetch` means: a connection that failed (75, temporary), a certificate (2), our own bug otherwise.
 *
 * @param what the thing that was asked, e.g. `registry 127.0.0.1:5000`
 */
export function connectionError(error: unknown, what: string, signal: AbortSignal): Error {
  if (signal.aborted) return interruptedError();
  if (error instanceof DOMException && error.name === 'TimeoutError')
    return new LayerwrightError(`${what}: no answer in time`, {
      code: 'TIMEOUT',
      exit: EXIT.temporary,
      cause: error,
    });
  // What failed between us and a proxy is told as such already.
  if (error instanceof LayerwrightError) return error;
  const trouble = connectionTrouble(error);
  if (trouble !== undefined) return temporaryConnectionError(`${what}: ${trouble}`, error);
  const cause = (error as FetchError).cause;
  const code = codeOf(error);
  if (/^ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST)$/.test(code))
    return new LayerwrightError(`${what}: TLS failed: it seems to speak plain HTTP`, {
      code: 'TLS_FAILED',
      exit: EXIT.usage,
      hint: 'If it is a registry, and meant to be: --plain-http HOST.',
      cause: error,
    });
  if (/CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL/.test(code))
    return new LayerwrightError(`${what}: TLS failed (${code}: ${cause?.message ?? ''})`, {
      code: 'TLS_FAILED',
      exit: EXIT.usage,
      hint: 'If your network has its own certificate authority, name its certificate file: --ca FILE, or NODE_EXTRA_CA_CERTS.',
      cause: error,
    });
  if (cause?.message === 'bad port')
    return new LayerwrightError(`${what}: Node's fetch refuses this port`, {
      code: 'PORT_REFUSED',
      exit: EXIT.usage,
      hint: 'Let it listen on another one: these ports belong to other protocols (https://fetch.spec.whatwg.org/#port-blocking).',
      cause: error,
    });
  return error as Error;
}
