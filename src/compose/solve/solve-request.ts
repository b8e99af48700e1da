import type { StageNode } from '../../dockerfile/graph.ts';
import type { TypedInstruction } from '../../dockerfile/instruction.ts';
import { type DeclaredArgument, type Scope, scopeAfter } from '../../dockerfile/scope.ts';
import { type KeyValue, keyOf } from '../../plan/key.ts';
import type { ImageLayer, ImageState, Obstacle } from '../state.ts';
import type { ComposeRequest } from '../walk.ts';
import { type InputWorld, inputsOf } from './inputs.ts';

/** A run of instructions that BuildKit must solve, from an image that is there or is composed first. */
export interface SolveRequest {
  /** 64 hex digits: everything that decides the result, as far as BuildKit's own cache looks at it. */
  readonly key: string;
  /** True if the result may be another one next time, so that it is solved again each time: it downloads something. */
  readonly volatile: boolean;
  readonly node: StageNode;
  /** Indices of the stage's instructions. */
  readonly from: number;
  readonly to: number;
  /** First and last line in the file. */
  readonly lines: readonly [number, number];
  /** What stands in the place of the last instruction's command. */
  readonly command: string | undefined;
  /** What it starts from. */
  readonly parent: ImageState;
  /** The arguments that are in scope at its beginning. */
  readonly declared: readonly DeclaredArgument[];
  readonly why: readonly Obstacle[];
}

/** Instructions that are solved together. */
export interface SolvedPart {
  readonly from: number;
  readonly to: number;
  readonly why: readonly Obstacle[];
  /** What stands in the place of the command of the last one. */
  readonly command: string | undefined;
}

/** Describes a segment to solve, with its key. */
export async function solveRequest(
  request: ComposeRequest,
  world: InputWorld,
  state: ImageState,
  node: StageNode,
  { from, to, command, why }: SolvedPart,
): Promise<SolveRequest> {
  const { scope } = state.stage;
  const scopes = scopesFrom(scope, node, from, to);
  const inputs = await inputsOf(request, world, node, scopes, {
    from,
    to,
    replaced: command !== undefined,
  });
  return {
    key: keyOf('solved', {
      parent: stateKey(state),
      before: scopeKey(scope),
      // With the arguments that the segment itself declares.
      after: scopeKey(scopes[to + 1] as Scope),
      instructions: inputs.texts,
      command,
      inputs: inputs.keys,
      flags: request.runFlags,
      compression: request.compression,
    }),
    volatile: inputs.volatile,
    node,
    from,
    to,
    lines: [node.instructions[from]?.line ?? 0, node.stage.instructions[to]?.endLine ?? 0],
    command,
    parent: state,
    declared: scope.declared,
    why,
  };
}

function scopeKey({ declared, environment }: Scope): KeyValue {
  return [
    declared.map(({ name, value }) => [name, value]),
    [...environment].map(([name, value]) => [name, value]),
  ];
}

/** By index of the stage's instructions, those before `from` left out, and the one after `to`. */
function scopesFrom(first: Scope, node: StageNode, from: number, to: number): readonly Scope[] {
  const scopes: Scope[] = [];
  scopes[from] = first;
  for (let at = from; at <= to; at++)
    scopes[at + 1] = scopeAfter(scopes[at] as Scope, node.instructions[at] as TypedInstruction);
  return scopes;
}

/** What decides everything that is built upon a state: its configuration and its layers. */
export function stateKey({ stage, layers }: Pick<ImageState, 'stage' | 'layers'>): string {
  const { config, os, architecture, variant } = stage.image;
  return keyOf('state', {
    platform: [os, architecture, variant],
    config: JSON.parse(JSON.stringify(config)) as KeyValue,
    layers: layers.map(identityOf),
  });
}

function identityOf(layer: ImageLayer): string {
  return layer.kind === 'given' ? layer.blob.diffId : layer.key;
}
