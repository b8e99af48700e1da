import { createHash } from 'node:crypto';
import { EXIT, LayerwrightError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { DEFAULT_RETRY, type RetryPolicy } from '../host/http.ts';
import { jsonAnswer } from './answers.ts';
import { type RegistryConnection, registryConnection } from './connection.ts';

/** Manifest and index types of OCI and Docker. */
export const MANIFEST_TYPES = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
] as const;

/** A manifest as the registry has it. */
export interface FoundManifest {
  readonly digest: string;
  readonly mediaType: string;
  /** The manifest's bytes, parsed. */
  readonly content: unknown;
}

/** What we ask of a registry host; repository paths are below that host (`team/app`). */
export interface RegistryClient {
  /** The manifest under a tag or digest; undefined if the registry does not have it. */
  readonly manifest: (repository: string, reference: string) => Promise<FoundManifest | undefined>;
  /** The bytes of a blob that is small enough to be held, e.g. an image's config; undefined if it is not there. */
  readonly blob: (repository: string, digest: string) => Promise<Uint8Array | undefined>;
  /** Resolves if we may push there: opens an upload and cancels it. */
  readonly checkPush: (repository: string) => Promise<void>;
}

/** A mirror is a convenience: one more try, and then the registry itself is asked. */
const MIRROR_RETRY: RetryPolicy = { retries: 1, firstDelayMs: 200 };

const NO_RETRY: RetryPolicy = { retries: 0, firstDelayMs: 0 };

/** Another registry with the same content. */
interface Mirror {
  readonly connection: RegistryConnection;
  /** What stands in front of the repository there, e.g. `proxy-cache/`. */
  readonly prefix: string;
}

/**
 * A client for one registry host, after the OCI distribution specification 1.1.
 *
 * This machine's loopback and the hosts of `network.plainHttp` are spoken to in plain HTTP, all others in HTTPS. What is
 * pulled is asked of the host's mirrors first; a mirror that does not have it or fails is passed over. Basic and Bearer
 * authentication with the credentials of Docker's configuration, or of AWS for ECR. Temporary failures are tried again.
 *
 * Its calls throw what {@link RegistryConnection} throws.
 */
export function registryClient(
  host: Host,
  domain: string,
  policy: RetryPolicy = DEFAULT_RETRY,
): RegistryClient {
  const origin = registryConnection(host, domain, policy);
  const mirrors = (host.network.mirrors[domain] ?? []).map((mirror) => mirrorOf(host, mirror));

  /** From the first mirror that has it, else the registry's own answer. */
  const pull = async (repository: string, path: string): Promise<Response> => {
    for (const { connection, prefix } of mirrors) {
      const found = await askMirror(host, connection, `${prefix}${repository}`, path);
      if (found) return found;
    }
    return await getFrom(origin, repository, path);
  };

  return {
    async manifest(repository, reference) {
      const response = await pull(repository, `manifests/${reference}`);
      if (response.status === 404) {
        await response.body?.cancel();
        return undefined;
      }
      return {
        digest: response.headers.get('docker-content-digest') ?? '',
        mediaType: response.headers.get('content-type')?.split(';')[0] ?? '',
        content: jsonAnswer(
          await response.text(),
          `${domain}/${repository}: the registry answers with something that is no manifest`,
        ),
      };
    },
    async blob(repository, digest) {
      const response = await pull(repository, `blobs/${digest}`);
      if (response.status === 404) {
        await response.body?.cancel();
        return undefined;
      }
      const bytes = new Uint8Array(await response.arrayBuffer());
      const actual = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
      if (digest.startsWith('sha256:') && actual !== digest)
        throw new LayerwrightError(`${domain}/${repository}: blob ${digest} has the content of ${actual}`, {
          code: 'BLOB_CORRUPT',
          exit: EXIT.failed,
          hint: 'The registry or something before it altered the blob: push the image again.',
        });
      return bytes;
    },
    async checkPush(repository) {
      const upload = { repository, action: 'push' } as const;
      const started = await origin.ask({
        ...upload,
        method: 'POST',
        path: `${repository}/blobs/uploads/`,
        expected: [202],
      });
      await started.body?.cancel();
      const location = started.headers.get('location');
      if (location === null) return;
      try {
        const cancel = { ...upload, method: 'DELETE', path: location, expected: [202, 204] } as const;
        await (await origin.ask(cancel, NO_RETRY)).body?.cancel();
      } catch (error) {
        // Cancelling is a courtesy: registries forget an upload that nobody continues, and some (ECR) refuse to cancel.
        if (host.signal.aborted) throw error;
      }
    },
  };
}

function mirrorOf(host: Host, mirror: string): Mirror {
  const [domain = '', ...path] = mirror.split('/').filter(Boolean);
  const prefix = path.map((part) => `${part}/`).join('');
  return { connection: registryConnection(host, domain, MIRROR_RETRY), prefix };
}

/** What a mirror has; undefined if it does not have it, or cannot be asked. */
async function askMirror(
  host: Host,
  connection: RegistryConnection,
  repository: string,
  path: string,
): Promise<Response | undefined> {
  try {
    const response = await getFrom(connection, repository, path);
    if (response.status === 200) return response;
    await response.body?.cancel();
  } catch (error) {
    if (!(error instanceof LayerwrightError) || host.signal.aborted) throw error;
  }
  return undefined;
}

function getFrom(connection: RegistryConnection, repository: string, path: string): Promise<Response> {
  return connection.ask({
    method: 'GET',
    path: `${repository}/${path}`,
    repository,
    action: 'pull',
    headers: { Accept: MANIFEST_TYPES.join(', ') },
    expected: [200, 404],
  });
}
