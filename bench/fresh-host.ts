import { mkdir, readdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { shortSocketPath, startBuildkitd, stopBuildkitd } from '../src/engine/buildkitd.ts';
import { buildkitdConfig } from '../src/engine/buildkitd-config.ts';
import { endContainersBelow, unmountBelow } from '../src/engine/buildkitd-mounts.ts';
import { stopSharedBuildkitd } from '../src/engine/buildkitd-shared.ts';
import { engineDirectory } from '../src/engine/find-kept.ts';
import { EXIT, LayerwrightError } from '../src/errors.ts';
import { kindOf } from '../src/host/files.ts';
import type { Host } from '../src/host/host.ts';
import type { TestbedTools } from '../testbed/tools.ts';

/** A machine that forgot everything but its programs: an empty builder state, no cache of any tool. */
export interface FreshHost {
  /** This machine's host with the environment of the fresh one. */
  readonly host: Host;
  readonly directory: string;
}

/** Where all is: the testbed's variables, its programs, and the registry's address. */
export interface Surroundings {
  readonly host: Host;
  readonly env: Readonly<Record<string, string>>;
  readonly tools: TestbedTools;
  /** `HOST:PORT` of the registry that is pushed to, and that Docker Hub's images are asked of. */
  readonly registry: string;
}

/** What would make this machine a known one, or a CI job. */
const FORGOTTEN =
  /^(?:BUILDX_|BUILDKIT_|DOCKER_HOST$|CODEBUILD_|GITHUB_|CI$|CI_|LAYERWRIGHT_|UV_|PIP_CACHE_DIR$|NODE_COMPILE_CACHE$)/;

/** The programs that were installed before; the state of a builder is not among them. */
const INSTALLED = /^(?:buildx|buildkit|runc|uv)-[^/]*(?<!\.partial|\.lock)$/;

/**
 * Gives `work` a fresh host, and afterwards ends what was started on it and deletes it, also after Ctrl-C.
 *
 * @param directory for everything that is stored on it; must not exist yet
 */
export async function onFreshHost<T>(
  { host, env, registry }: Surroundings,
  directory: string,
  work: (fresh: FreshHost) => Promise<T>,
): Promise<T> {
  const cache = join(directory, 'cache');
  await mkdir(join(cache, 'engine'), { recursive: true });
  const installed = engineDirectory(host.env);
  for (const name of (await readdir(installed)).filter((one) => INSTALLED.test(one)))
    await symlink(join(installed, name), join(cache, 'engine', name));
  const kept = Object.entries({ ...host.env, ...env }).filter(([name]) => !FORGOTTEN.test(name));
  const fresh: Host = {
    ...host,
    env: {
      ...Object.fromEntries(kept),
      BUILDX_CONFIG: join(directory, 'buildx'),
      LAYERWRIGHT_CACHE_DIR: cache,
      LAYERWRIGHT_MIRRORS: mirroredHosts(env)
        .map((name) => `${name}=${registry}`)
        .join(','),
      XDG_CACHE_HOME: join(directory, 'xdg-cache'),
    },
  };
  try {
    return await work({ host: fresh, directory });
  } finally {
    await stopSharedBuildkitd(fresh, { force: true });
    await endContainersBelow(directory);
    await unmountBelow(host, directory);
    await rm(directory, { recursive: true, force: true });
  }
}

/** The registries of which the testbed's has images. */
function mirroredHosts({ LAYERWRIGHT_MIRRORS: mirrors = '' }: Surroundings['env']): readonly string[] {
  const hosts = mirrors.split(',').flatMap((pair) => pair.split('=')[0] || []);
  return hosts.length > 0 ? hosts : ['docker.io'];
}

/** Whether a build on the host started Layerwright's own builder. */
export async function startedOwnBuilder({ host }: FreshHost): Promise<boolean> {
  return (await kindOf(join(engineDirectory(host.env), 'state', 'buildkitd.log'))) !== undefined;
}

/** Starts a builder on the host for `work`, as a CI job's first step does, and ends it afterwards. */
export async function withBuilder<T>(
  { host, directory }: FreshHost,
  { tools, registry, env }: Pick<Surroundings, 'tools' | 'registry' | 'env'>,
  work: (name: string) => Promise<T>,
): Promise<T> {
  const registries = [
    ...mirroredHosts(env).map((name) => ({ host: name, mirrors: [registry] })),
    { host: registry, http: true, insecure: true },
  ];
  const daemon = await startBuildkitd(host, {
    tools: tools.buildkit,
    root: join(directory, 'builder'),
    socket: await shortSocketPath(host, join(directory, 'buildkitd.sock')),
    configToml: buildkitdConfig({ registries }),
    logFile: join(directory, 'buildkitd.log'),
  });
  try {
    await mkdir(host.env.BUILDX_CONFIG ?? '', { recursive: true });
    const create = [tools.buildx, 'create', '--name', 'fresh', '--driver', 'remote', '--use', daemon.address];
    const created = await host.run(create, { env: host.env, signal: host.signal });
    if (created.exitCode !== 0)
      throw new LayerwrightError('buildx does not take the builder', {
        code: 'BENCH_BUILD_FAILED',
        exit: EXIT.temporary,
        detail: created.stderr.slice(-2000),
      });
    return await work('fresh');
  } finally {
    await stopBuildkitd(host, daemon);
  }
}
