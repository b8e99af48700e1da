import type { Host } from '../host/host.ts';
import { type RegistryClient, registryClient } from '../registry/client.ts';

/** One client for each registry host of a run, so that each logs in once. */
export type Registries = (domain: string) => RegistryClient;

export function registriesOf(host: Host): Registries {
  const clients = new Map<string, RegistryClient>();
  return (domain) => {
    const client = clients.get(domain) ?? registryClient(host, domain);
    clients.set(domain, client);
    return client;
  };
}
