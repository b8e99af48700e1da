import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An HTTP server on a free loopback port, closed when the `await using` block ends. */
export interface TestServer extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly address: string;
  /** `METHOD /path` of every request, in order. */
  readonly requests: string[];
}

/** Starts a server that answers with `answer`. */
export async function httpServer(
  answer: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>,
): Promise<TestServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    void answer(request, response);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    [Symbol.asyncDispose]: () =>
      new Promise((closed) => {
        server.closeAllConnections();
        server.close(() => closed());
      }),
  };
}

/** A loopback address where nothing listens. */
export async function closedAddress(): Promise<string> {
  const server = await httpServer(() => {});
  await server[Symbol.asyncDispose]();
  return server.address;
}
