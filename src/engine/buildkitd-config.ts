import type { NetworkSettings } from '../host/network.ts';
import { isLoopback } from '../host/proxy.ts';

/** How buildkitd talks to one registry. */
export interface RegistrySetting {
  /** Host and port as in image references, e.g. `docker.io` or `127.0.0.1:5000`. */
  readonly host: string;
  /** Registries that are asked first, in this order. */
  readonly mirrors?: readonly string[];
  /** Plain HTTP. */
  readonly http?: boolean;
  /** HTTPS with a certificate that is not checked. */
  readonly insecure?: boolean;
  /** Paths of PEM files with the authorities to trust, beside the system's. */
  readonly ca?: readonly string[];
}

export interface BuildkitdSettings {
  readonly registries?: readonly RegistrySetting[];
  readonly debug?: boolean;
}

/** The text of a `buildkitd.toml`. Garbage collection is left at BuildKit's defaults (a share of the disk). */
export function buildkitdConfig(settings: BuildkitdSettings = {}): string {
  const lines: string[] = [];
  if (settings.debug) lines.push('debug = true', '');
  lines.push('[worker.oci]', 'gc = true');
  lines.push(...registryTables(settings.registries ?? []));
  return `${lines.join('\n')}\n`;
}

/**
 * What network settings say of each registry, for buildkitd. It has no authorities for all registries at once, so the
 * registries that a build is known to use are named.
 *
 * @param hosts registries of this build, for the authorities; Docker Hub as `docker.io`
 */
export function registrySettings(network: NetworkSettings, hosts: readonly string[]): RegistrySetting[] {
  const { ca, plainHttp, mirrors } = network;
  const mirrorHosts = Object.values(mirrors).flatMap((list) =>
    list.map((mirror) => mirror.split('/')[0] ?? ''),
  );
  const plain = new Set([...plainHttp, ...mirrorHosts.filter(isLoopback)]);
  const named = new Set([
    ...Object.keys(mirrors),
    ...plain,
    ...(ca.length > 0 ? [...hosts, ...mirrorHosts].filter((host) => !isLoopback(host)) : []),
  ]);
  return [...named].sort().map((host) => ({
    host,
    ...(mirrors[host] && { mirrors: mirrors[host] }),
    ...(plain.has(host) ? { http: true } : ca.length > 0 && { ca }),
  }));
}

/**
 * A `buildkitd.toml` with what it does not say of these registries added at its end. A registry that it names is left
 * as it is.
 */
export function withRegistries(toml: string, registries: readonly RegistrySetting[]): string {
  const added = registries.filter(({ host }) => !toml.includes(quoted(host)) && !toml.includes(`'${host}'`));
  return added.length === 0 ? toml : `${toml.trimEnd()}\n${registryTables(added).join('\n')}\n`;
}

function registryTables(registries: readonly RegistrySetting[]): string[] {
  return registries.flatMap((registry) => [
    '',
    `[registry.${quoted(registry.host)}]`,
    ...(registry.mirrors?.length ? [`mirrors = ${list(registry.mirrors)}`] : []),
    ...(registry.http ? ['http = true'] : []),
    ...(registry.insecure ? ['insecure = true'] : []),
    ...(registry.ca?.length ? [`ca = ${list(registry.ca)}`] : []),
  ]);
}

function list(values: readonly string[]): string {
  return `[${values.map(quoted).join(', ')}]`;
}

/** JSON's escapes are a subset of those of TOML's basic strings; only DEL must be escaped in addition. */
function quoted(value: string): string {
  return JSON.stringify(value).replaceAll('\u007f', '\\u007f');
}
