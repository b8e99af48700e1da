/** A platform in OCI's names; an empty variant counts as none. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** `linux/amd64`, `linux/arm/v7`. */
export function platformText({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant ?? ''].filter((part) => part !== '').join('/');
}

/** Other names and implied variants as containerd's `platforms.Normalize` settles them. */
export function normalPlatform({ os, architecture, variant = '' }: Platform): Platform {
  const [arch, kept] = normalArchitecture(architecture.toLowerCase(), variant.toLowerCase());
  const named = { os: os.toLowerCase() === 'macos' ? 'darwin' : os.toLowerCase(), architecture: arch };
  return kept === '' ? named : { ...named, variant: kept };
}

/**
 * Reads `os/architecture[/variant]` as `--platform` has it. Undefined for what depends on the machine (`linux`), names an
 * operating system's version, or is no platform.
 */
export function readPlatform(text: string): Platform | undefined {
  const parts = text.split('/');
  if (parts.length < 2 || parts.length > 3 || parts.some((part) => !/^[A-Za-z0-9_.-]+$/.test(part)))
    return undefined;
  const [os = '', architecture = '', variant = ''] = parts;
  const platform = normalPlatform({ os, architecture, variant });
  if (parts.length === 2 && platform.architecture === 'arm' && platform.variant === 'v7')
    return { os: platform.os, architecture: 'arm' };
  return parts.length === 3 && platform.architecture === 'arm64' && platform.variant === undefined
    ? { ...platform, variant: 'v8' }
    : platform;
}

function normalArchitecture(architecture: string, variant: string): [string, string] {
  switch (architecture) {
    case 'i386':
      return ['386', ''];
    case 'x86_64':
    case 'x86-64':
    case 'amd64':
      return ['amd64', variant === 'v1' ? '' : variant];
    case 'aarch64':
    case 'arm64':
      if (/^(?:8|v8|v8\.0)$/.test(variant)) return ['arm64', ''];
      return ['arm64', /^(?:9|9\.0|v9\.0)$/.test(variant) ? 'v9' : variant];
    case 'armhf':
      return ['arm', 'v7'];
    case 'armel':
      return ['arm', 'v6'];
    case 'arm':
      if (variant === '') return ['arm', 'v7'];
      return ['arm', /^[5-8]$/.test(variant) ? `v${variant}` : variant];
    default:
      return [architecture, variant];
  }
}
