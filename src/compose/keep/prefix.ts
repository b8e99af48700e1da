import { fileContent } from '../../cache/file-content.ts';
import { isRemoteSource } from '../../dockerfile/expanded-copy.ts';
import type { StageGraph, StageNode } from '../../dockerfile/graph.ts';
import type { TypedInstruction } from '../../dockerfile/instruction.ts';
import { stageScope } from '../../dockerfile/scope.ts';
import type { StageState } from '../../image/config-start.ts';
import type { Descriptor, ImageConfig } from '../../image/oci.ts';
import { keyOf } from '../../plan/key.ts';
import { mayBeHousekeeping } from '../file-step.ts';
import { type InputWorld, stageInputs } from '../solve/inputs.ts';
import type { WalkedSegment } from '../solve/segments.ts';
import { type GivenLayer, type ImageState, type KnownBlob, NotComposable } from '../state.ts';
import type { ComposeRequest, Walked } from '../walk.ts';
import type { Keeper } from './keeper.ts';
import { factsLayer, readKeptFacts } from './kept-facts.ts';

/** The last instruction on the way to the target that runs something costly or takes files from a stage. */
export interface PrefixPoint {
  readonly node: StageNode;
  /** Index of the stage's instructions. */
  readonly at: number;
}

/** A state that an earlier build came to with the same inputs: what follows only copies the context and sets configuration. */
export interface Prefix {
  readonly point: PrefixPoint;
  readonly state: ImageState;
  readonly segments: readonly WalkedSegment[];
}

/** What is kept of it; its files are a blob. */
interface KeptPrefix {
  readonly image: ImageConfig;
  readonly commandSet: boolean;
  readonly baseEnvironment: readonly string[];
  readonly layers: readonly {
    readonly descriptor: Descriptor;
    readonly diffId: string;
    readonly repository: string;
    readonly title: string | null;
  }[];
  readonly segments: readonly Omit<WalkedSegment, 'request'>[];
}

/** Undefined if there is none: then there is nothing that would be worth keeping. */
export function prefixPoint({ ancestry }: StageGraph): PrefixPoint | undefined {
  for (const node of ancestry.toReversed()) {
    const at = node.instructions.findLastIndex(isCostly);
    if (at >= 0) return { node, at };
  }
  return undefined;
}

function isCostly(instruction: TypedInstruction): boolean {
  // If it is no such one after all, the walk from here ends as one that is not composable.
  if (instruction.kind === 'run') return !mayBeHousekeeping(instruction);
  if (instruction.kind !== 'copy' && instruction.kind !== 'add') return false;
  return Boolean(instruction.from) || instruction.sources.some(isRemoteSource);
}

/**
 * Names everything that decides the state at a point: the instructions up to there, what they read, the build's arguments, the
 * digests of the images. Undefined if it may come to something else next time, or is not surely known.
 */
export async function prefixKey(
  request: ComposeRequest,
  world: InputWorld,
  { node, at }: PrefixPoint,
): Promise<string | undefined> {
  const { options, platform, compression, graph, runFlags } = request;
  try {
    const inputs = await stageInputs(request, world, node, at + 1);
    if (inputs.volatile) return undefined;
    return keyOf('prefix', {
      inputs: inputs.key,
      stages: graph.stages.map(({ stage }) => stage.from.scanned.logical),
      arguments: Object.fromEntries(options.buildArguments),
      target: options.target,
      platform: { ...platform },
      flags: runFlags,
      compression,
    });
  } catch (error) {
    if (error instanceof NotComposable) return undefined;
    throw error;
  }
}

/** The state that was kept under a key; undefined if there is none, or it is damaged. */
export async function findPrefix(
  keeper: Keeper,
  { dockerfile, options }: ComposeRequest,
  point: PrefixPoint,
  key: string,
): Promise<Prefix | undefined> {
  const artifact = await keeper.find('plan', key);
  const kept = artifact?.config as KeptPrefix | undefined;
  const files = artifact && kept?.image && (await readKeptFacts(keeper, artifact));
  if (files === undefined || kept === undefined) return undefined;
  const scopes = stageScope(dockerfile, point.node.stage, options, kept.baseEnvironment);
  const scope = scopes[point.at + 1];
  if (scope === undefined) return undefined;
  const layers = kept.layers.map(
    ({ title, ...known }): GivenLayer => ({ kind: 'given', blob: known, ...(title !== null && { title }) }),
  );
  const stage: StageState = { image: kept.image, scope, commandSet: kept.commandSet };
  const given = { image: '', config: kept.image, layers, files, below: undefined };
  const state = { stage, layers, files, given, installs: [], copied: new Map(), assumed: false };
  return { point, state, segments: kept.segments.map((segment) => ({ ...segment, request: undefined })) };
}

/**
 * Keeps a state for builds with the same inputs.
 *
 * @param blobs of its layers, in order; undefined for one with nothing in it
 */
export async function keepPrefix(
  keeper: Keeper,
  key: string,
  { state, segments }: { readonly state: ImageState; readonly segments: Walked['segments'] },
  blobs: readonly (KnownBlob | undefined)[],
): Promise<void> {
  // A layer that has nothing in it is known to have nothing only now: its line of the history would have to change with it.
  if (blobs.includes(undefined)) return;
  const known = blobs as readonly KnownBlob[];
  const kept: KeptPrefix = {
    image: state.stage.image,
    commandSet: state.stage.commandSet,
    baseEnvironment: baseOf(state).config.config.Env ?? [],
    layers: state.layers.map((layer, at) => {
      const { descriptor, diffId, repository = keeper.repository.name } = known[at] as KnownBlob;
      const title = layer.kind === 'given' ? (layer.title ?? null) : layer.title;
      return { descriptor, diffId, repository, title };
    }),
    segments: segments.map(({ request: _, ...segment }) => ({ ...segment, isThere: true })),
  };
  // The history tells what arguments a command was given: of those that are logins the image alone shall know.
  if (holdsLogin(JSON.stringify(kept))) return;
  // Small layers are nowhere but in the image so far.
  const small = known.flatMap(({ descriptor: of, repository, file }) =>
    repository === undefined && file !== undefined ? [{ descriptor: of, content: fileContent(file) }] : [],
  );
  await keeper.keep('plan', key, kept, [factsLayer(state.files), ...small]);
}

/** A login in a URL, or an argument that is one by its name. */
function holdsLogin(text: string): boolean {
  return (
    /:\/\/[^\s/"@]+@/.test(text) || /\b\w*(?:token|secret|passw|credential|api_?key)\w*=[^\s"]/i.test(text)
  );
}

function baseOf({ given }: ImageState): ImageState['given'] {
  let base = given;
  while (base.below !== undefined) base = base.below;
  return base;
}
