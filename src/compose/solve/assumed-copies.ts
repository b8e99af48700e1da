import { expandCopy, isRemoteSource } from '../../dockerfile/expanded-copy.ts';
import type { TypedInstruction } from '../../dockerfile/instruction.ts';
import type { StageState } from '../../image/config-start.ts';
import { copyStep, workdirStep } from '../copy-step.ts';
import { type ImageState, NotComposable } from '../state.ts';
import type { ComposeRequest, World } from '../walk.ts';

/**
 * What a segment that is not solved yet copies of the context, as far as it can be told: a requirements file that came with a
 * `COPY . .` above an apt-get is known before anybody ran that.
 *
 * @param states what each of the instructions sees, and one more at the end
 */
export async function copiedBefore(
  request: ComposeRequest,
  world: Pick<World, 'context'>,
  before: ImageState,
  instructions: readonly TypedInstruction[],
  states: readonly StageState[],
): Promise<Pick<ImageState, 'files' | 'copied'>> {
  let state = before;
  for (const [at, instruction] of instructions.entries()) {
    const seen = { ...state, stage: states[at] as StageState };
    const after = { ...state, stage: states[at + 1] as StageState };
    try {
      if (instruction.kind === 'workdir') state = workdirStep(request, seen, after, instruction.line);
      if ((instruction.kind !== 'copy' && instruction.kind !== 'add') || instruction.from) continue;
      if (expandCopy(seen.stage.scope, instruction).copy.sources.some(isRemoteSource)) continue;
      state = await copyStep(request, await world.context(), seen, after, instruction);
    } catch (error) {
      // It is BuildKit that copies; here it is only not known what comes of it.
      if (!(error instanceof NotComposable)) throw error;
    }
  }
  return { files: state.files, copied: state.copied };
}
