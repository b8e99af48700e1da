import { dirname, join } from 'node:path';
import { LayerwrightError, usageError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Steps } from '../host/steps.ts';
import {
  type BuildkitTools,
  type Engine,
  findBuildkitDaemon,
  findBuildx,
  findDocker,
  findUv,
  type Tool,
} from './find.ts';
import { keptIdentity } from './find-kept.ts';
import { firstWay, goWay, releaseWay, type Way } from './provision.ts';
import { uvWheelWay } from './provision-uv.ts';
import { ENGINE_VERSIONS } from './releases.ts';
import { ensureRuntime } from './runc.ts';

/**
 * Makes sure that there is something to build with. A Docker whose daemon answers is enough; elsewhere buildx
 * and a BuildKit of our own. uv comes along where it can be had: no build needs it yet.
 *
 * One tool after the other: the Go builds share a compile cache and would otherwise do the same work twice.
 */
export async function installEngine(host: Host, steps: Steps): Promise<Engine> {
  const docker = await findDocker(host);
  const buildx = await ensureBuildx(host, steps);
  const complete = docker !== undefined && buildx.from === 'docker';
  const buildkit = complete ? undefined : await ensureBuildkit(host, steps);
  const uv = await ensureUv(host, steps).catch((error: unknown) => {
    if (!(error instanceof LayerwrightError) || error.code !== 'ENGINE_UNAVAILABLE') throw error;
    steps.note(error.message);
    return undefined;
  });
  return { ...(docker && { docker }), buildx, ...(buildkit && { buildkit }), ...(uv && { uv }) };
}

/** buildx, provisioned if it is not there. */
export async function ensureBuildx(host: Host, steps: Steps): Promise<Tool> {
  return (
    (await findBuildx(host)) ??
    (await provisioned(host, steps, 'buildx', 'buildx', [
      releaseWay(host, steps, 'buildx', ['buildx']),
      goWay(host, steps, 'buildx', ['github.com/docker/buildx/cmd/buildx']),
    ]))
  );
}

/**
 * A BuildKit that can be started here, with a runtime, provisioned if it is not there.
 *
 * @throws LayerwrightError `BUILDKIT_NEEDS_LINUX` (2), `ENGINE_UNAVAILABLE` (2 or 75)
 */
export async function ensureBuildkit(host: Host, steps: Steps): Promise<BuildkitTools> {
  if (process.platform !== 'linux')
    throw usageError(
      'BUILDKIT_NEEDS_LINUX',
      'BuildKit runs on Linux only',
      'Start Docker Desktop (or another Docker) here, or name a remote builder with --builder.',
    );
  const daemon = (await findBuildkitDaemon(host)) ?? (await provisionBuildkit(host, steps));
  return { ...daemon, runtime: await ensureRuntime(host, steps, dirname(daemon.buildkitd.path)) };
}

/** uv, provisioned if it is not there. */
export async function ensureUv(host: Host, steps: Steps): Promise<Tool> {
  return (
    (await findUv(host)) ??
    (await provisioned(host, steps, 'uv', 'uv', [
      releaseWay(host, steps, 'uv', ['uv']),
      uvWheelWay(host, steps),
    ]))
  );
}

async function provisionBuildkit(host: Host, steps: Steps): Promise<Omit<BuildkitTools, 'runtime'>> {
  const buildkitd = await provisioned(host, steps, 'buildkit', 'buildkitd', [
    releaseWay(host, steps, 'buildkit', ['buildkitd', 'buildctl']),
    goWay(host, steps, 'buildkit', [
      'github.com/moby/buildkit/cmd/buildkitd',
      'github.com/moby/buildkit/cmd/buildctl',
    ]),
  ]);
  const path = join(dirname(buildkitd.path), 'buildctl');
  return { buildkitd, buildctl: { ...buildkitd, name: 'buildctl', command: [path], path } };
}

async function provisioned(
  host: Host,
  steps: Steps,
  tool: 'buildx' | 'buildkit' | 'uv',
  name: string,
  ways: readonly Way[],
): Promise<Tool> {
  const path = join(await firstWay(host, steps, tool, ways), name);
  const from = (await keptIdentity(path))?.from;
  if (from === undefined) throw new Error(`${path} is not where provisioned tools are kept`);
  return { name, command: [path], path, version: ENGINE_VERSIONS[tool], from };
}
