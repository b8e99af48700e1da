import { request } from 'node:http';

/** An answer of the Docker Engine's API. */
interface DockerAnswer {
  readonly status: number;
  readonly body: string;
}

/** Asks a Docker Engine over its socket. Rejects if nobody answers within `timeoutMs`. */
function askDocker(
  socket: string,
  method: 'GET' | 'DELETE',
  path: string,
  timeoutMs = 20_000,
): Promise<DockerAnswer> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: socket, method, path, timeout: timeoutMs }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
      );
    });
    call.on('timeout', () => call.destroy(new Error(`Docker Engine did not answer ${method} ${path}`)));
    call.on('error', reject);
    call.end();
  });
}

/** Whether an engine answers on the socket. */
export async function dockerAnswers(socket: string): Promise<boolean> {
  try {
    return (await askDocker(socket, 'GET', '/_ping', 2_000)).status === 200;
  } catch {
    // No socket yet, or nobody behind it: an engine that starts.
    return false;
  }
}

/** Ends and removes all containers of an engine. */
export async function removeContainers(socket: string): Promise<void> {
  const { body } = await askDocker(socket, 'GET', '/containers/json?all=1');
  const containers = JSON.parse(body) as { Id: string }[];
  await Promise.all(containers.map(({ Id }) => askDocker(socket, 'DELETE', `/containers/${Id}?force=1&v=1`)));
}
