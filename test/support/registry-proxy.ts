import { once } from 'node:events';
import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { httpServer, type TestServer } from './http-server.ts';

/** An answer in place of the registry's. */
export interface Fault {
  readonly status: number;
  readonly code?: string;
  readonly message?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * A real registry behind another address that answers some requests itself, as other registries do or as a bad day makes
 * them. What is not a fault goes through unchanged.
 *
 * @param registry `host:port` of the registry
 * @param fault asked for each request
 */
export function registryProxy(
  registry: string,
  fault: (method: string, path: string) => Fault | undefined,
): Promise<TestServer> {
  return httpServer(async (incoming, response) => {
    const found = fault(incoming.method ?? '', incoming.url ?? '');
    if (found) await answerWith(found, incoming, response);
    else passOn(registry, incoming, response);
  });
}

async function answerWith(fault: Fault, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  incoming.resume();
  if (!incoming.readableEnded) await once(incoming, 'end');
  const { status, code = 'UNKNOWN', message = code, headers } = fault;
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ errors: [{ code, message }] }));
}

function passOn(registry: string, incoming: IncomingMessage, response: ServerResponse): void {
  const [hostname, port] = registry.split(':');
  // The Host header stays: the registry makes its upload URLs from it, and they must lead here again.
  const { method, url, headers } = incoming;
  const outgoing = request({ hostname, port, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  outgoing.on('error', () => response.destroy());
  incoming.pipe(outgoing);
}
