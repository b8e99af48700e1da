import { copyKey } from '../context/copy-layer.ts';
import { planCopy } from '../context/plan-copy.ts';
import type { Source } from '../dockerfile/base.ts';
import { expandCopy, isRemoteSource } from '../dockerfile/expanded-copy.ts';
import type { StageNode } from '../dockerfile/graph.ts';
import type { CopyInstruction, TypedInstruction } from '../dockerfile/instruction.ts';
import { mountsOf } from '../dockerfile/mounts.ts';
import type { Instruction } from '../dockerfile/parse.ts';
import { type DeclaredArgument, type Scope, scopeAfter, stageScope } from '../dockerfile/scope.ts';
import { emptyIndex } from '../image/path-index.ts';
import { type KeyValue, keyOf } from '../plan/key.ts';
import type { Part } from './cut.ts';
import { type ImageLayer, type ImageState, NotComposable, type Obstacle } from './state.ts';
import type { ComposeRequest, World } from './walk.ts';

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

/** Describes a segment to solve, with its key. */
export async function solveRequest(
  request: ComposeRequest,
  world: Pick<World, 'base' | 'context'>,
  state: ImageState,
  node: StageNode,
  { from, to, command, why }: Extract<Part, { kind: 'solved' }>,
): Promise<SolveRequest> {
  const { scope } = state.stage;
  const inputs = await inputsOf(request, world, node, scopesFrom(scope, node, from, to), from, to);
  return {
    key: keyOf('solved', {
      parent: stateKey(state),
      declared: scope.declared.map(({ name, value }) => [name, value]),
      environment: [...scope.environment].map(([name, value]) => [name, value]),
      instructions: inputs.texts,
      command,
      inputs: inputs.keys,
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

/** By index of the stage's instructions, those before `from` left out. */
function scopesFrom(first: Scope, node: StageNode, from: number, to: number): readonly Scope[] {
  const scopes: Scope[] = [];
  scopes[from] = first;
  for (let at = from; at < to; at++)
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

interface Inputs {
  readonly texts: readonly string[];
  readonly keys: readonly KeyValue[];
  readonly volatile: boolean;
}

type InputWorld = Pick<World, 'base' | 'context'>;

/** The instructions, and what they read of the context, of other stages and of images. */
async function inputsOf(
  request: ComposeRequest,
  world: InputWorld,
  node: StageNode,
  scopes: readonly Scope[],
  from: number,
  to: number,
): Promise<Inputs> {
  const texts: string[] = [];
  const keys: KeyValue[] = [];
  let volatile = false;
  for (let at = from; at <= to; at++) {
    const instruction = node.instructions[at] as TypedInstruction;
    texts.push(textOf(node.stage.instructions[at] as Instruction));
    const reads = node.reads.filter((one) => one.instruction === at);
    const inputs = [
      ...(await Promise.all(
        reads.map(({ source }) => sourceInputs(request, world, source, instruction.line)),
      )),
      await contextInputs(request, world, instruction, scopes[at] as Scope),
    ];
    for (const input of inputs) {
      keys.push(input.key);
      volatile ||= input.volatile;
    }
  }
  return { texts, keys, volatile };
}

function textOf({ keyword, scanned }: Instruction): string {
  return `${keyword} ${scanned.logical}\n${scanned.heredoc}`;
}

interface Input {
  readonly key: KeyValue;
  readonly volatile: boolean;
}

/** Everything that decides what a stage or an image is. */
async function sourceInputs(
  request: ComposeRequest,
  world: InputWorld,
  source: Source,
  line: number,
): Promise<Input> {
  if (source.kind === 'scratch') return { key: 'scratch', volatile: false };
  if (source.kind === 'image')
    return { key: ['image', (await world.base(source.reference, request.platform)).image], volatile: false };
  if (source.kind !== 'stage')
    throw new NotComposable(line, 'what it takes files from is no image and no stage');
  const node = request.graph.stages.find(({ stage }) => stage.index === source.index) as StageNode;
  const base = await sourceInputs(request, world, node.base, node.stage.line);
  const environment = await baseEnvironment(request, world, node);
  const scopes = stageScope(request.dockerfile, node.stage, request.options, environment);
  const inputs = await inputsOf(request, world, node, scopes, 0, node.instructions.length - 1);
  const { declared, environment: variables } = scopes.at(-1) as Scope;
  return {
    key: [
      'stage',
      base.key,
      [...inputs.texts],
      [...inputs.keys],
      declared.map(({ name, value }) => [name, value]),
      [...variables].map(([name, value]) => [name, value]),
    ],
    volatile: base.volatile || inputs.volatile,
  };
}

/** The environment of the image that a chain of stages begins with. */
async function baseEnvironment(
  request: ComposeRequest,
  world: InputWorld,
  { base }: StageNode,
): Promise<readonly string[]> {
  if (base.kind === 'stage') {
    const parent = request.graph.stages.find(({ stage }) => stage.index === base.index) as StageNode;
    return await baseEnvironment(request, world, parent);
  }
  if (base.kind !== 'image') return [];
  const { config } = await world.base(base.reference, base.platform ?? request.platform);
  return config.config.Env ?? [];
}

/** What an instruction reads of the context: by its content, not by where it goes. */
async function contextInputs(
  request: ComposeRequest,
  world: InputWorld,
  instruction: TypedInstruction,
  scope: Scope,
): Promise<Input> {
  const nothing = { key: 'nothing', volatile: false };
  if (instruction.kind === 'copy' || instruction.kind === 'add') {
    if (instruction.from) return nothing;
    const { copy } = expandCopy(scope, instruction);
    if (copy.sources.some(isRemoteSource)) return { key: 'remote', volatile: copy.checksum === '' };
    const { sources, excludes, parents } = copy;
    return {
      key: await contextKey(request, world, { sources, excludes, parents, line: copy.line }),
      volatile: false,
    };
  }
  if (instruction.kind !== 'run') return nothing;
  const binds = mountsOf(instruction, scope.environment, request.dockerfile).filter(
    ({ type, from }) => type === 'bind' && from === undefined,
  );
  const keys = binds.map(({ source }) => {
    const path = source.replace(/^\/+/, '') || '.';
    return contextKey(request, world, {
      sources: [path],
      excludes: [],
      parents: false,
      line: instruction.line,
    });
  });
  return { key: await Promise.all(keys), volatile: false };
}

async function contextKey(
  request: ComposeRequest,
  world: InputWorld,
  { sources, excludes, parents, line }: Pick<CopyInstruction, 'sources' | 'excludes' | 'parents' | 'line'>,
): Promise<string> {
  if (sources.length === 0) return 'nothing';
  const plan = await planCopy(
    {
      ...{
        keyword: 'COPY',
        place: `${request.dockerfile.path}:${line}`,
        sources,
        excludes,
        parents,
        heredocs: [],
      },
      ...{ destination: '/x/', workdir: '/', chown: undefined, chmod: undefined, link: false },
    },
    await world.context(),
    emptyIndex(),
  );
  if (plan.reason !== undefined) throw new NotComposable(line, plan.reason);
  return copyKey(plan);
}
