import { dirname, join } from 'node:path';
import type { BuildkitTools, Tool } from '../src/engine/find.ts';
import { findKept } from '../src/engine/find-kept.ts';
import { firstWay, goWay, releaseWay, type Way } from '../src/engine/provision.ts';
import { uvWheelWay } from '../src/engine/provision-uv.ts';
import { ENGINE_VERSIONS, type ReleasedTool } from '../src/engine/releases.ts';
import { ensureRuntime } from '../src/engine/runc.ts';
import type { Host } from '../src/host/host.ts';
import type { Steps } from '../src/host/steps.ts';

/** What the testbed's users build with: the pinned versions, whatever else the machine has. */
export interface TestbedTools {
  readonly buildkit: BuildkitTools;
  readonly buildx: string;
  readonly uv: string;
}

/** Provisions the pinned engine. One after the other: the Go builds share a compile cache. */
export async function testbedTools(host: Host, steps: Steps): Promise<TestbedTools> {
  const buildkit = await pinned(host, steps, 'buildkit', [
    releaseWay(host, steps, 'buildkit', ['buildkitd', 'buildctl']),
    goWay(host, steps, 'buildkit', [
      'github.com/moby/buildkit/cmd/buildkitd',
      'github.com/moby/buildkit/cmd/buildctl',
    ]),
  ]);
  const buildx = await pinned(host, steps, 'buildx', [
    releaseWay(host, steps, 'buildx', ['buildx']),
    goWay(host, steps, 'buildx', ['github.com/docker/buildx/cmd/buildx']),
  ]);
  const uv = await pinned(host, steps, 'uv', [
    releaseWay(host, steps, 'uv', ['uv']),
    uvWheelWay(host, steps),
  ]);
  return {
    buildkit: {
      buildkitd: buildkitTool(buildkit, 'buildkitd'),
      buildctl: buildkitTool(buildkit, 'buildctl'),
      runtime: await ensureRuntime(host, steps, buildkit),
    },
    buildx: join(buildx, 'buildx'),
    uv: join(uv, 'uv'),
  };
}

/** The `bin` directory of the pinned version, provisioned if it is not kept yet. */
async function pinned(host: Host, steps: Steps, tool: ReleasedTool, ways: readonly Way[]): Promise<string> {
  return (await findKept(host, tool))?.bin ?? (await firstWay(host, steps, tool, ways));
}

/** The directories that PATH has to begin with for these tools to be found. */
export function toolDirectories(tools: TestbedTools): string[] {
  return [tools.buildx, tools.buildkit.buildctl.path, tools.uv].map((path) => dirname(path));
}

function buildkitTool(bin: string, name: string): Tool {
  const path = join(bin, name);
  return { name, command: [path], path, version: ENGINE_VERSIONS.buildkit, from: 'path' };
}
