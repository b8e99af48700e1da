import assert from 'node:assert/strict';
import { type CuttableStage, cutStage, type Part } from '../../src/compose/cut.ts';
import { globalScope } from '../../src/dockerfile/arguments.ts';
import { type StageGraph, type StageNode, stageGraph } from '../../src/dockerfile/graph.ts';
import { type Dockerfile, parseDockerfile } from '../../src/dockerfile/parse.ts';
import { applyInstruction } from '../../src/image/config-apply.ts';
import { type StageState, startFromImage } from '../../src/image/config-start.ts';
import type { ContainerConfig, ImageConfig } from '../../src/image/oci.ts';

/** The configuration of an image of one layer. */
export function configOf(config: ContainerConfig = {}): ImageConfig {
  return {
    ...{ architecture: 'amd64', os: 'linux' },
    config: { Env: ['PATH=/usr/local/bin:/usr/bin:/bin', 'PYTHON_VERSION=3.11.2'], ...config },
    rootfs: { type: 'layers', diff_ids: [`sha256:${'a'.repeat(64)}`] },
    history: [{ created_by: 'base' }],
  };
}

/** A Dockerfile of one or more stages, its last one at the beginning. */
export interface ReadStage {
  readonly dockerfile: Dockerfile;
  readonly graph: StageGraph;
  readonly node: StageNode;
  /** What each instruction sees, and one more. */
  readonly states: readonly StageState[];
}

export function readStage(text: string, buildArguments: Readonly<Record<string, string>> = {}): ReadStage {
  const dockerfile = parseDockerfile(text, 'Dockerfile');
  const options = { buildArguments: new Map(Object.entries(buildArguments)) };
  const graph = stageGraph(dockerfile, undefined, options);
  assert.deepEqual(graph.reasons, []);
  const node = graph.ancestry.at(-1);
  assert.ok(node);
  const started = startFromImage(dockerfile, globalScope(dockerfile, options), configOf());
  assert.ok(started.state, started.reason);
  const states = [started.state];
  for (const instruction of node.instructions) {
    const applied = applyInstruction(states.at(-1) as StageState, instruction);
    assert.ok(applied.state, applied.reason);
    states.push(applied.state);
  }
  return { dockerfile, graph, node, states };
}

/** The last stage of a Dockerfile, on an image without anything that configures pip and without virtual environments. */
export function stageOf(text: string): CuttableStage {
  const { node, states } = readStage(text);
  return {
    ...{ path: 'Dockerfile', node, states, pipConfigurations: [], forced: new Map() },
    ...{
      hasEnvironment: () => false,
      composes: true,
      home: '/root',
      poetryConfigurations: [],
      secrets: new Map(),
    },
  };
}

/** The parts of the last stage of a Dockerfile. */
export function partsOf(text: string, rest: Partial<CuttableStage> = {}): readonly Part[] {
  return cutStage({ ...stageOf(text), ...rest });
}

/** Each part as one word or two: `plain 0`, `install 2`, `solved 0-1`, `splice 3-4 of 0`. */
export function shapeOf(text: string, rest: Partial<CuttableStage> = {}): readonly string[] {
  return partsOf(text, rest).map((part) => {
    if (part.kind === 'plain' || part.kind === 'install') return `${part.kind} ${part.at}`;
    if (part.kind === 'skeleton') return `skeleton of ${part.at}`;
    const range = `${part.kind} ${part.from}-${part.to}`;
    if (part.kind === 'splice') return `${range} of ${part.source}`;
    return range;
  });
}
