import { posix } from 'node:path';
import type { Context } from '../context/context.ts';
import { type BuildOptions, globalScope } from '../dockerfile/arguments.ts';
import { type StageGraph, type StageNode, stageNode } from '../dockerfile/graph.ts';
import type { Dockerfile } from '../dockerfile/parse.ts';
import type { Platform } from '../dockerfile/platform.ts';
import { LayerwrightError } from '../errors.ts';
import { applyInstruction } from '../image/config-apply.ts';
import { startFromImage, startFromStage } from '../image/config-start.ts';
import type { Compression } from '../layers/layer.ts';
import { pipConfigurations } from '../python/detect/detect-files.ts';
import { copyStep, homeOf, workdirStep } from './copy-step.ts';
import { type CuttableStage, cutStage, type Part, reconfigured } from './cut.ts';
import { fileStep } from './file-step.ts';
import { installStep } from './install/install-step.ts';
import type { InstalledStep, InstallWorld } from './install/installation.ts';
import { isRootUser } from './install/step-user.ts';
import type { Prefix, PrefixPoint } from './keep/prefix.ts';
import { afterSolve, atInstallation, withSkeleton } from './solve/after-solve.ts';
import { copiedBefore } from './solve/assumed-copies.ts';
import { mayInstall } from './solve/may-install.ts';
import {
  instructionsOf,
  mergeSegments,
  rangeOf,
  type SolveFacts,
  segmentOf,
  type WalkedSegment,
} from './solve/segments.ts';
import { skeletonText } from './solve/skeleton.ts';
import { projectReader } from './solve/skeleton-project.ts';
import { type SolveRequest, solveRequest } from './solve/solve-request.ts';
import { isSplit, whyUnsplit } from './solve/split-history.ts';
import { stageAfter, stateOf, statesOf } from './solve/stage-states.ts';
import { spliceStep } from './splice/splice-step.ts';
import { type GivenImage, type ImageState, type KnownBlob, MustRun, NotComposable } from './state.ts';

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
  /** What the build was given by `--secret`, by id: for logins of indexes. */
  readonly secrets: ReadonlyMap<string, string>;
  /** False if dependency steps are run and then split (`--way split`). */
  readonly composes: boolean;
  /** By line: what was found out not to be composable. */
  readonly forced: ReadonlyMap<number, { readonly reason: string; readonly hint: string | undefined }>;
  /** The bytes of a layer that is there, to take files from. */
  readonly openLayer: (blob: KnownBlob) => Promise<AsyncIterable<Uint8Array>>;
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
  /** True if BuildKit would have to run something for it: a project's wheel that is not built yet. */
  readonly mustRun: boolean;
}

/** Where a walk begins, if not at the base images, and which state on its way is wanted. */
export interface WalkOptions {
  readonly from?: Prefix;
  readonly wanted?: PrefixPoint | undefined;
  /** True if nothing is to be run: where something would have to be, what comes of it is not known. */
  readonly looksOnly?: boolean;
}

/**
 * Follows a Dockerfile from its base images to the target and finds out the layers of the image without making any.
 *
 * @throws NotComposable, LayerwrightError of the world, the Dockerfile, its requirements and its context
 */
export async function walk(
  request: ComposeRequest,
  world: World,
  { from, wanted, looksOnly = false }: WalkOptions = {},
): Promise<Walked> {
  const walker = new Map<number, Promise<ImageState>>();
  const segments: WalkedSegment[] = [];
  const installs: InstalledStep[] = [];
  const pending: SolveRequest[] = [];
  const unknown: UnknownPart[] = [];
  const stages = new Map<StageNode, CuttableStage>();
  /** Environments that something which is run had made before the step that would make them, by stage. */
  const found = new Set<string>();
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
        prefix = { state, segments: [...segments] };
    }
    return state;
  };

  const partsOf = (node: StageNode, state: ImageState) => {
    const stage: CuttableStage = {
      path: request.dockerfile.path,
      node,
      states: statesOf(node.instructions, state.stage),
      pipConfigurations: configurationsOf(state),
      hasEnvironment: (directory) => isEnvironment(state, directory),
      poetryConfigurations: poetryConfigurationsOf(state),
      home: homeOf(state.files, state.stage),
      secrets: request.secrets,
      composes: request.composes,
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

  /** A stage, or an image as a stage in which nothing is done. */
  const sourceOf = async (source: number | string, { stage }: ImageState): Promise<ImageState> =>
    typeof source === 'number'
      ? await stageEnd(source)
      : stateOf(await world.base(source, request.platform), stage);

  /** What is not composable upon an assumed state may well be upon the real one: it is looked at again then. */
  const walkPartSurely: typeof walkPart = async (node, part, state) => {
    try {
      return await walkPart(node, part, state);
    } catch (error) {
      const source = part.kind === 'splice' ? await sourceOf(part.source, state) : state;
      const unbuilt = looksOnly && error instanceof MustRun ? error.obstacles[0] : undefined;
      const trouble = error instanceof NotComposable ? error : (unbuilt ?? missingFile(error, node, part));
      if (trouble === undefined || !(unbuilt || state.assumed || source.assumed)) throw error;
      const { line, reason } = trouble;
      unknown.push({ kind: part.kind, line, reason, mustRun: unbuilt !== undefined });
      return { after: { ...state, stage: stageAfter(node, part, state.stage), assumed: true } };
    }
  };

  const walkPart = async (
    node: StageNode,
    part: Part,
    state: ImageState,
  ): Promise<{ after: ImageState; solve?: SolveFacts }> => {
    switch (part.kind) {
      case 'plain':
        return { after: await plainStep(request, world, state, node, part.at) };
      case 'install': {
        refuseCopied(state, node, part);
        const stage = stages.get(node) as CuttableStage;
        const told = reconfigured(stage, part, configurationsOf(state));
        const install = {
          ...told,
          selfMade: told.selfMade.filter((one) => !found.has(`${node.stage.index} ${one}`)),
        };
        const { after, installed } = await installStep(request, world, state, node, install);
        installs.push(...installed);
        return { after };
      }
      case 'splice': {
        const source = await sourceOf(part.source, state);
        return { after: await spliceStep(request, world, state, source, node, part) };
      }
      case 'skeleton': {
        const parent = atInstallation(state, node, part);
        const { at, why, need, binds } = part;
        refuseParentless(parent, need.directories, node.instructions[at]?.line ?? 0);
        for (const one of need.selfMade)
          if (isEnvironment(state, one)) found.add(`${node.stage.index} ${one}`);
        const projectOf = projectReader(request, world, state, { node, from: part.from, at, binds });
        const command = await skeletonText(need, projectOf);
        if (typeof command !== 'string')
          throw new NotComposable(node.instructions[at]?.line ?? 0, command.reason, command.hint);
        const solve = await solveRequest(request, world, parent, node, { from: at, to: at, command, why });
        const image = await world.solved(solve);
        if (image === undefined) pending.push(solve);
        return {
          after: image === undefined ? { ...state, assumed: true } : withSkeleton(state, image, solve),
          solve: { request: solve, isThere: image !== undefined, isSplit: false },
        };
      }
      case 'solved': {
        const solve = await solveRequest(request, world, state, node, { ...part, command: undefined });
        const image = await world.solved(solve);
        const own = instructionsOf(node, part);
        const copied =
          image === undefined && (await copiedBefore(request, world, state, own, statesOf(own, state.stage)));
        if (image === undefined) pending.push(solve);
        return {
          after: { ...afterSolve(state, node, part, solve, image), ...copied },
          solve: {
            request: solve,
            isThere: image !== undefined,
            isSplit: image === undefined ? mayInstall(solve) : isSplit(image),
            notSplit: image && whyUnsplit(image),
          },
        };
      }
    }
  };

  const target = request.graph.ancestry.at(-1) as StageNode;
  const state = await stageEnd(target.stage.index);
  const all = [...(from?.segments ?? []), ...segments];
  return { state, segments: mergeSegments(all), installs, pending, unknown, prefix };
}

function isEnvironment({ files }: ImageState, directory: string): boolean {
  return files.index.resolve(`${directory}/pyvenv.cfg`).entry?.type === 'file';
}

/** After the last costly instruction all that is left is composed. */
function plainAfter({ instructions }: StageNode, at: number): readonly Part[] {
  return instructions.slice(at + 1).map((_, index) => ({ kind: 'plain', at: at + 1 + index }));
}

/**
 * An environment that was made before files of the context were copied must not have any of them: its tool would have found them
 * there.
 */
function refuseCopied(
  { copied }: ImageState,
  { instructions }: StageNode,
  { at, made }: Extract<Part, { kind: 'install' }>,
): void {
  for (const path of made.length === 0 ? [] : copied.keys()) {
    const directory = made.find((one) => `/${path}`.startsWith(`${one}/`));
    if (directory !== undefined)
      throw new NotComposable(
        instructions[at]?.line ?? 0,
        `${directory} has files of the build context`,
        `Name ${posix.basename(directory)} in .dockerignore.`,
      );
  }
}

/** Whose the directory above an environment is must not be decided by what makes it: that comes earlier than it is written. */
function refuseParentless({ files, stage }: ImageState, directories: readonly string[], line: number): void {
  if (isRootUser(stage.image.config.User)) return;
  const lone = directories.find((one) => files.index.resolve(posix.dirname(one)).entry === undefined);
  if (lone !== undefined)
    throw new NotComposable(
      line,
      `${posix.dirname(lone)} is not there before`,
      'Make it with WORKDIR, below USER.',
    );
}

/** A requirements file that is not there yet may be written by what is to be solved below. */
function missingFile(error: unknown, { instructions }: StageNode, part: Part): NotComposable | undefined {
  if (!(error instanceof LayerwrightError) || error.code !== 'REQUIREMENT_FILE_MISSING') return undefined;
  return new NotComposable(instructions[rangeOf(part)[0]]?.line ?? 0, error.message);
}

/** Poetry's configuration of the user; undefined if there is one that was not read. */
function poetryConfigurationsOf({ files, stage }: ImageState): readonly string[] | undefined {
  const path = `${homeOf(files, stage)}/.config/pypoetry/config.toml`;
  const { path: resolved, entry } = files.index.resolve(path);
  if (entry === undefined) return [];
  const text = files.contents.get(resolved);
  return text === undefined ? undefined : [text];
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
  if (instruction.kind === 'run') return await fileStep(request, world.context, state, after, instruction);
  if (instruction.kind === 'workdir') return workdirStep(request, state, after, instruction.line);
  return after;
}
