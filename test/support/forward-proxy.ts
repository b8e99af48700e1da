import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { TestServer } from './http-server.ts';

/**
 * A proxy on loopback as companies have them: it tunnels (CONNECT) and forwards plain HTTP. It alone knows where the
 * names are, so that nothing reaches them beside it; names that it does not know it answers with 502.
 *
 * @param hosts by name, with port where it is not the scheme's own: `HOST:PORT` on loopback
 * @param login `USER:PASSWORD` that it wants to see, if any
 * @returns with `requests` like `CONNECT registry.test:443` and `GET http://registry.test/v2/`
 */
export async function forwardProxy(
  hosts: Readonly<Record<string, string>>,
  login?: string,
): Promise<TestServer> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const wanted = login === undefined ? undefined : `Basic ${Buffer.from(login).toString('base64')}`;
  const refuses = (incoming: IncomingMessage) =>
    wanted !== undefined && incoming.headers['proxy-authorization'] !== wanted;

  const forward = (incoming: IncomingMessage, response: ServerResponse) => {
    requests.push(`${incoming.method} ${incoming.url}`);
    if (refuses(incoming)) return void response.writeHead(407).end();
    const url = URL.canParse(incoming.url ?? '') ? new URL(incoming.url ?? '') : undefined;
    const target = hosts[url?.host ?? ''];
    if (url === undefined || target === undefined) return void response.writeHead(502).end();
    const [hostname, port] = target.split(':');
    const { 'proxy-authorization': _login, 'proxy-connection': _connection, ...headers } = incoming.headers;
    const path = `${url.pathname}${url.search}`;
    const outgoing = request({ hostname, port, method: incoming.method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    outgoing.on('error', () => response.destroy());
    incoming.pipe(outgoing);
  };

  const tunnel = (incoming: IncomingMessage, socket: Socket) => {
    requests.push(`CONNECT ${incoming.url}`);
    sockets.add(socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy()));
    if (refuses(incoming)) return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    const target = hosts[(incoming.url ?? '').replace(/:443$/, '')];
    if (target === undefined) return void socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    const [hostname = '', port] = target.split(':');
    const onward = connect(Number(port), hostname, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(onward).pipe(socket);
    });
    sockets.add(onward.on('close', () => sockets.delete(onward)).on('error', () => socket.destroy()));
  };

  const server = createServer(forward).on('connect', tunnel);
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    [Symbol.asyncDispose]: () =>
      new Promise((closed) => {
        server.closeAllConnections();
        for (const socket of sockets) socket.destroy();
        server.close(() => closed());
      }),
  };
}
