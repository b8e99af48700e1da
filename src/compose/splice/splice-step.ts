import { contentFacts, hashBytes } from '../../context/content.ts';
import type { Context } from '../../context/context.ts';
import { copyKey, writeCopyLayer } from '../../context/copy-layer.ts';
import type { CopyEntry } from '../../context/plan-copy.ts';
import { expandCopy } from '../../dockerfile/expanded-copy.ts';
import type { StageNode } from '../../dockerfile/graph.ts';
import type { CopyInstruction } from '../../dockerfile/instruction.ts';
import { withLayerFacts } from '../../facts/image-facts.ts';
import { applyInstruction } from '../../image/config-apply.ts';
import type { History } from '../../image/oci.ts';
import type { PathEntry } from '../../image/path-entry.ts';
import { ancestorsOf } from '../../layers/layer-directories.ts';
import { movedPath } from '../../layers/relocate.ts';
import { keyOf } from '../../plan/key.ts';
import { ownerOf } from '../copy-step.ts';
import type { Part } from '../cut.ts';
import { instructionText, layerLines } from '../history.ts';
import { dependencyLayer } from '../install/install-layers.ts';
import { type InstallInput, installedPaths, planInstall } from '../install/install-plan.ts';
import {
  type Extracted,
  type ImageLayer,
  type ImageState,
  NotComposable,
  type WrittenLayer,
} from '../state.ts';
import type { ComposeRequest } from '../walk.ts';
import { isAlike } from './shared-files.ts';
import { planSplice, type Splice } from './splice.ts';
import { givenLayers } from './splice-given.ts';
import { originsOf } from './splice-origins.ts';
import type { StageCopyRequest } from './stage-copy.ts';

/** What a splice asks of the world. */
export interface SpliceWorld {
  readonly context: () => Promise<Context>;
}

/**
 * Puts the composed layers of a stage in the place of neighbouring `COPY --from` instructions: what was installed there as dependency
 * layers, cut to what is copied and moved to where it is copied to; what the stage has of the build context as a layer of it;
 * and what else there is in a layer of its own, unless this stage has it already. An image that is copied from is a stage in which
 * nothing was done.
 *
 * @throws NotComposable; LayerwrightError of the context
 */
export async function spliceStep(
  request: ComposeRequest,
  world: SpliceWorld,
  before: ImageState,
  source: ImageState,
  node: StageNode,
  { from, to }: Pick<Extract<Part, { kind: 'splice' }>, 'from' | 'to'>,
): Promise<ImageState> {
  const instructions = node.instructions.slice(from, to + 1) as readonly CopyInstruction[];
  const line = instructions[0]?.line as number;
  const refuse = (reason: string) => new NotComposable(line, reason);
  const origins = originsOf(source);
  if ('reason' in origins) throw refuse(origins.reason);
  const copies = instructions.map((copy) => copyRequest(before, copy));
  const planned = planSplice(copies, source.files.index, origins, before.files.index);
  if (!('reason' in planned)) return await spliced(request, world, before, source, instructions, planned);
  if (!planned.isShared || instructions.length === 1) throw refuse(planned.reason);
  // Together they write something twice: one after the other, each has layers of its own.
  let state = before;
  for (let at = from; at <= to; at++)
    state = await spliceStep(request, world, state, source, node, { from: at, to: at });
  return state;
}

function copyRequest({ stage, files }: ImageState, instruction: CopyInstruction): StageCopyRequest {
  const { copy, unknown } = expandCopy(stage.scope, instruction);
  if (unknown.length > 0)
    throw new NotComposable(instruction.line, `the value of ${unknown.join(', ')} is not known`);
  const { sources, destination, chmod, link, parents, excludes } = copy;
  return {
    ...{ sources, destination, link, parents, excludes, chown: ownerOf(files, copy) },
    chmod: chmod === '' ? undefined : chmod,
    workdir: stage.image.config.WorkingDir ?? '/',
  };
}

async function spliced(
  request: ComposeRequest,
  world: SpliceWorld,
  before: ImageState,
  source: ImageState,
  instructions: readonly CopyInstruction[],
  splice: Splice,
): Promise<ImageState> {
  const line = instructions[0]?.line as number;
  const installs = copiedInstalls(source, splice);
  const dependencies = installs.flatMap((input) => {
    const planned = planInstall(input);
    if ('reason' in planned) throw new NotComposable(line, planned.reason);
    return planned.layers.map((one) => dependencyLayer(one, line));
  });
  const layers: ImageLayer[] = [
    ...givenLayers(request, before, splice, line),
    ...dependencies,
    ...(await contextLayers(request, world, before, splice, line)),
  ];
  return {
    ...before,
    stage: stageAfter(before, instructions, layers),
    layers: [...before.layers, ...layers],
    files: withLayerFacts(before.files, {
      entries: splice.entries.map(({ entry }) => entry),
      diffId: '',
      contents: contentsOf(source, splice),
    }),
    installs: [...before.installs, ...installs],
    ...whereFrom(before, splice),
    assumed: before.assumed || source.assumed,
  };
}

/** The state's configuration with a line of the history for each layer, or for each instruction if there is none. */
function stageAfter(
  before: ImageState,
  instructions: readonly CopyInstruction[],
  layers: readonly ImageLayer[],
): ImageState['stage'] {
  let { stage } = before;
  const texts: string[] = [];
  for (const instruction of instructions) {
    const applied = applyInstruction(stage, instruction);
    if (applied.reason !== undefined) throw new NotComposable(instruction.line, applied.reason);
    texts.push(instructionText(applied.history));
    stage = applied.state;
  }
  const lines: readonly History[] =
    layers.length > 0
      ? layerLines(texts.join('; '), layers)
      : texts.map((text) => ({ created_by: text, comment: 'layerwright', empty_layer: true }));
  return { ...stage, image: { ...stage.image, history: [...(before.stage.image.history ?? []), ...lines] } };
}

/** What was installed in the stage, as far as something of it is copied. */
function copiedInstalls(source: ImageState, { moves, after }: Splice): readonly InstallInput[] {
  return source.installs.flatMap((input) => {
    const paths = installedPaths(input);
    if ('reason' in paths) return [];
    const used = moves.filter((move) => paths.some(([, now]) => movedPath(move, now) !== undefined));
    if (used.length === 0) return [];
    return [{ ...input, copies: [...(input.copies ?? []), { moves: used, files: after }] }];
  });
}

/** What the stage has of the build context, and what instructions made there: directories and links. */
async function contextLayers(
  { compression, mtime }: ComposeRequest,
  world: SpliceWorld,
  before: ImageState,
  { entries, moves, after }: Splice,
  line: number,
): Promise<readonly WrittenLayer[]> {
  const own = entries.filter(
    ({ entry, origin }) =>
      origin?.kind === 'context' ||
      (origin?.kind === 'made' &&
        !(entry.type === 'directory' && isAlike(before.files.index.get(entry.path), entry))),
  );
  if (own.length === 0) return [];
  const context = await world.context();
  const files = own.flatMap(({ origin }) =>
    origin?.kind === 'context' && origin.content.kind === 'context' ? [origin.content.entry] : [],
  );
  const facts = await contentFacts(context, files);
  const written = own.map(({ entry, origin }): CopyEntry => {
    if (origin?.kind !== 'context') return { entry, content: undefined, sha256: undefined };
    const { content } = origin;
    const sha256 =
      content.kind === 'bytes' ? hashBytes(content.bytes) : facts.get(content.entry.path)?.sha256;
    return { entry, content, sha256 };
  });
  const known = new Set(written.map(({ entry }) => entry.path));
  const above = [...ancestorsOf(known)]
    .filter((path) => !known.has(path))
    .map((path) => ({ entry: after.get(path) as PathEntry, content: undefined, sha256: undefined }));
  const all = [...written, ...above].sort((a, b) => (a.entry.path < b.entry.path ? -1 : 1));
  const plan = { context, entries: all, reason: undefined };
  return [
    {
      kind: 'copy',
      key: keyOf('copy-layer', { entries: copyKey(plan), compression }),
      title: `${[...new Set(moves.map(({ from }) => from))].join(', ')} of the build context`,
      line,
      bytes: written.reduce((sum, { entry }) => sum + entry.size, 0),
      write: (directory) => writeCopyLayer(plan, { directory, compression, mtime }),
    },
  ];
}

function contentsOf({ files }: ImageState, { entries }: Splice): ReadonlyMap<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  for (const { entry, source } of entries) {
    const text = source === undefined ? undefined : files.contents.get(source);
    if (text !== undefined) found.set(entry.path, Buffer.from(text));
  }
  return found;
}

/** Where the contents of files come from, for whoever copies them on. */
function whereFrom(before: ImageState, { entries }: Splice): Pick<ImageState, 'copied' | 'extracted'> {
  const copied = new Map(before.copied);
  const extracted = new Map<string, Extracted>(before.extracted);
  for (const { entry, origin } of entries) {
    copied.delete(entry.path);
    extracted.delete(entry.path);
    if (entry.type === 'directory') continue;
    if (origin?.kind === 'context') copied.set(entry.path, origin.content);
    if (origin?.kind === 'given') extracted.set(entry.path, { image: origin.image, path: origin.path });
  }
  return { copied, extracted };
}
