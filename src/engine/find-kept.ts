import { realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { usageError } from '../errors.ts';
import { cacheDirectory, kindOf } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import { ENGINE_VERSIONS, type ToolPlatform } from './releases.ts';

/** How a kept tool was got: the project's release, compiled with Go, or a wheel from PyPI. */
export type KeptOrigin = 'release' | 'go' | 'pypi';

/** What is kept as one directory: BuildKit's holds buildkitd and buildctl. */
export type KeptTool = keyof typeof ENGINE_VERSIONS | 'frontend';

/** Where everything of the engine is kept: the tools by version, and the state of our own buildkitd. */
export function engineDirectory(env: NodeJS.ProcessEnv): string {
  return join(cacheDirectory(env), 'engine');
}

/** The version of a kept tool; the Dockerfile frontend is released with BuildKit. */
export function versionOf(tool: KeptTool): string {
  return tool === 'frontend' ? ENGINE_VERSIONS.buildkit : ENGINE_VERSIONS[tool];
}

/** The directory of a provisioned tool; its programs are in `bin`. */
export function keptDirectory(host: Pick<Host, 'env'>, tool: KeptTool, origin: KeptOrigin): string {
  const { os, arch } = systemOf();
  return join(engineDirectory(host.env), [tool, versionOf(tool), os, arch, origin].join('-'));
}

/** The `bin` directory of a tool that was provisioned earlier, in whichever way. */
export async function findKept(
  host: Pick<Host, 'env'>,
  tool: KeptTool,
): Promise<{ bin: string; from: KeptOrigin } | undefined> {
  const origins: KeptOrigin[] = ['release', 'go', 'pypi'];
  const found = await Promise.all(
    origins.map(async (from) => {
      const bin = join(keptDirectory(host, tool, from), 'bin');
      return (await kindOf(bin)) === 'directory' ? { bin, from } : undefined;
    }),
  );
  return found.find((kept) => kept !== undefined);
}

/**
 * Recognises a program that we provisioned when it comes along on PATH. Programs that Go compiled from a
 * module do not know their own version, the directory they are kept in does.
 */
export async function keptIdentity(path: string): Promise<{ version: string; from: KeptOrigin } | undefined> {
  const [directory, bin] = (await realpath(path)).split(sep).slice(-3, -1);
  if (bin !== 'bin' || directory === undefined) return undefined;
  const match =
    /^(?:buildkit|buildx|uv|runc)-(\d+\.\d+\.\d+)-(?:linux|darwin)-(?:amd64|arm64)-(release|go|pypi)$/.exec(
      directory,
    );
  return match?.[1] ? { version: match[1], from: match[2] as KeptOrigin } : undefined;
}

/**
 * Operating system and processor, in Go's words.
 *
 * @throws LayerwrightError `PLATFORM_UNSUPPORTED` (2)
 */
export function systemOf(
  platform: string = process.platform,
  arch: string = process.arch,
): Pick<ToolPlatform, 'os' | 'arch'> {
  const cpu = arch === 'x64' ? 'amd64' : arch === 'arm64' ? 'arm64' : undefined;
  if ((platform === 'linux' || platform === 'darwin') && cpu) return { os: platform, arch: cpu };
  throw usageError(
    'PLATFORM_UNSUPPORTED',
    `Layerwright has no engine for ${platform} on ${arch}`,
    'It runs on Linux and macOS, on x86-64 and arm64 processors.',
  );
}

/** This machine as the release files name it. */
export async function toolPlatform(): Promise<ToolPlatform> {
  const system = systemOf();
  if (system.os !== 'linux') return { ...system, musl: false };
  const [cpu, glibcLoader] =
    system.arch === 'amd64'
      ? ['x86_64', '/lib64/ld-linux-x86-64.so.2']
      : ['aarch64', '/lib/ld-linux-aarch64.so.1'];
  const [musl, glibc] = await Promise.all([kindOf(`/lib/ld-musl-${cpu}.so.1`), kindOf(glibcLoader)]);
  return { ...system, musl: musl !== undefined && glibc === undefined };
}
