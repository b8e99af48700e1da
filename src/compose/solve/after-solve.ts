import type { StageNode } from '../../dockerfile/graph.ts';
import type { StageState } from '../../image/config-start.ts';
import type { Part } from '../cut.ts';
import { type GivenImage, type ImageState, NotComposable } from '../state.ts';
import type { SolveRequest } from './solve-request.ts';
import { isSplit, splitLines, titleOf } from './split-history.ts';
import { stageAfter, stateOf, statesOf } from './stage-states.ts';

/** The state after a solved segment: as it was solved, or as it is assumed while it is not. */
export function afterSolve(
  before: ImageState,
  node: StageNode,
  part: Extract<Part, { kind: 'solved' }>,
  solve: SolveRequest,
  image: GivenImage | undefined,
): ImageState {
  const simulated = stageAfter(node, part, before.stage);
  if (image === undefined) return { ...before, stage: simulated, assumed: true };
  if (isSplit(image)) return afterSplit(before, simulated, image);
  const first = before.stage.image.history?.length ?? 0;
  const expected = (simulated.image.history ?? []).slice(first);
  // The argument lines that the segment was begun with are ours: its own lines are the last ones.
  const made = (image.config.history ?? []).slice(-expected.length || Number.POSITIVE_INFINITY);
  const history = [
    ...(before.stage.image.history ?? []),
    ...expected.map((line, index) => {
      const { created, empty_layer } = made[index] ?? {};
      const { empty_layer: _, ...text } = line;
      return { ...(created ? { created } : {}), ...text, ...(empty_layer ? { empty_layer } : {}) };
    }),
  ];
  const added = image.layers.length - before.layers.length;
  if (history.slice(first).filter((line) => line.empty_layer !== true).length !== added)
    throw new NotComposable(solve.lines[0], 'the history of the solved image does not fit its layers');
  return upon(before, stateOf(image, { ...simulated, image: { ...simulated.image, history } }));
}

function upon({ hidden = [], installs }: ImageState, after: ImageState): ImageState {
  return { ...after, hidden: [...hidden, ...installs] };
}

/** What was laid out anew has a line for each layer, not for each instruction. */
function afterSplit(before: ImageState, simulated: StageState, image: GivenImage): ImageState {
  const lines = before.stage.image.history ?? [];
  const added = splitLines(image);
  const titles = added.flatMap((line) => titleOf(line) ?? []);
  const first = image.layers.length - titles.length;
  const layers = image.layers.map((layer, at) =>
    at < first ? layer : { ...layer, title: titles[at - first] as string },
  );
  const history = [...lines, ...added];
  const stage = { ...simulated, image: { ...simulated.image, history } };
  return upon(before, stateOf({ ...image, layers }, stage));
}

/** What the command of an installation sees, but for the files that are copied between. */
export function atInstallation(
  state: ImageState,
  node: StageNode,
  { from, at }: Extract<Part, { kind: 'skeleton' }>,
): ImageState {
  const seen = statesOf(node.instructions.slice(from, at), state.stage).at(-1) as StageState;
  const { history } = state.stage.image;
  return { ...state, stage: { ...seen, image: { ...seen.image, ...(history && { history }) } } };
}

/** The state with what was made for an installation, before the instructions that stand between. */
export function withSkeleton(state: ImageState, image: GivenImage, { lines }: SolveRequest): ImageState {
  const { history = [] } = state.stage.image;
  const added = image.layers.length - state.layers.length;
  const own = (image.config.history ?? []).filter(({ empty_layer }) => empty_layer !== true).slice(-added);
  if (added < 0 || own.length !== added)
    throw new NotComposable(lines[0], 'the history of the solved image does not fit its layers');
  const stage = {
    ...state.stage,
    image: { ...state.stage.image, history: added === 0 ? history : [...history, ...own] },
  };
  // What was copied before is there as it was.
  const { copied, extracted } = state;
  return { ...upon(state, stateOf(image, stage)), copied, ...(extracted && { extracted }) };
}
