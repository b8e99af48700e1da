import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Bytes on the wire so far, seen from the client. */
export interface Traffic {
  readonly sent: number;
  readonly received: number;
}

/** A door to a registry that counts. */
export interface CountingProxy extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly address: string;
  readonly traffic: () => Traffic;
}

/**
 * Passes connections on to a registry and counts their bytes. It knows nothing of HTTP, so what goes through is what the
 * registry gets; the registry makes its upload addresses from the Host header, so they lead here again.
 *
 * @param target `HOST:PORT`
 */
export async function countingProxy(target: string): Promise<CountingProxy> {
  const [hostname = '', port] = target.split(':');
  const sockets = new Set<Socket>();
  let sent = 0;
  let received = 0;
  const kept = (socket: Socket) => {
    sockets.add(socket);
    // One end that breaks off ends the other; what that means is for the client to say.
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
    return socket;
  };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const registry = kept(connect({ host: hostname, port: Number(port), allowHalfOpen: true }));
    kept(client).on('data', (chunk) => {
      sent += chunk.length;
    });
    registry.on('data', (chunk) => {
      received += chunk.length;
    });
    client.pipe(registry).pipe(client);
    client.on('close', () => registry.destroy());
    registry.on('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    traffic: () => ({ sent, received }),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
