import { LayerwrightError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { RetryPolicy } from '../host/http.ts';
import { drain } from './body.ts';
import { type RegistryConnection, registryConnection } from './connection.ts';
import type { Waits } from './deadline.ts';

/** What is asked for in a repository, to be read. */
export interface PullRequest {
  readonly method?: 'GET' | 'HEAD';
  readonly repository: string;
  /** Below the repository, e.g. `manifests/latest`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The statuses that are answers, 200 if not given. 404 is always one. */
  readonly expected?: readonly number[];
}

/**
 * What `use` makes of the answer of the first mirror that has it, else of the registry's own; undefined if that does not
 * have it. A mirror that fails, or whose answer `use` does not want, is passed over.
 */
export type Pull = <T>(
  request: PullRequest,
  use: (response: Response) => Promise<T>,
) => Promise<T | undefined>;

/** A mirror is a convenience: one more try, and then the registry itself is asked. */
const MIRROR_RETRY: RetryPolicy = { retries: 1, firstDelayMs: 200 };

/** Another registry with the same content. */
interface Mirror {
  readonly connection: RegistryConnection;
  /** What stands in front of the repository there, e.g. `proxy-cache/`. */
  readonly prefix: string;
}

/** Pulls from a registry, its mirrors first. */
export function pullFrom(host: Host, domain: string, origin: RegistryConnection, waits: Waits): Pull {
  const mirrors = (host.network.mirrors[domain] ?? []).map((mirror) => mirrorOf(host, mirror, waits));
  return async (request, use) => {
    for (const { connection, prefix } of mirrors) {
      try {
        const mirrored = { ...request, repository: `${prefix}${request.repository}` };
        const found = await askFor(connection, mirrored, use);
        if (found !== undefined) return found;
      } catch (error) {
        if (!(error instanceof LayerwrightError) || host.signal.aborted) throw error;
      }
    }
    return await askFor(origin, request, use);
  };
}

function mirrorOf(host: Host, mirror: string, waits: Waits): Mirror {
  const [domain = '', ...path] = mirror.split('/').filter(Boolean);
  const prefix = path.map((part) => `${part}/`).join('');
  return { connection: registryConnection(host, domain, MIRROR_RETRY, waits), prefix };
}

/** Asks one registry for something to read, see {@link Pull}. */
export function askFor<T>(
  connection: RegistryConnection,
  { method = 'GET', repository, path, headers = {}, expected = [200] }: PullRequest,
  use: (response: Response) => Promise<T>,
): Promise<T | undefined> {
  return connection.askFor(
    {
      method,
      path: `${repository}/${path}`,
      repository,
      action: 'pull',
      headers,
      longAnswer: true,
      expected: [...expected, 404],
    },
    async (response) => {
      if (response.status !== 404) return await use(response);
      await drain(response);
      return undefined;
    },
  );
}
