import type { StageNode } from '../../dockerfile/graph.ts';
import { applyInstruction } from '../../image/config-apply.ts';
import type { History } from '../../image/oci.ts';
import type { Part } from '../cut.ts';
import { instructionText, layerLines } from '../history.ts';
import { type ImageLayer, type ImageState, NotComposable } from '../state.ts';
import type { ComposeRequest } from '../walk.ts';
import { lockedStep } from './install-locked.ts';
import { pipStep } from './install-pip.ts';
import type { InstalledStep, InstallOutcome, InstallPlace, InstallWorld } from './installation.ts';

/** Adds what a dependency step installs. */
export async function installStep(
  request: ComposeRequest,
  world: InstallWorld,
  before: ImageState,
  node: StageNode,
  { at, step, netrc, selfMade }: Extract<Part, { kind: 'install' }>,
): Promise<InstallOutcome> {
  const instruction = node.instructions[at] as StageNode['instructions'][number];
  const { line } = instruction;
  const applied = applyInstruction(before.stage, instruction);
  if (applied.reason !== undefined) throw new NotComposable(line, applied.reason);
  // The first command that comes to one makes it.
  const unmade = new Set(selfMade);
  const place: InstallPlace = {
    ...{ node, at, line, binds: step.binds, netrc, selfMade: unmade },
    refuse: (reason, hint) => new NotComposable(line, reason, hint),
  };
  let state: ImageState = before;
  const installed: InstalledStep[] = [];
  for (const action of step.steps) {
    if (action.kind !== 'pip-install' && action.kind !== 'locked-install') continue;
    const done =
      action.kind === 'pip-install'
        ? await pipStep(request, world, state, action, place)
        : await lockedStep(request, world, state, action, place);
    state = done.after;
    if (action.kind === 'locked-install' && action.environment.kind === 'directory')
      unmade.delete(action.environment.path);
    installed.push(...done.installed);
  }
  const added = state.layers.slice(before.layers.length);
  const history = [...(before.stage.image.history ?? []), ...historyOf(applied.history as History, added)];
  return {
    after: { ...state, stage: { ...applied.state, image: { ...applied.state.image, history } } },
    installed,
  };
}

/** The instruction's line for each of its layers; one without a layer if there is none. */
function historyOf(line: History, added: readonly ImageLayer[]): readonly History[] {
  return added.length === 0 ? [{ ...line, empty_layer: true }] : layerLines(instructionText(line), added);
}
