import { type BuildOptions, type GlobalScope, globalScope } from './arguments.ts';
import { type Base, baseOf, imageSource, type Source } from './base.ts';
import type { TypedInstruction } from './instruction.ts';
import { expand } from './lex.ts';
import { mountSources } from './mounts.ts';
import { type Dockerfile, type Stage, targetStage } from './parse.ts';
import { readInstruction } from './read.ts';

/** Something that is not understood, with its line. */
export interface Reason {
  /** From 1. */
  readonly line: number;
  /** Half a sentence. */
  readonly text: string;
  /** A reference that leads nowhere, an instruction, a platform. */
  readonly about: 'reference' | 'instruction' | 'platform';
}

/** That an instruction takes files from a stage or an image. */
export interface StageRead {
  /** Index in the stage's instructions. */
  readonly instruction: number;
  readonly line: number;
  readonly how: 'copy' | 'mount';
  /** As written. */
  readonly text: string;
  readonly source: Source;
}

/** A stage with what it is made from. */
export interface StageNode {
  readonly stage: Stage;
  /** True if a `--build-context` stands for it: nothing of it is read. */
  readonly replaced: boolean;
  readonly base: Base;
  readonly instructions: readonly TypedInstruction[];
  /** Those of COPY --from and RUN --mount=from, in order. */
  readonly reads: readonly StageRead[];
}

/** What a target is made from. */
export interface StageGraph {
  /** From the one that starts from an image, or nothing, to the target: `FROM stage` chain. */
  readonly ancestry: readonly StageNode[];
  /** Every stage that is needed, in the order of the file. */
  readonly stages: readonly StageNode[];
  /** Every image that is needed, as written with variables put in. Sorted. */
  readonly images: readonly string[];
  /** Why the graph may be wrong: then leave it to BuildKit. */
  readonly reasons: readonly Reason[];
}

/**
 * Which stages and images a target is made from.
 *
 * @param target `--target`; undefined for the last stage
 * @throws LayerwrightError `STAGE_UNKNOWN` (1), `DOCKERFILE_INVALID` (1)
 */
export function stageGraph(
  dockerfile: Dockerfile,
  target: string | undefined,
  options: BuildOptions,
): StageGraph {
  const nodes = stageNodes(dockerfile, { ...options, target });
  const needed = new Set<StageNode>();
  const visit = (node: StageNode): void => {
    if (needed.has(node)) return;
    needed.add(node);
    for (const source of sourcesOf(node))
      if (source.kind === 'stage') visit(nodes[source.index] as StageNode);
  };
  const last = nodes[targetStage(dockerfile, target).index] as StageNode;
  visit(last);
  const stages = [...needed].sort((one, other) => one.stage.index - other.stage.index);
  const images = stages
    .flatMap(sourcesOf)
    .flatMap((source) => (source.kind === 'image' ? [source.reference] : []));
  return {
    ancestry: chainOf(nodes, last),
    stages,
    images: [...new Set(images)].sort(),
    reasons: stages.flatMap((node) => reasonsOf(nodes, node)),
  };
}

/** The stage of that index, which is one of those that the target needs. */
export function stageNode({ stages }: Pick<StageGraph, 'stages'>, index: number): StageNode {
  return stages.find(({ stage }) => stage.index === index) as StageNode;
}

/**
 * All stages of a Dockerfile, needed or not.
 *
 * @throws LayerwrightError `DOCKERFILE_INVALID` (1)
 */
export function stageNodes(dockerfile: Dockerfile, options: BuildOptions): readonly StageNode[] {
  const global = globalScope(dockerfile, options);
  return dockerfile.stages.map((stage) => toNode(dockerfile, stage, global, options));
}

function toNode(dockerfile: Dockerfile, stage: Stage, global: GlobalScope, options: BuildOptions): StageNode {
  const instructions = stage.instructions.map((one) => readInstruction(one, dockerfile.escape));
  const reads = instructions.flatMap((read, instruction): StageRead[] => {
    const { line } = read;
    if (read.kind === 'copy' && read.from !== undefined) {
      const source = copySource(dockerfile, stage, read.from, line, options);
      return [{ instruction, line, how: 'copy', text: read.from, source }];
    }
    if (read.kind !== 'run') return [];
    return mountSources(read).map((text) => ({
      instruction,
      line,
      how: 'mount',
      text,
      source: named(dockerfile, stage, text, options),
    }));
  });
  const replaced = stage.name !== undefined && options.contexts?.has(stage.name) === true;
  return { stage, replaced, base: baseOf(dockerfile, stage, global, options), instructions, reads };
}

/** `COPY --from`: a number, a name or an image; it takes no variables. */
function copySource(
  dockerfile: Dockerfile,
  stage: Stage,
  from: string,
  line: number,
  options: BuildOptions,
): Source {
  const place = { path: dockerfile.path, line };
  if (expand(from, new Map(), { escape: dockerfile.escape, place }) !== from)
    return { kind: 'unresolved', text: from, reason: 'variables are not put into --from' };
  if (!/^[+-]?\d+$/.test(from)) return named(dockerfile, stage, from, options);
  const index = Number(from);
  return index >= 0 && index < stage.index
    ? stageSource(dockerfile, index, options)
    : { kind: 'unresolved', text: from, reason: 'there is no earlier stage of this number' };
}

/** A stage by its name in any case, the last one of that name in the file; or an image. */
function named(dockerfile: Dockerfile, stage: Stage, text: string, options: BuildOptions): Source {
  const found = dockerfile.stages.findLast(({ name }) => name === text.toLowerCase());
  if (found === undefined) return imageSource(text, options.contexts);
  if (found.index < stage.index) return stageSource(dockerfile, found.index, options);
  return { kind: 'unresolved', text, reason: `the stage "${text}" does not stand before this one` };
}

function stageSource(dockerfile: Dockerfile, index: number, { contexts }: BuildOptions): Source {
  const name = dockerfile.stages[index]?.name;
  return name !== undefined && contexts?.has(name) ? { kind: 'context', name } : { kind: 'stage', index };
}

/** All that a stage takes files from. */
export function sourcesOf({ replaced, base, reads }: StageNode): readonly Source[] {
  return replaced ? [] : [base, ...reads.map(({ source }) => source)];
}

function chainOf(nodes: readonly StageNode[], last: StageNode): readonly StageNode[] {
  const chain = [last];
  for (let base = last.base; base.kind === 'stage'; base = (chain[0] as StageNode).base)
    chain.unshift(nodes[base.index] as StageNode);
  return chain;
}

function reasonsOf(nodes: readonly StageNode[], node: StageNode): readonly Reason[] {
  const { stage, base, instructions, reads } = node;
  if (node.replaced) return [];
  const parent = base.kind === 'stage' ? nodes[base.index] : undefined;
  const sources = [{ line: stage.line, source: base as Source }, ...reads];
  const references = sources.flatMap(({ line, source }): Reason[] =>
    source.kind === 'unresolved'
      ? [{ line, text: `${source.text}: ${source.reason}`, about: 'reference' }]
      : [],
  );
  const unknown = instructions.flatMap((one): Reason[] =>
    one.kind === 'unknown' ? [{ line: one.line, text: one.reason, about: 'instruction' }] : [],
  );
  const own = (text: string, about: Reason['about']): Reason => ({ line: stage.line, text, about });
  return [
    ...references,
    ...unknown,
    ...(base.platformProblem === undefined ? [] : [own(base.platformProblem, 'platform')]),
    ...(parent?.instructions.some(({ kind }) => kind === 'onbuild')
      ? [own('the stage that it starts from has ONBUILD', 'instruction')]
      : []),
  ];
}
