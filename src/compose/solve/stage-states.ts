import type { StageNode } from '../../dockerfile/graph.ts';
import { applyInstruction } from '../../image/config-apply.ts';
import type { StageState } from '../../image/config-start.ts';
import type { Part } from '../cut.ts';
import { type GivenImage, type ImageState, NotComposable } from '../state.ts';
import { instructionsOf } from './segments.ts';

/** A state that is an image as it stands. */
export function stateOf(image: GivenImage, stage: StageState): ImageState {
  const { layers, files, assumed = false } = image;
  return { stage, layers, files, given: image, installs: [], copied: new Map(), assumed };
}

/** What each instruction sees, files aside; the last one is what stands at their end. */
export function statesOf(instructions: StageNode['instructions'], first: StageState): readonly StageState[] {
  const states = [first];
  for (const instruction of instructions) {
    const applied = applyInstruction(states.at(-1) as StageState, instruction);
    if (applied.reason !== undefined) throw new NotComposable(instruction.line, applied.reason);
    states.push(applied.state);
  }
  return states;
}

/** What stands after a part, files aside. */
export function stageAfter(node: StageNode, part: Part, before: StageState): StageState {
  return statesOf(instructionsOf(node, part), before).at(-1) as StageState;
}
