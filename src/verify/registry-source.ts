import type { Host } from '../host/host.ts';
import { formatReference, type Reference } from '../image/reference.ts';
import { registryClient } from '../registry/client.ts';
import type { ImageSource } from './image-source.ts';

/** The repository of an image in its registry. Calls throw what a `RegistryClient`'s throw. */
export function registrySource(host: Host, reference: Reference): ImageSource {
  const client = registryClient(host, reference.domain);
  return {
    name: formatReference(reference),
    manifest: (wanted) => client.manifest(reference.path, wanted),
    blob: (digest) => client.blob(reference.path, digest),
    openBlob: (digest) => client.openBlob(reference.path, digest),
  };
}
