import type { CacheRepository } from '../cache/repository.ts';
import { globalScope } from '../dockerfile/arguments.ts';
import type { Host } from '../host/host.ts';
import { inParallel } from '../host/parallel.ts';
import { startFromImage } from '../image/config-start.ts';
import { keptTag } from './keeper.ts';
import type { LayerOutcome, LayerSource } from './layer-source.ts';
import { type BlobOrigin, type ComposedImage, composedImage, publishImage } from './publish.ts';
import type { SolveRequest } from './solve-request.ts';
import { stateKey } from './solve-request.ts';
import { type ImageLayer, type ImageState, type KnownBlob, NotComposable, type Obstacle } from './state.ts';
import { type ComposeRequest, type Walked, type World, walk } from './walk.ts';

/** What composing takes. */
export interface Composer {
  readonly host: Host;
  readonly request: Omit<ComposeRequest, 'forced'>;
  readonly world: World;
  readonly layers: LayerSource;
  readonly cache: CacheRepository;
  readonly origin: BlobOrigin;
  /** RFC 3339: the time of intermediate images. */
  readonly created: string;
  /**
   * Has BuildKit solve a segment.
   *
   * @param from the image that it starts from, `HOST/PATH@sha256:...`
   * @param tag under which the result is put into the cache repository
   */
  readonly solve: (request: SolveRequest, from: string, tag: string) => Promise<void>;
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
  readonly solved: readonly SolveRequest[];
  readonly obstacles: readonly Obstacle[];
}

/** Layers that are found or made at a time; threads are fewer. */
const AT_ONCE = 16;

/**
 * Composes an image: walks the Dockerfile, has solved what must run, makes what is missing. While BuildKit solves, the layers
 * that are assumed to stand above are made already.
 *
 * @throws NotComposable if the whole Dockerfile has to be left to BuildKit; LayerwrightError of all parts
 */
export async function compose(composer: Composer): Promise<Composed> {
  const forced = new Map<number, { readonly reason: string; readonly hint: string | undefined }>();
  const solved: SolveRequest[] = [];
  for (;;) {
    try {
      const walked = await walk({ ...composer.request, forced }, composer.world);
      const next = walked.pending.find(({ parent }) => !parent.assumed);
      if (next === undefined) {
        const layers = await allLayers(composer, walked.state.layers);
        const obstacles = walked.segments.flatMap(({ why }) => why);
        return { walked, layers, solved, obstacles };
      }
      // What is made in vain is little: the keys are the same unless the segment changes Python or its directories.
      const ahead = allLayers(composer, walked.state.layers);
      ahead.catch(() => {});
      await solveSegment(composer, next);
      solved.push(next);
    } catch (error) {
      if (!(error instanceof NotComposable)) throw error;
      if (forced.has(error.line) || !isInstruction(composer.request, error.line)) throw error;
      forced.set(error.line, { reason: error.reason, hint: error.hint });
    }
  }
}

function isInstruction({ graph }: Pick<ComposeRequest, 'graph'>, line: number): boolean {
  return graph.stages.some(({ instructions }) => instructions.some((one) => one.line === line));
}

async function solveSegment(composer: Composer, request: SolveRequest): Promise<void> {
  const from = await imageOf(composer, request.parent);
  await composer.solve(request, from, solvedTag(request));
}

/** The tag of a solved segment's image. */
export function solvedTag({ key }: Pick<SolveRequest, 'key'>): string {
  return `lw-solved-${key}`;
}

/** A state as an image in a registry: the given one if nothing was added to it, else composed and put into the cache repository. */
async function imageOf(composer: Composer, state: ImageState): Promise<string> {
  const { dockerfile, options } = composer.request;
  const { given, stage } = state;
  const started = startFromImage(dockerfile, globalScope(dockerfile, options), given.config);
  const same = JSON.stringify(started.state?.image.config) === JSON.stringify(stage.image.config);
  if (same && state.layers.length === given.layers.length) return given.image;
  const layers = await allLayers(composer, state.layers);
  const image = composedOf(state, layers, composer.created);
  const published = await publishImage(
    composer.cache,
    [keptTag('plan', stateKey(state))],
    image,
    composer.origin,
  );
  return `${composer.cache.name}@${published.digest}`;
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

function allLayers(
  { layers: source }: Composer,
  layers: readonly ImageLayer[],
): Promise<readonly ComposedLayer[]> {
  return inParallel(layers, AT_ONCE, async (layer) => {
    if (layer.kind === 'given')
      return { layer, blob: layer.blob, outcome: 'given', sentBytes: 0, seconds: 0 };
    return { layer, ...(await source.get(layer)) };
  });
}
