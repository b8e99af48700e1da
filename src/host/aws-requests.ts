import type { Host } from './host.ts';
import { connectionError } from './http.ts';

/** Milliseconds until AWS must have answered. */
const ANSWER_TIMEOUT_MS = 30_000;

/** What the AWS SDK asks of its door to the network, as far as its JSON services need it. */
export interface AwsRequestHandler {
  readonly handle: (request: AwsRequest) => Promise<{ response: AwsResponse }>;
}

interface AwsRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly body?: string;
}

interface AwsResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/**
 * Sends the SDK's requests by the host's `fetch`, and so through its proxy and with its authorities.
 *
 * @param what is asked for, for messages
 * @throws LayerwrightError as {@link connectionError} makes it, from `handle`
 */
export function awsRequests(host: Host, what: string): AwsRequestHandler {
  return {
    async handle(request) {
      const url = new URL(`${request.protocol}//${request.hostname}`);
      url.port = request.port === undefined ? '' : String(request.port);
      url.pathname = request.path;
      for (const [name, value] of Object.entries(request.query ?? {}))
        for (const one of [value].flat()) url.searchParams.append(name, one ?? '');
      // `fetch` makes these two itself, from the URL and the body.
      const { host: _host, 'content-length': _length, ...headers } = request.headers;
      try {
        const response = await host.fetch(url, {
          method: request.method,
          headers,
          ...(request.body === undefined ? {} : { body: request.body }),
          signal: AbortSignal.any([host.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
        });
        const body = new Uint8Array(await response.arrayBuffer());
        return {
          response: { statusCode: response.status, headers: Object.fromEntries(response.headers), body },
        };
      } catch (error) {
        throw connectionError(error, `AWS (${url.host}, for ${what})`, host.signal);
      }
    },
  };
}
