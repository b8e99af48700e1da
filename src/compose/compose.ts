import type { CacheRepository } from '../cache/repository.ts';
import { globalScope } from '../dockerfile/arguments.ts';
import { inParallel } from '../host/parallel.ts';
import type { Steps } from '../host/steps.ts';
import { startFromImage } from '../image/config-start.ts';
import type { Compiler } from '../layers/compiler.ts';
import { type Keeper, keptTag } from './keep/keeper.ts';
import type { LayerOutcome, LayerSource } from './keep/layer-source.ts';
import { findPrefix, keepPrefix, type PrefixPoint, prefixKey, prefixPoint } from './keep/prefix.ts';
import { type BlobOrigin, type ComposedImage, composedImage, publishImage } from './publish.ts';
import { mayInstall } from './solve/may-install.ts';
import type { SolveRequest } from './solve/solve-request.ts';
import { stateKey } from './solve/solve-request.ts';
import {
  type GivenImage,
  type ImageLayer,
  type ImageState,
  type KnownBlob,
  MustRun,
  NotComposable,
} from './state.ts';
import { type ComposeRequest, type Walked, type World, walk } from './walk.ts';

/** What composing takes. */
export interface Composer {
  readonly request: Omit<ComposeRequest, 'forced'>;
  readonly world: World;
  readonly layers: LayerSource;
  readonly cache: CacheRepository;
  readonly keeper: Keeper;
  readonly steps: Steps;
  readonly origin: BlobOrigin;
  /** RFC 3339: the time of intermediate images. */
  readonly created: string;
  /** False if nothing may be run: then all that would have to be is an error. */
  readonly maySolve: boolean;
  /**
   * Makes sure, before anything is solved, that the results can be kept and the image be pushed.
   *
   * @throws NotComposable if the cache repository keeps nothing
   */
  readonly readyToSolve: () => Promise<void>;
  /** Resolves if the image may be pushed where it is to go; asked side by side with the first layers that are made. */
  readonly readyToPush: () => Promise<void>;
  /**
   * Has BuildKit solve a segment, into the cache repository under a tag, or into an OCI image layout on this machine.
   *
   * @param from the image that it starts from, `HOST/PATH@sha256:...`
   */
  readonly solve: (request: SolveRequest, from: string, target: SolveTarget) => Promise<void>;
  /** Says that a segment is solved now. @param image what it came to, if that is known already */
  readonly hasSolved: (request: SolveRequest, image?: GivenImage) => Promise<void>;
  /**
   * Has compiled in images what this machine cannot compile for.
   *
   * @returns layers whose image has to be solved first
   * @throws MustRun if nothing may be run
   */
  readonly compile: (layers: readonly ImageLayer[]) => Promise<ReadonlySet<ImageLayer>>;
  /** A new directory for files that are needed while the run lasts; absolute. */
  readonly subdirectory: () => Promise<string>;
  /** A program of the image's minor version that compiles. */
  readonly compilerFor: (minor: string) => Promise<Compiler | undefined>;
  /** Further small files of solved images whose contents are kept. */
  readonly alsoWanted: (path: string) => boolean;
  readonly signal: AbortSignal | undefined;
}

/** Where the result of a segment goes. */
export type SolveTarget =
  | { readonly kind: 'repository'; readonly tag: string }
  /** An OCI image layout; the directory is absolute and not there yet. */
  | { readonly kind: 'layout'; readonly directory: string };

/** A segment that BuildKit solved in this run. */
export interface SolvedSegment {
  readonly request: SolveRequest;
  /** Bytes that we sent for it to the cache repository, where its layers were split. */
  readonly sentBytes: number;
}

/** A layer of the composed image, and what became of it. */
export interface ComposedLayer extends Omit<LayerOutcome, 'blob' | 'outcome'> {
  readonly layer: ImageLayer;
  readonly blob: KnownBlob | undefined;
  readonly outcome: LayerOutcome['outcome'] | 'given';
}

/** What composing came to; the image's manifest is the caller's. */
export interface Composed {
  readonly walked: Walked;
  readonly layers: readonly ComposedLayer[];
  /** Segments that BuildKit solved in this run. */
  readonly solved: readonly SolvedSegment[];
  /** Names the state that later builds with the same dependencies begin from; undefined if there is none. */
  readonly prefixKey: string | undefined;
  /** True if it began from that state itself: what stands below was not looked at. */
  readonly isBegun: boolean;
  /** Keeps what the next build with the same dependencies begins from. */
  readonly keep: () => Promise<void>;
}

/** Layers that are found or made at a time; threads are fewer. */
const AT_ONCE = 16;

/**
 * Composes an image: walks the Dockerfile, has solved what must run, makes what is missing. While BuildKit solves, the layers
 * that are assumed to stand above are made already.
 *
 * @param begins false if it may not begin from the state that an earlier build kept
 * @throws NotComposable if the whole Dockerfile has to be left to BuildKit; MustRun if it may not run what has to run;
 *   LayerwrightError of all parts
 */
export async function compose(composer: Composer, { begins = true } = {}): Promise<Composed> {
  const { request, world, keeper } = composer;
  const point = prefixPoint(request.graph);
  const key = point && (await prefixKey({ ...request, forced: NOTHING_FORCED }, world, point));
  const begun = begins && point && key && (await composeFrom(composer, point, key));
  if (begun) return begun;
  const solved: SolvedSegment[] = [];
  return await withForcedLines(composer, async (forced) => {
    for (;;) {
      const walked = await walk({ ...request, forced }, world, { wanted: point });
      if (!composer.maySolve && walked.pending.length > 0)
        throw new MustRun(walked.pending.flatMap(({ why }) => why));
      const next = walked.pending.find(({ parent }) => !parent.assumed);
      if (next === undefined) {
        const layers = await allLayers(composer, walked.state.layers);
        const { prefix } = walked;
        const blobs = layers.slice(0, prefix?.state.layers.length).map(({ blob }) => blob);
        const keep = async () => {
          if (prefix && key) await keepPrefix(keeper, key, prefix, blobs);
        };
        return { walked, layers, solved, prefixKey: key, isBegun: false, keep };
      }
      if (solved.some(({ request: before }) => before.key === next.key))
        throw new NotComposable(0, `what BuildKit solved is not in ${composer.cache.name} afterwards`);
      // What is made in vain is little: the keys are the same unless the segment changes Python or its directories.
      const ahead = layersAhead(composer, walked.state.layers);
      ahead.catch(() => {});
      solved.push(await solveSegment(composer, next));
    }
  });
}

const NOTHING_FORCED: ComposeRequest['forced'] = new Map();

/** Begins from the state that an earlier build kept; undefined if there is none, or the rest is not composed after all. */
async function composeFrom(
  composer: Composer,
  point: PrefixPoint,
  key: string,
): Promise<Composed | undefined> {
  const request = { ...composer.request, forced: NOTHING_FORCED };
  const from = await findPrefix(composer.keeper, request, point, key);
  if (from === undefined) return undefined;
  try {
    const walked = await walk(request, composer.world, { from });
    const layers = await allLayers(composer, walked.state.layers);
    const nothing = { solved: [], keep: async () => {} };
    return { walked, layers, prefixKey: key, isBegun: true, ...nothing };
  } catch (error) {
    if (error instanceof NotComposable) return undefined;
    throw error;
  }
}

/**
 * The walk alone: nothing is made, solved or sent.
 *
 * @throws as {@link compose}
 */
export async function walkSurely({ request, world }: Pick<Composer, 'request' | 'world'>): Promise<Walked> {
  return await withForcedLines({ request }, (forced) =>
    walk({ ...request, forced }, world, { looksOnly: true }),
  );
}

/** Works with more and more lines left to BuildKit, as they turn out not to be composable. */
async function withForcedLines<T>(
  { request }: Pick<Composer, 'request'>,
  work: (forced: ComposeRequest['forced']) => Promise<T>,
): Promise<T> {
  const forced = new Map<number, { readonly reason: string; readonly hint: string | undefined }>();
  for (;;) {
    try {
      return await work(forced);
    } catch (error) {
      if (!(error instanceof NotComposable)) throw error;
      if (forced.has(error.line) || !isInstruction(request, error.line)) throw error;
      forced.set(error.line, { reason: error.reason, hint: error.hint });
    }
  }
}

function isInstruction({ graph }: Pick<ComposeRequest, 'graph'>, line: number): boolean {
  return graph.stages.some(({ instructions }) => instructions.some((one) => one.line === line));
}

/** Where something is installed, the layers are laid out anew before they go to the cache repository. */
async function solveSegment(composer: Composer, request: SolveRequest): Promise<SolvedSegment> {
  await composer.readyToSolve();
  const { image: from, blobs } = await imageOf(composer, request.parent);
  const tag = solvedTag(request);
  if (!mayInstall(request)) {
    await composer.solve(request, from, { kind: 'repository', tag });
    await composer.hasSolved(request);
    return { request, sentBytes: 0 };
  }
  const directory = await composer.subdirectory();
  await composer.solve(request, from, { kind: 'layout', directory: `${directory}/layout` });
  const { publishSegment } = await import('./solve/split-segment.ts');
  const { image, sentBytes } = await publishSegment(composer, request, {
    layout: `${directory}/layout`,
    directory,
    below: blobs,
    tag,
  });
  await composer.hasSolved(request, image);
  return { request, sentBytes };
}

/** The tag of a solved segment's image. */
export function solvedTag({ key }: Pick<SolveRequest, 'key'>): string {
  return `lw-solved-${key}`;
}

/** A state as an image in a registry: the given one if nothing was added to it, else composed and put into the cache repository. */
export async function imageOf(
  composer: Composer,
  state: ImageState,
): Promise<{ readonly image: string; readonly blobs: readonly KnownBlob[] }> {
  const { dockerfile, options } = composer.request;
  const { given, stage } = state;
  const started = startFromImage(dockerfile, globalScope(dockerfile, options), given.config);
  const same = JSON.stringify(started.state?.image.config) === JSON.stringify(stage.image.config);
  if (same && state.layers.length === given.layers.length)
    return { image: given.image, blobs: given.layers.map(({ blob }) => blob) };
  const layers = await allLayers(composer, state.layers);
  const image = composedOf(state, layers, composer.created);
  const published = await publishImage(
    composer.cache,
    [keptTag('plan', stateKey(state))],
    image,
    composer.origin,
  );
  return { image: `${composer.cache.name}@${published.digest}`, blobs: image.blobs };
}

/** The image of a state whose layers are there, for BuildKit to start from. */
function composedOf(state: ImageState, layers: readonly ComposedLayer[], created: string): ComposedImage {
  // BuildKit would run its triggers.
  const { OnBuild: _, ...config } = state.stage.image.config;
  return composedImage(
    state,
    { ...state.stage.image, config },
    layers.map(({ blob }) => blob),
    created,
  );
}

/** Makes what can be made before all below it is solved. */
async function layersAhead(composer: Composer, layers: readonly ImageLayer[]): Promise<void> {
  const waiting = await composer.compile(layers);
  await allLayers(
    composer,
    layers.filter((one) => !waiting.has(one)),
  );
}

async function allLayers(
  { layers: source, steps, readyToPush, compile: compileMissing }: Composer,
  layers: readonly ImageLayer[],
): Promise<readonly ComposedLayer[]> {
  const found = await inParallel(layers, AT_ONCE, async (layer) =>
    layer.kind === 'dependency' && !(await source.isThere(layer)) ? [layer] : [],
  );
  const missing = found.flat();
  const count = missing.length;
  const get = () =>
    inParallel(layers, AT_ONCE, async (layer): Promise<ComposedLayer> => {
      if (layer.kind !== 'given') return { layer, ...(await source.get(layer)) };
      const outcome = layer.title === undefined ? 'given' : 'found';
      return { layer, blob: layer.blob, outcome, sentBytes: 0, seconds: 0 };
    });
  if (count === 0) return await get();
  // Wheels come while it is found out which Pythons there are.
  inParallel(missing, AT_ONCE, source.fetch).catch(() => {});
  await compileMissing(missing);
  const [made] = await steps.step(`Making ${count} of ${layers.length} layers`, () =>
    Promise.all([get(), readyToPush()]),
  );
  return made;
}
