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
  for (const registry of settings.registries ?? []) {
    lines.push('', `[registry.${quoted(registry.host)}]`);
    if (registry.mirrors?.length) lines.push(`mirrors = ${list(registry.mirrors)}`);
    if (registry.http) lines.push('http = true');
    if (registry.insecure) lines.push('insecure = true');
    if (registry.ca?.length) lines.push(`ca = ${list(registry.ca)}`);
  }
  return `${lines.join('\n')}\n`;
}

function list(values: readonly string[]): string {
  return `[${values.map(quoted).join(', ')}]`;
}

/** JSON's escapes are a subset of those of TOML's basic strings; only DEL must be escaped in addition. */
function quoted(value: string): string {
  return JSON.stringify(value).replaceAll('\u007f', '\\u007f');
}
