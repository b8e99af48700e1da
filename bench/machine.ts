import { cpus, totalmem } from 'node:os';
import { ENGINE_VERSIONS } from '../src/engine/releases.ts';
import type { Host } from '../src/host/host.ts';

/** Where and with what it was measured. */
export interface Machine {
  /** ISO 8601. */
  readonly date: string;
  readonly processors: number;
  readonly processor: string;
  readonly memoryBytes: number;
  readonly versions: Readonly<Record<string, string>>;
}

/** The facts of this machine, and the versions that the testbed's programs are pinned to. */
export function machineFacts(host: Pick<Host, 'clock'>, layerwright: string): Machine {
  const processors = cpus();
  return {
    date: host.clock.now().toISOString(),
    processors: processors.length,
    processor: processors[0]?.model ?? 'unknown',
    memoryBytes: totalmem(),
    versions: {
      Layerwright: layerwright,
      Node: process.versions.node,
      BuildKit: ENGINE_VERSIONS.buildkit,
      buildx: ENGINE_VERSIONS.buildx,
      uv: ENGINE_VERSIONS.uv,
    },
  };
}
