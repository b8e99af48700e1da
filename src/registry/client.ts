import type { Host } from '../host/host.ts';
import { DEFAULT_RETRY, type RetryPolicy } from '../host/http.ts';
import { type RegistryBlobs, registryBlobs } from './blobs.ts';
import { registryConnection } from './connection.ts';
import { DEFAULT_WAITS, type Waits } from './deadline.ts';
import { type RegistryManifests, registryManifests } from './manifests.ts';
import { pullFrom } from './pull.ts';
import { type RegistryUploads, registryUploads } from './uploads.ts';

/** What we ask of a registry host; repository paths are below that host (`team/app`). */
export interface RegistryClient extends RegistryManifests, RegistryBlobs, RegistryUploads {}

/**
 * A client for one registry host, after the OCI distribution specification 1.1.
 *
 * This machine's loopback and the hosts of `network.plainHttp` are spoken to in plain HTTP, all others in HTTPS. What is
 * pulled is asked of the host's mirrors first; a mirror that does not have it or fails is passed over. Basic and Bearer
 * authentication with the credentials of Docker's configuration, or of AWS for ECR. Temporary failures are tried again.
 * A client keeps its login and tokens: one for all requests of a run to that host saves asking for them again.
 *
 * Its calls throw what {@link RegistryConnection} throws.
 */
export function registryClient(
  host: Host,
  domain: string,
  policy: RetryPolicy = DEFAULT_RETRY,
  waits: Waits = DEFAULT_WAITS,
): RegistryClient {
  const origin = registryConnection(host, domain, policy, waits);
  const pull = pullFrom(host, domain, origin, waits);
  const blobs = registryBlobs(host, domain, origin, pull, policy, waits);
  return {
    ...registryManifests(host, domain, origin, pull, waits),
    ...blobs,
    ...registryUploads(host, domain, origin, blobs.statBlob, policy),
  };
}
