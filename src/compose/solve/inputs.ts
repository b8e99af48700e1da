import { copyKey } from '../../context/copy-layer.ts';
import { planCopy } from '../../context/plan-copy.ts';
import type { Source } from '../../dockerfile/base.ts';
import { expandCopy, isRemoteSource } from '../../dockerfile/expanded-copy.ts';
import { type StageNode, stageNode } from '../../dockerfile/graph.ts';
import type { CopyInstruction, TypedInstruction } from '../../dockerfile/instruction.ts';
import { mountsOf } from '../../dockerfile/mounts.ts';
import type { Instruction } from '../../dockerfile/parse.ts';
import { type Scope, stageScope } from '../../dockerfile/scope.ts';
import { emptyIndex } from '../../image/path-index.ts';
import type { KeyValue } from '../../plan/key.ts';
import { NotComposable } from '../state.ts';
import type { ComposeRequest, World } from '../walk.ts';

/** What instructions and all that they read come to. */
export interface Inputs {
  readonly texts: readonly string[];
  readonly keys: readonly KeyValue[];
  /** True if they may come to something else next time: they download something. */
  readonly volatile: boolean;
}

/** What inputs are asked of. */
export type InputWorld = Pick<World, 'digest' | 'context'>;

/**
 * The instructions `from` to `to` of a stage, and what they read of the context, of other stages and of images.
 *
 * @param replaced true if the last one's command is another one, which reads nothing of the context
 */
export async function inputsOf(
  request: ComposeRequest,
  world: InputWorld,
  node: StageNode,
  scopes: readonly Scope[],
  { from, to, replaced = false }: { readonly from: number; readonly to: number; readonly replaced?: boolean },
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
      ...(replaced && at === to
        ? []
        : [await contextInputs(request, world, instruction, scopes[at] as Scope)]),
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

/** One thing that is read. */
export interface Input {
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
    return { key: ['image', await world.digest(source.reference)], volatile: false };
  if (source.kind !== 'stage')
    throw new NotComposable(line, 'what it takes files from is no image and no stage');
  const node = stageNode(request.graph, source.index);
  return await stageInputs(request, world, node, node.instructions.length);
}

/**
 * Everything that decides a stage after some of its instructions, but its base's environment, which its digest stands for.
 *
 * @param count how many instructions
 */
export async function stageInputs(
  request: ComposeRequest,
  world: InputWorld,
  node: StageNode,
  count: number,
): Promise<Input> {
  const base = await sourceInputs(request, world, node.base, node.stage.line);
  const scopes = stageScope(request.dockerfile, node.stage, request.options, undefined);
  const inputs = await inputsOf(request, world, node, scopes, { from: 0, to: count - 1 });
  const { declared, environment } = scopes[count] as Scope;
  return {
    key: [
      'stage',
      base.key,
      [...inputs.texts],
      [...inputs.keys],
      declared.map(({ name, value }) => [name, value]),
      [...environment].map(([name, value]) => [name, value]),
    ],
    volatile: base.volatile || inputs.volatile,
  };
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
    const { copy, unknown } = expandCopy(scope, instruction);
    if (unknown.length > 0)
      throw new NotComposable(instruction.line, `the value of ${unknown.join(', ')} is not known`);
    if (copy.sources.some(isRemoteSource)) return { key: 'remote', volatile: copy.checksum === '' };
    const { sources, excludes, parents } = copy;
    return {
      key: await contextKey(request, world, instruction, { sources, excludes, parents }),
      volatile: false,
    };
  }
  if (instruction.kind !== 'run') return nothing;
  const binds = mountsOf(instruction, scope.environment, request.dockerfile).filter(
    ({ type, from }) => type === 'bind' && from === undefined,
  );
  const keys = binds.map(({ source }) => {
    const path = source.replace(/^\/+/, '') || '.';
    return contextKey(request, world, instruction, { sources: [path], excludes: [], parents: false });
  });
  return { key: await Promise.all(keys), volatile: false };
}

async function contextKey(
  request: ComposeRequest,
  world: InputWorld,
  { kind, line }: TypedInstruction,
  { sources, excludes, parents }: Pick<CopyInstruction, 'sources' | 'excludes' | 'parents'>,
): Promise<string> {
  if (sources.length === 0) return 'nothing';
  const plan = await planCopy(
    {
      ...{
        // ADD would look whether it is an archive.
        keyword: kind === 'run' ? 'RUN' : 'COPY',
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
