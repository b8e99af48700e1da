import { RELEASE_SHA256 } from './releases-sums.ts';

/** The versions that are provisioned where the machine has none. */
export const ENGINE_VERSIONS = { buildkit: '0.34.2', buildx: '0.38.2', uv: '0.13.9', runc: '1.5.2' } as const;

/** A tool that has releases to download. */
export type ReleasedTool = 'buildkit' | 'buildx' | 'uv';

/** Operating system and processor in Go's words, as the release files are named. */
export interface ToolPlatform {
  readonly os: 'linux' | 'darwin';
  readonly arch: 'amd64' | 'arm64';
  /** True where the C library is musl (Alpine). */
  readonly musl: boolean;
}

/** One file of a release. */
export interface ReleaseAsset {
  readonly tool: ReleasedTool;
  readonly version: string;
  /** Path below the download base, the same on GitHub and on a mirror. */
  readonly path: string;
  readonly kind: 'tar.gz' | 'binary';
}

/** The pinned release file for a platform, or undefined where the project releases none. */
export function releaseAsset(tool: ReleasedTool, platform: ToolPlatform): ReleaseAsset | undefined {
  const version = ENGINE_VERSIONS[tool];
  const system = `${platform.os}-${platform.arch}`;
  if (tool === 'buildx')
    return {
      tool,
      version,
      kind: 'binary',
      path: `docker/buildx/releases/download/v${version}/buildx-v${version}.${system}`,
    };
  if (tool === 'uv')
    return {
      tool,
      version,
      kind: 'tar.gz',
      path: `astral-sh/uv/releases/download/${version}/uv-${rustTarget(platform)}.tar.gz`,
    };
  // BuildKit's other archives hold the client alone.
  if (platform.os !== 'linux') return undefined;
  return {
    tool,
    version,
    kind: 'tar.gz',
    path: `moby/buildkit/releases/download/v${version}/buildkit-v${version}.${system}.tar.gz`,
  };
}

function rustTarget(platform: ToolPlatform): string {
  const cpu = platform.arch === 'amd64' ? 'x86_64' : 'aarch64';
  if (platform.os === 'darwin') return `${cpu}-apple-darwin`;
  return `${cpu}-unknown-linux-${platform.musl ? 'musl' : 'gnu'}`;
}

/** Every pinned release file, for the table of checksums. */
export function allReleaseAssets(): ReleaseAsset[] {
  const assets: ReleaseAsset[] = [];
  for (const tool of ['buildkit', 'buildx', 'uv'] as const)
    for (const os of ['linux', 'darwin'] as const)
      for (const arch of ['amd64', 'arm64'] as const)
        for (const musl of tool === 'uv' && os === 'linux' ? [false, true] : [false]) {
          const asset = releaseAsset(tool, { os, arch, musl });
          if (asset) assets.push(asset);
        }
  return assets;
}

/** Checksums by path or file name: lower-case hex SHA-256. */
export type Sums = ReadonlyMap<string, string>;

/** The checksums that this package vouches for. */
export const packagedSums: Sums = new Map(Object.entries(RELEASE_SHA256));

/**
 * Reads the output of `sha256sum`: `<64 hex>  <name>` a line, `*` before the name in binary mode.
 * Empty lines and `#` comments are skipped.
 *
 * @returns undefined if a line is anything else: a damaged list vouches for nothing
 */
export function parseSums(text: string): Sums | undefined {
  const sums = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const match = /^([0-9a-fA-F]{64}) [ *](\S.*)$/.exec(line);
    if (!match?.[1] || !match[2]) return undefined;
    const name = match[2].trimEnd().replace(/^\.\//, '');
    const sum = match[1].toLowerCase();
    if (sums.has(name) && sums.get(name) !== sum) return undefined;
    sums.set(name, sum);
  }
  return sums;
}

/**
 * The sum of a release file: by its whole path, else by its file name. uv's file names carry no version,
 * so a list that names a file by its name alone is one for the pinned version.
 */
export function sumOf(sums: Sums, asset: ReleaseAsset): string | undefined {
  return sums.get(asset.path) ?? sums.get(asset.path.slice(asset.path.lastIndexOf('/') + 1));
}
