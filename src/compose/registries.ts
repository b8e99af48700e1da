import type { Host } from '../host/host.ts';
import { remembered } from '../host/remembered.ts';
import { type RegistryClient, registryClient } from '../registry/client.ts';

/** One client for each registry host of a run, so that each logs in once. */
export type Registries = (domain: string) => RegistryClient;

export function registriesOf(host: Host): Registries {
  return remembered((domain) => registryClient(host, domain));
}
