import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { LayerwrightError } from '../errors.ts';
import { findOnPath } from '../host/files.ts';
import type { Host } from '../host/host.ts';
import { findKept, type KeptOrigin, type KeptTool, keptIdentity, versionOf } from './find-kept.ts';

/** Where a tool comes from: Docker's own, the user's PATH, or one of our ways to provision it. */
type Origin = 'docker' | 'path' | KeptOrigin;

/** A program that can be run. */
export interface Tool {
  readonly name: string;
  /** What to put in front of the arguments, the first part an absolute path: `['/x/buildx']`, `['/x/docker', 'buildx']`. */
  readonly command: readonly string[];
  /** Absolute path of the file that is run. */
  readonly path: string;
  /** Without a leading `v`; `unknown` if the program does not know its own. */
  readonly version: string;
  readonly from: Origin;
}

/** A BuildKit that we can start ourselves. */
export interface BuildkitTools {
  readonly buildkitd: Tool;
  readonly buildctl: Tool;
  /** The OCI runtime that buildkitd starts containers with. */
  readonly runtime: Tool;
}

/** What there is to build with; a missing field was not found. */
export interface Engine {
  /** A Docker command line whose daemon answers; its version is the daemon's. */
  readonly docker?: Tool;
  readonly buildx?: Tool;
  readonly buildkit?: BuildkitTools;
  readonly uv?: Tool;
}

/** Time for a program to say its version; a Docker daemon behind a dead network says nothing for minutes. */
const ANSWER_MS = 5_000;

/**
 * The oldest versions that have what we ask of them: buildx `--annotation` (0.12), BuildKit the cache
 * manifests that ECR accepts, `image-manifest=true` (0.12).
 */
const OLDEST = { buildx: [0, 12], buildkitd: [0, 12] } as const;

/** Everything that is there, found in parallel. Nothing is installed. */
export async function findEngine(host: Host): Promise<Engine> {
  const [docker, buildx, buildkit, uv] = await Promise.all([
    findDocker(host),
    findBuildx(host),
    findBuildkit(host),
    findUv(host),
  ]);
  return {
    ...(docker && { docker }),
    ...(buildx && { buildx }),
    ...(buildkit && { buildkit }),
    ...(uv && { uv }),
  };
}

/** The Docker command line on PATH, if its daemon answers. */
export async function findDocker(host: Host): Promise<Tool | undefined> {
  const path = await findOnPath('docker', host.env);
  if (path === undefined) return undefined;
  const answer = await ask(host, [path, 'version', '--format', '{{.Server.Version}}']);
  return answer === undefined
    ? undefined
    : { name: 'docker', command: [path], path, version: versionIn(answer), from: 'docker' };
}

/**
 * The buildx to build with: Docker's, if its daemon answers; else one on PATH or among the user's Docker plugins; else
 * Docker's without a daemon (a remote builder needs none); else one that was provisioned earlier.
 */
export async function findBuildx(host: Host): Promise<Tool | undefined> {
  const [docker, plugin, standalone, kept] = await Promise.all([
    findDocker(host),
    findDockerBuildx(host),
    findStandaloneBuildx(host),
    findKeptTool(host, 'buildx', 'buildx'),
  ]);
  return (docker && plugin) ?? standalone ?? plugin ?? kept;
}

/** A buildkitd with its client and a runtime: the pair on PATH, else the one that was provisioned earlier. */
export async function findBuildkit(host: Host): Promise<BuildkitTools | undefined> {
  if (process.platform !== 'linux') return undefined;
  const daemon = await findBuildkitDaemon(host);
  if (!daemon) return undefined;
  const runtime = await findRuntime(host, dirname(daemon.buildkitd.path));
  return runtime && { ...daemon, runtime };
}

/** Like {@link findBuildkit}, without the runtime. */
export async function findBuildkitDaemon(host: Host): Promise<Omit<BuildkitTools, 'runtime'> | undefined> {
  const [buildkitd, buildctl] = await Promise.all([
    findProgram(host, 'buildkitd', ['--version']),
    findProgram(host, 'buildctl', ['--version']),
  ]);
  if (buildkitd && buildctl && isRecent(buildkitd, OLDEST.buildkitd)) return { buildkitd, buildctl };
  const [keptDaemon, keptClient] = await Promise.all([
    findKeptTool(host, 'buildkit', 'buildkitd'),
    findKeptTool(host, 'buildkit', 'buildctl'),
  ]);
  return keptDaemon && keptClient && { buildkitd: keptDaemon, buildctl: keptClient };
}

/**
 * An OCI runtime: the one released with BuildKit, if it lies beside buildkitd; one on PATH; one that was compiled earlier.
 */
export async function findRuntime(host: Host, besideDirectory?: string): Promise<Tool | undefined> {
  const beside = besideDirectory
    ? await findProgram(host, 'buildkit-runc', ['--version'], besideDirectory)
    : undefined;
  if (beside) return beside;
  const [runc, buildkitRunc, crun] = await Promise.all(
    ['runc', 'buildkit-runc', 'crun'].map((name) => findProgram(host, name, ['--version'])),
  );
  return runc ?? buildkitRunc ?? crun ?? (await findKeptTool(host, 'runc', 'runc'));
}

/** uv on PATH, else the one that was provisioned earlier. */
export async function findUv(host: Host): Promise<Tool | undefined> {
  return (await findProgram(host, 'uv', ['--version'])) ?? (await findKeptTool(host, 'uv', 'uv'));
}

async function findDockerBuildx(host: Host): Promise<Tool | undefined> {
  const path = await findOnPath('docker', host.env);
  if (path === undefined) return undefined;
  const answer = await ask(host, [path, 'buildx', 'version']);
  if (answer === undefined) return undefined;
  const version = versionIn(answer);
  const tool: Tool = { name: 'buildx', command: [path, 'buildx'], path, version, from: 'docker' };
  return isRecent(tool, OLDEST.buildx) ? tool : undefined;
}

async function findStandaloneBuildx(host: Host): Promise<Tool | undefined> {
  // The system's plugin directories need no look: they belong to a Docker command line, which is asked anyway.
  const plugins = join(host.env.DOCKER_CONFIG || join(host.env.HOME ?? homedir(), '.docker'), 'cli-plugins');
  const candidates = await Promise.all([
    findProgram(host, 'buildx', ['version']),
    findProgram(host, 'docker-buildx', ['version']),
    findProgram(host, 'docker-buildx', ['version'], plugins),
  ]);
  const found = candidates.find((tool) => tool !== undefined && isRecent(tool, OLDEST.buildx));
  return found && { ...found, name: 'buildx' };
}

/** A program on PATH (or in another directory) that runs and says its version. */
async function findProgram(
  host: Host,
  name: string,
  versionArguments: readonly string[],
  directory?: string,
): Promise<Tool | undefined> {
  const path = await findOnPath(name, directory === undefined ? host.env : { PATH: directory });
  if (path === undefined) return undefined;
  const ours = await keptIdentity(path);
  if (ours) return { name, command: [path], path, ...ours };
  const answer = await ask(host, [path, ...versionArguments]);
  return answer === undefined
    ? undefined
    : { name, command: [path], path, version: versionIn(answer), from: 'path' };
}

async function findKeptTool(host: Host, kept: KeptTool, name: string): Promise<Tool | undefined> {
  const found = await findKept(host, kept);
  const path = found && (await findOnPath(name, { PATH: found.bin }));
  return path === undefined
    ? undefined
    : { name, command: [path], path, version: versionOf(kept), from: found?.from as KeptOrigin };
}

/** What a program says on standard output; undefined if it can't be run, fails, or hangs. */
async function ask(host: Host, command: readonly string[]): Promise<string | undefined> {
  try {
    const result = await host.run(command, {
      env: host.env,
      signal: host.signal,
      timeoutMs: ANSWER_MS,
      killAfterMs: 1_000,
    });
    return result.exitCode === 0 ? result.stdout : undefined;
  } catch (error) {
    // Not startable or silent: as good as not there, the next candidate is asked.
    if (error instanceof LayerwrightError && ['PROGRAM_NOT_FOUND', 'PROGRAM_TIMEOUT'].includes(error.code))
      return undefined;
    throw error;
  }
}

/** The first version number in a program's answer. */
function versionIn(text: string): string {
  const version = /\bv?(\d+\.\d+(?:\.\d+)?(?:[-~][0-9A-Za-z.]+)?)/.exec(text)?.[1];
  return version === undefined || version === '0.0.0' ? 'unknown' : version;
}

function isRecent(tool: Tool, oldest: readonly [number, number]): boolean {
  return isAtLeast(tool.version, oldest);
}

/** Whether a tool's version, as {@link Tool} has it, is this one or newer. */
export function isAtLeast(version: string, oldest: readonly [number, number]): boolean {
  // Compiled without a version: its owner knows what it is.
  if (version === 'unknown') return true;
  const [major = 0, minor = 0] = version.split('.').map(Number.parseFloat);
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1]);
}
