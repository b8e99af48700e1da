import type { Context } from '../context/context.ts';
import { type BuildOptions, globalScope } from '../dockerfile/arguments.ts';
import { type StageGraph, type StageNode, stageNode } from '../dockerfile/graph.ts';
import type { Dockerfile } from '../dockerfile/parse.ts';
import type { Platform } from '../dockerfile/platform.ts';
import { LayerwrightError } from '../errors.ts';
import { applyInstruction } from '../image/config-apply.ts';
import { type StageState, startFromImage, startFromStage } from '../image/config-start.ts';
import type { Compression } from '../layers/layer.ts';
import { pipConfigurations } from '../python/detect-files.ts';
import { copiedBefore } from './assumed-copies.ts';
import { copyStep, homeOf, workdirStep } from './copy-step.ts';
import { type CuttableStage, cutStage, type Part, reconfigured } from './cut.ts';
import { type InstalledStep, type InstallWorld, installStep } from './install-step.ts';
import type { Prefix, PrefixPoint } from './prefix.ts';
import { type SolveRequest, solveRequest } from './solve-request.ts';
import { spliceStep } from './splice-step.ts';
import { type GivenImage, type ImageState, type KnownBlob, NotComposable, type Obstacle } from './state.ts';

/** What a walk asks of the world; each answer is kept by it. */
export interface World extends InstallWorld {
  /** What a reference names now, `HOST/PATH@sha256:...`: of an index, not yet of a platform. */
  readonly digest: (reference: string) => Promise<string>;
  readonly base: (reference: string, platform: Platform) => Promise<GivenImage>;
  /** What a segment was solved to; undefined if that is not known yet. */
  readonly solved: (request: SolveRequest) => Promise<GivenImage | undefined>;
  readonly context: () => Promise<Context>;
}

/** What is to be composed. */
export interface ComposeRequest {
  readonly dockerfile: Dockerfile;
  readonly graph: StageGraph;
  readonly options: BuildOptions;
  readonly platform: Platform;
  /** Flags of the build that decide how RUN runs: `--network`, `host`, ... */
  readonly runFlags: readonly string[];
  readonly compression: Compression;
  /** Seconds since 1970 of the files of the application. */
  readonly mtime: number;
  /** By line: what was found out not to be composable. */
  readonly forced: ReadonlyMap<number, { readonly reason: string; readonly hint: string | undefined }>;
  /** The bytes of a layer that is there, to take files from. */
  readonly openLayer: (blob: KnownBlob) => Promise<AsyncIterable<Uint8Array>>;
}

/** A run of instructions of one stage that is produced in one way; lines count from 1. */
export interface WalkedSegment {
  readonly kind: 'composed' | 'solved';
  readonly stage: string;
  readonly fromLine: number;
  readonly toLine: number;
  readonly why: readonly Obstacle[];
  /** Of a solved one. */
  readonly request: SolveRequest | undefined;
  readonly isThere: boolean;
  /** How many layers it adds to its stage. */
  readonly layers: number;
}

/** Where a walk came to. */
export interface Walked {
  readonly state: ImageState;
  readonly segments: readonly WalkedSegment[];
  readonly installs: readonly InstalledStep[];
  /** Segments that must be solved first; what stands above them is assumed. In the order in which they can be solved. */
  readonly pending: readonly SolveRequest[];
  /** Instructions of which it is not known yet what they add, since what is below them is assumed. */
  readonly unknown: readonly UnknownPart[];
  /** The state at the point that was to be kept, with the segments up to there. */
  readonly prefix: Pick<Prefix, 'state' | 'segments'> | undefined;
}

/** An instruction that could not be followed upon an assumed image. */
export interface UnknownPart {
  readonly kind: Part['kind'];
  readonly line: number;
  /** Half a sentence. */
  readonly reason: string;
}

/** Where a walk begins, if not at the base images, and which state on its way is wanted. */
export interface WalkOptions {
  readonly from?: Prefix;
  readonly wanted?: PrefixPoint | undefined;
}

/**
 * Follows a Dockerfile from its base images to the target and finds out the layers of the image without making any.
 *
 * @throws NotComposable, LayerwrightError of the world, the Dockerfile, its requirements and its context
 */
export async function walk(
  request: ComposeRequest,
  world: World,
  { from, wanted }: WalkOptions = {},
): Promise<Walked> {
  const walker = new Map<number, Promise<ImageState>>();
  const segments: WalkedSegment[] = [];
  const installs: InstalledStep[] = [];
  const pending: SolveRequest[] = [];
  const unknown: UnknownPart[] = [];
  const stages = new Map<StageNode, CuttableStage>();
  let prefix: Walked['prefix'];

  const stageEnd = (index: number): Promise<ImageState> => {
    const known = walker.get(index);
    if (known) return known;
    const started = walkStage(stageNode(request.graph, index));
    walker.set(index, started);
    return started;
  };

  const walkStage = async (node: StageNode): Promise<ImageState> => {
    const isBegun = from?.point.node.stage.index === node.stage.index;
    let state = isBegun ? from.state : await startOf(node);
    const parts = isBegun ? plainAfter(node, from.point.at) : partsOf(node, state);
    for (const part of parts) {
      const before = state.layers.length;
      const { after, solve } = await walkPartSurely(node, part, state);
      state = after;
      segments.push(segmentOf(node, part, state.layers.length - before, solve));
      if (wanted?.node.stage.index === node.stage.index && rangeOf(part)[1] === wanted.at)
        prefix = { state, segments: mergeSegments(segments) };
    }
    return state;
  };

  const partsOf = (node: StageNode, state: ImageState) => {
    const stage: CuttableStage = {
      path: request.dockerfile.path,
      node,
      states: statesOf(node.instructions, state.stage),
      pipConfigurations: configurationsOf(state),
      forced: request.forced,
    };
    stages.set(node, stage);
    return cutStage(stage);
  };

  const startOf = async (node: StageNode): Promise<ImageState> => {
    const { base, stage } = node;
    if (base.kind === 'stage') {
      const state = await stageEnd(base.index);
      const started = startFromStage(state.stage);
      if (started.reason !== undefined) throw new NotComposable(stage.line, started.reason);
      return { ...state, stage: started.state };
    }
    if (base.kind !== 'image')
      throw new NotComposable(
        stage.line,
        base.kind === 'scratch' ? 'the stage starts from scratch' : 'a build context stands for its base',
      );
    const image = await world.base(base.reference, base.platform ?? request.platform);
    const global = globalScope(request.dockerfile, request.options);
    const started = startFromImage(request.dockerfile, global, image.config);
    if (started.reason !== undefined) throw new NotComposable(stage.line, started.reason);
    return stateOf(image, started.state);
  };

  /** What is not composable upon an assumed state may well be upon the real one: it is looked at again then. */
  const walkPartSurely: typeof walkPart = async (node, part, state) => {
    try {
      return await walkPart(node, part, state);
    } catch (error) {
      const source = part.kind === 'splice' ? await stageEnd(part.source) : state;
      const trouble = error instanceof NotComposable ? error : missingFile(error, node, part);
      if (trouble === undefined || !(state.assumed || source.assumed)) throw error;
      unknown.push({ kind: part.kind, line: trouble.line, reason: trouble.reason });
      return { after: { ...state, stage: stageAfter(node, part, state.stage), assumed: true } };
    }
  };

  const walkPart = async (
    node: StageNode,
    part: Part,
    state: ImageState,
  ): Promise<{ after: ImageState; solve?: { request: SolveRequest; isThere: boolean } }> => {
    switch (part.kind) {
      case 'plain':
        return { after: await plainStep(request, world, state, node, part.at) };
      case 'install': {
        const stage = stages.get(node) as CuttableStage;
        const install = reconfigured(stage, part, configurationsOf(state));
        const { after, installed } = await installStep(request, world, state, node, install);
        installs.push(...installed);
        return { after };
      }
      case 'splice': {
        const source = await stageEnd(part.source);
        return { after: spliceStep(request, state, source, node, part) };
      }
      case 'solved': {
        const solve = await solveRequest(request, world, state, node, part);
        const image = await world.solved(solve);
        const own = instructionsOf(node, part);
        const copied =
          image === undefined && (await copiedBefore(request, world, state, own, statesOf(own, state.stage)));
        if (image === undefined) pending.push(solve);
        return {
          after: { ...afterSolve(state, node, part, solve, image), ...copied },
          solve: { request: solve, isThere: image !== undefined },
        };
      }
    }
  };

  const target = request.graph.ancestry.at(-1) as StageNode;
  const state = await stageEnd(target.stage.index);
  const all = [...(from?.segments ?? []), ...segments];
  return { state, segments: mergeSegments(all), installs, pending, unknown, prefix };
}

/** After the last costly instruction all that is left is composed. */
function plainAfter({ instructions }: StageNode, at: number): readonly Part[] {
  return instructions.slice(at + 1).map((_, index) => ({ kind: 'plain', at: at + 1 + index }));
}

/** A requirements file that is not there yet may be written by what is to be solved below. */
function missingFile(error: unknown, { instructions }: StageNode, part: Part): NotComposable | undefined {
  if (!(error instanceof LayerwrightError) || error.code !== 'REQUIREMENT_FILE_MISSING') return undefined;
  return new NotComposable(instructions[rangeOf(part)[0]]?.line ?? 0, error.message);
}

/** A state that is an image as it stands. */
export function stateOf(image: GivenImage, stage: StageState): ImageState {
  const { layers, files, assumed = false } = image;
  return { stage, layers, files, given: image, installs: [], copied: new Map(), assumed };
}

/** What each instruction sees, files aside; the last one is what stands at their end. */
function statesOf(instructions: StageNode['instructions'], first: StageState): readonly StageState[] {
  const states = [first];
  for (const instruction of instructions) {
    const applied = applyInstruction(states.at(-1) as StageState, instruction);
    if (applied.reason !== undefined) throw new NotComposable(instruction.line, applied.reason);
    states.push(applied.state);
  }
  return states;
}

/** Those that were read: a step looks itself for one that was not. */
function configurationsOf({ files, stage }: ImageState): readonly string[] {
  const image = { ...files, env: stage.image.config.Env ?? [] };
  return pipConfigurations(image, '/usr/local', homeOf(image, stage)).flatMap(({ content }) => content ?? []);
}

async function plainStep(
  request: ComposeRequest,
  world: World,
  state: ImageState,
  node: StageNode,
  at: number,
): Promise<ImageState> {
  const instruction = node.instructions[at] as StageNode['instructions'][number];
  const applied = applyInstruction(state.stage, instruction);
  if (applied.reason !== undefined) throw new NotComposable(instruction.line, applied.reason);
  const after = { ...state, stage: applied.state };
  if (instruction.kind === 'copy' || instruction.kind === 'add')
    return await copyStep(request, await world.context(), state, after, instruction);
  if (instruction.kind === 'workdir') return workdirStep(request, state, after, instruction.line);
  return after;
}

/** The state after a solved segment: as it was solved, or as it is assumed while it is not. */
function afterSolve(
  before: ImageState,
  node: StageNode,
  part: Extract<Part, { kind: 'solved' }>,
  solve: SolveRequest,
  image: GivenImage | undefined,
): ImageState {
  const simulated = stageAfter(node, part, before.stage);
  if (image === undefined) return { ...before, stage: simulated, assumed: true };
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
  return stateOf(image, { ...simulated, image: { ...simulated.image, history } });
}

function rangeOf(part: Part): readonly [from: number, to: number] {
  return part.kind === 'plain' || part.kind === 'install' ? [part.at, part.at] : [part.from, part.to];
}

function instructionsOf({ instructions }: StageNode, part: Part): StageNode['instructions'] {
  const [from, to] = rangeOf(part);
  return instructions.slice(from, to + 1);
}

/** What stands after a part, files aside. */
function stageAfter(node: StageNode, part: Part, before: StageState): StageState {
  return statesOf(instructionsOf(node, part), before).at(-1) as StageState;
}

function segmentOf(
  { stage, instructions }: StageNode,
  part: Part,
  layers: number,
  solve: { request: SolveRequest; isThere: boolean } | undefined,
): WalkedSegment {
  const [from, to] = rangeOf(part);
  return {
    kind: part.kind === 'solved' ? 'solved' : 'composed',
    stage: stage.name ?? `stage ${stage.index}`,
    fromLine: instructions[from]?.line ?? stage.line,
    toLine: stage.instructions[to]?.endLine ?? stage.line,
    why: part.kind === 'solved' ? part.why : [],
    request: solve?.request,
    isThere: solve?.isThere ?? true,
    layers,
  };
}

/** Neighbouring composed parts of a stage are one segment. */
function mergeSegments(segments: readonly WalkedSegment[]): readonly WalkedSegment[] {
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
