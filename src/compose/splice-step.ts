import { expandCopy } from '../dockerfile/expanded-copy.ts';
import type { StageNode } from '../dockerfile/graph.ts';
import type { CopyInstruction } from '../dockerfile/instruction.ts';
import { withLayerFacts } from '../facts/image-facts.ts';
import { applyInstruction } from '../image/config-apply.ts';
import type { History } from '../image/oci.ts';
import { absolutePath, type Part } from './cut.ts';
import { extractLayer } from './extract-layer.ts';
import { instructionText, layerLines } from './history.ts';
import { planInstall } from './install-plan.ts';
import { dependencyLayer } from './install-step.ts';
import { entriesBelow, isBelow } from './paths-below.ts';
import { type SpliceCopy, spliceTrouble } from './splice.ts';
import { type GivenImage, type ImageLayer, type ImageState, NotComposable } from './state.ts';
import type { ComposeRequest } from './walk.ts';

/**
 * Puts the composed layers of a stage in the place of neighbouring `COPY --from` instructions: the dependency layers, cut to
 * what is copied, and what else is there in a layer of its own, unless this stage has it already.
 */
export function spliceStep(
  request: ComposeRequest,
  before: ImageState,
  source: ImageState,
  node: StageNode,
  { from, to }: Extract<Part, { kind: 'splice' }>,
): ImageState {
  const instructions = node.instructions.slice(from, to + 1) as readonly CopyInstruction[];
  const line = instructions[0]?.line as number;
  const refuse = (reason: string) => new NotComposable(line, reason);
  const copies = instructions.map((copy) => spliceCopy(before, copy));
  const trouble = spliceTrouble(source.files.index, before.files.index, copies);
  if (trouble !== undefined) throw refuse(trouble);
  const keep = copies.map(({ path }) => path);
  const rest = restLayer(request, before, source, copies, line);
  const installs = source.installs.map((input) => {
    const planned = planInstall({ ...input, keep });
    if ('reason' in planned) throw refuse(planned.reason);
    return planned;
  });
  const entries = installs.flatMap((one) => one.entries);
  const installed = new Set(entries.map(({ path }) => path));
  const copied = keep.flatMap((path) => [...entriesBelow(source.files.index, path)]);
  const stranger = copied.find(({ path }) => !isGiven(path, source) && !installed.has(path));
  if (stranger !== undefined) throw refuse(`/${stranger.path} of the stage was neither installed nor solved`);
  const layers: ImageLayer[] = [
    ...rest,
    ...installs.flatMap(({ layers: all }) => all.map((planned) => dependencyLayer(planned, line))),
  ];
  let stage = before.stage;
  const texts: string[] = [];
  for (const instruction of instructions) {
    const applied = applyInstruction(stage, instruction);
    if (applied.reason !== undefined) throw new NotComposable(instruction.line, applied.reason);
    texts.push(instructionText(applied.history));
    stage = applied.state;
  }
  const history = [...(before.stage.image.history ?? []), ...historyOf(texts, layers)];
  return {
    ...before,
    stage: { ...stage, image: { ...stage.image, history } },
    layers: [...before.layers, ...layers],
    files: withLayerFacts(before.files, {
      entries: copied,
      diffId: '',
      contents: contentsBelow(source, keep),
    }),
    assumed: before.assumed || source.assumed,
    installs: [...before.installs, ...source.installs],
  };
}

function spliceCopy({ stage }: ImageState, instruction: CopyInstruction): SpliceCopy {
  const { copy } = expandCopy(stage.scope, instruction);
  return { path: absolutePath(copy.destination, stage.image.config.WorkingDir ?? '/'), link: copy.link };
}

/** Files below the copied paths that no dependency layer holds, as a layer; none if this stage has them as they are. */
function restLayer(
  request: ComposeRequest,
  before: ImageState,
  source: ImageState,
  copies: readonly SpliceCopy[],
  line: number,
): readonly ImageLayer[] {
  const keep = copies.map(({ path }) => path);
  const { given } = source;
  if (keep.every((path) => given.files.index.get(path) === undefined)) return [];
  if (sameLayers(given, before.given) && !isTouched(before, keep)) return [];
  return [extractLayer(request, given, source.files.index, keep, line)];
}

/** True if something below the paths is not as in the image that this stage starts from. */
function isTouched(state: ImageState, keep: readonly string[]): boolean {
  return keep.some((path) =>
    [...entriesBelow(state.files.index, path)].some((entry) => !isGiven(entry.path, state)),
  );
}

/** An entry that no instruction has touched is the same object. */
function isGiven(path: string, { files, given }: ImageState): boolean {
  return files.index.get(path) === given.files.index.get(path);
}

function sameLayers(one: GivenImage, other: GivenImage): boolean {
  return (
    one.layers.length === other.layers.length &&
    one.layers.every(({ blob }, at) => blob.diffId === other.layers[at]?.blob.diffId)
  );
}

function contentsBelow({ files }: ImageState, keep: readonly string[]): ReadonlyMap<string, Uint8Array> {
  return new Map(
    [...files.contents]
      .filter(([path]) => isBelow(path, keep))
      .map(([path, text]) => [path, Buffer.from(text)]),
  );
}

/** Each layer with the instructions that it stands for; the instructions without layers if there are none. */
function historyOf(texts: readonly string[], layers: readonly ImageLayer[]): readonly History[] {
  if (layers.length > 0) return layerLines(texts.join('; '), layers);
  return texts.map((text) => ({ created_by: text, comment: 'layerwright', empty_layer: true }));
}
