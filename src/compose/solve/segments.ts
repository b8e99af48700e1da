import type { StageNode } from '../../dockerfile/graph.ts';
import type { NotSplit } from '../../split/request.ts';
import type { Part } from '../cut.ts';
import type { Obstacle } from '../state.ts';
import type { SolveRequest } from './solve-request.ts';

/** A run of instructions of one stage that is produced in one way; lines count from 1. */
export interface WalkedSegment {
  /** `split`: its layers were laid out anew, or it is to be solved and this will be tried. */
  readonly kind: 'composed' | 'split' | 'solved';
  readonly stage: string;
  readonly fromLine: number;
  readonly toLine: number;
  readonly why: readonly Obstacle[];
  /** Of a solved one. */
  readonly request: SolveRequest | undefined;
  readonly isThere: boolean;
  /** How many layers it adds to its stage. */
  readonly layers: number;
  /** Why its layers stayed as BuildKit made them, though it may install something; left out for all others. */
  readonly notSplit?: NotSplit;
}

/** What is known of a solved part. */
export interface SolveFacts {
  readonly request: SolveRequest;
  readonly isThere: boolean;
  /** Of one that is not there: whether it is to be tried. */
  readonly isSplit: boolean;
  readonly notSplit?: NotSplit | undefined;
}

/** Indices of the first and the last of its stage's instructions. */
export function rangeOf(part: Part): readonly [from: number, to: number] {
  return 'at' in part ? [part.at, part.at] : [part.from, part.to];
}

/** Its instructions. */
export function instructionsOf({ instructions }: StageNode, part: Part): StageNode['instructions'] {
  const [from, to] = rangeOf(part);
  return instructions.slice(from, to + 1);
}

/** A part as a segment. @param layers how many it adds */
export function segmentOf(
  { stage, instructions }: StageNode,
  part: Part,
  layers: number,
  solve: SolveFacts | undefined,
): WalkedSegment {
  const [from, to] = rangeOf(part);
  return {
    kind: solve === undefined ? 'composed' : solve.isSplit ? 'split' : 'solved',
    stage: stage.name ?? `stage ${stage.index}`,
    fromLine: instructions[from]?.line ?? stage.line,
    toLine: stage.instructions[to]?.endLine ?? stage.line,
    why: 'why' in part ? part.why : [],
    request: solve?.request,
    isThere: solve?.isThere ?? true,
    layers,
    ...(solve?.notSplit && { notSplit: solve.notSplit }),
  };
}

/** Neighbouring composed parts of a stage are one segment. */
export function mergeSegments(segments: readonly WalkedSegment[]): readonly WalkedSegment[] {
  const merged: WalkedSegment[] = [];
  const byStage = Map.groupBy(segments, ({ stage }) => stage);
  for (const own of byStage.values())
    for (const one of own) {
      const last = merged.at(-1);
      if (last?.stage === one.stage && last.kind === 'composed' && one.kind === 'composed')
        merged[merged.length - 1] = { ...last, toLine: one.toLine, layers: last.layers + one.layers };
      else merged.push(one);
    }
  return merged.sort((a, b) => a.fromLine - b.fromLine);
}
