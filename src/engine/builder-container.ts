import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryDirectory } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import type { BuilderNeeds } from './builder.ts';
import { buildkitdConfig, registrySettings } from './buildkitd-config.ts';

/** The name of the builders that we make. */
export const OWN_BUILDER = 'layerwright';

type ContainerNeeds = Pick<BuilderNeeds, 'loopback' | 'registries'>;

/**
 * The name of our `docker-container` builder for these needs. Network and registry configuration of a builder are fixed
 * when it is made, so that others make another one.
 */
export async function containerName(host: Host, { loopback, registries }: ContainerNeeds): Promise<string> {
  const name = loopback ? `${OWN_BUILDER}-host` : OWN_BUILDER;
  const settings = registrySettings(host.network, registries);
  if (settings.length === 0) return name;
  const certificates = await Promise.all(host.network.ca.map((path) => readFile(path, 'utf8')));
  const identity = createHash('sha256')
    .update(JSON.stringify([settings, certificates]))
    .digest('hex');
  return `${name}-${identity.slice(0, 8)}`;
}

/**
 * Flags of `buildx create` for these needs. The file that they name is gone after the `await using` block: buildx keeps
 * what it says, and the certificates that it names.
 */
export async function containerOptions(
  host: Host,
  { loopback, registries }: ContainerNeeds,
): Promise<AsyncDisposable & { readonly flags: readonly string[] }> {
  const network = loopback ? ['--driver-opt', 'network=host'] : [];
  const settings = registrySettings(host.network, registries);
  if (settings.length === 0) return { flags: network, [Symbol.asyncDispose]: async () => {} };
  const directory = await temporaryDirectory();
  const file = join(directory.path, 'buildkitd.toml');
  await writeFile(file, buildkitdConfig({ registries: settings }));
  return {
    flags: [...network, '--buildkitd-config', file],
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}
