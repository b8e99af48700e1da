import { join } from 'node:path';
import { normalPlatform, type Platform, platformText } from '../../dockerfile/platform.ts';
import { LayerwrightError } from '../../errors.ts';
import { inParallel } from '../../host/parallel.ts';
import { readPlainFile } from '../../host/plain-files.ts';
import type { Steps } from '../../host/steps.ts';
import { compilingVersion } from '../../layers/compiler.ts';
import { pythonFacts } from '../../python/detect/detect.ts';
import type { ImageInterpreter } from '../install/install-plan.ts';
import { compiledVersion, type LayerCompiler, type LayerSource } from '../keep/layer-source.ts';
import { isJobFailure, type RunSideJob } from '../solve/side-job.ts';
import { type DependencyLayer, type GivenImage, type ImageLayer, MustRun, NotComposable } from '../state.ts';
import type { World } from '../walk.ts';
import { compileJob, isPlainProgram, VERSION_FILE } from './compile-job.ts';

/** What has bytecode compiled in images. */
export interface CompileOptions {
  readonly layers: LayerSource;
  readonly steps: Steps;
  readonly base: World['base'];
  readonly run: RunSideJob;
  /** A new directory for files that are needed while the run lasts; absolute. */
  readonly subdirectory: () => Promise<string>;
  /** False if nothing may be run. */
  readonly maySolve: boolean;
  /** Of the Dockerfile, for people. */
  readonly path: string;
  /** Of the machine that builds: its programs run without an emulator. */
  readonly hostPlatform: Platform;
}

/**
 * Has the Python of the image compile, by BuildKit and without a network, what no Python of this machine may compile for: of all
 * layers that need it in one run for each interpreter. The layers then wait for what comes.
 *
 * @param layers of an image
 * @returns those that cannot be compiled yet: the image with their interpreter is still to be solved
 * @throws MustRun if nothing may be run
 */
export async function compileElsewhere(
  options: CompileOptions,
  layers: readonly ImageLayer[],
): Promise<ReadonlySet<ImageLayer>> {
  const missing = await options.layers.uncompiled(layers);
  const isReady = ({ planned: { interpreter } }: DependencyLayer) => hasInterpreter(interpreter);
  const ready = missing.filter(isReady);
  if (ready.length > 0 && !options.maySolve) throw mustRun(options, ready);
  for (const group of Map.groupBy(ready, interpreterKey).values()) {
    const compiled = compileGroup(options, group);
    for (const layer of group) options.layers.compileBy(layer, forLayer(compiled, layer));
  }
  return new Set(missing.filter((layer) => !isReady(layer)));
}

/** An image that is assumed may have another one, and one with triggers would have them run. */
function hasInterpreter({ image, python }: ImageInterpreter): boolean {
  const { entry } = image.files.index.resolve(python.executable);
  return (
    entry?.type === 'file' && image.image !== '' && !image.assumed && !image.config.config.OnBuild?.length
  );
}

function interpreterKey({ planned: { interpreter } }: DependencyLayer): string {
  return `${interpreter.image.image} ${interpreter.python.executable}`;
}

function mustRun({ path }: CompileOptions, layers: readonly DependencyLayer[]): MustRun {
  return new MustRun(
    [...Map.groupBy(layers, ({ line }) => line)].map(([line, group]) => {
      const version = compiledVersion(group[0] as DependencyLayer);
      return {
        ...{ place: `${path}:${line}`, line, instruction: 'RUN' },
        reason: `the bytecode of ${group.length} ${group.length === 1 ? 'layer' : 'layers'} has to be compiled by the image's own Python, once: there is no Python ${version} on this machine`,
        hint: `Install Python ${version} where the build runs (its standard library is enough), or build once without --way composed.`,
      };
    }),
  );
}

/** What the layers of one interpreter come to. */
interface CompiledGroup {
  readonly version: string;
  /** Names of the files with the answers of a layer, by its key, and where they are. */
  readonly answers: ReadonlyMap<string, LayerCompiler['compiler']>;
}

async function compileGroup(
  options: CompileOptions,
  layers: readonly DependencyLayer[],
): Promise<CompiledGroup> {
  const [{ planned, line }] = layers as readonly [DependencyLayer, ...DependencyLayer[]];
  const { image, python } = await runnable(options, planned.interpreter);
  if (!isPlainProgram(python.executable))
    throw new NotComposable(line, `${python.executable} is no usual path of a Python`);
  const directory = await options.subdirectory();
  const orders = join(directory, 'orders');
  const names = new Map<string, readonly string[]>();
  await inParallel(layers, AT_ONCE, async (layer) => {
    const place = join(orders, layer.key);
    names.set(layer.key, await options.layers.order(layer, place));
  });
  const title = `bytecode of ${layers.length} ${layers.length === 1 ? 'layer' : 'layers'}`;
  const job = compileJob({
    ...{ title, image: image.image, executable: python.executable, orders },
    platform: image.config,
  });
  const output = await options.steps
    .step(`Compiling ${title} by the image's Python ${python.version}`, () => options.run(job))
    .catch((error: unknown) => {
      if (!isJobFailure(error)) throw error;
      throw new NotComposable(line, `the image's Python does not compile: ${error.message}`);
    });
  const version = compilingVersion(await readText(join(output, VERSION_FILE)), python.version);
  if (version === undefined)
    throw new NotComposable(
      line,
      `${python.executable} of the image is not the Python ${python.version} that its files say`,
    );
  const answers = new Map(
    [...names].map(([key, files]) => [
      key,
      { answers: Object.fromEntries(files.map((name) => [name, join(output, key, name)])) },
    ]),
  );
  return { version, answers };
}

async function readText(path: string): Promise<string> {
  return (await readPlainFile(path))?.toString('utf8') ?? '';
}

/** Orders that are written at a time. */
const AT_ONCE = 4;

async function forLayer(
  compiled: Promise<CompiledGroup>,
  { key, line }: DependencyLayer,
): Promise<LayerCompiler> {
  try {
    const { version, answers } = await compiled;
    return { version, compiler: answers.get(key) as LayerCompiler['compiler'] };
  } catch (error) {
    // Each step is told of its own line.
    throw error instanceof NotComposable ? new NotComposable(line, error.reason, error.hint) : error;
  }
}

/** The same Python for the machine that builds, if the image's own would need an emulator: bytecode knows no processor. */
async function runnable(
  { base, hostPlatform }: CompileOptions,
  interpreter: ImageInterpreter,
): Promise<ImageInterpreter> {
  const { image, python } = interpreter;
  const platform = normalPlatform(image.config);
  if (image.reference === undefined || platformText(platform) === platformText(hostPlatform))
    return interpreter;
  const other = await base(image.reference, hostPlatform).catch((error: unknown) => {
    if (error instanceof LayerwrightError && error.code === 'IMAGE_UNKNOWN') return undefined;
    throw error;
  });
  return (other && samePython(other, python)) ?? interpreter;
}

function samePython(
  image: GivenImage,
  { executable, version }: ImageInterpreter['python'],
): ImageInterpreter | undefined {
  const found = pythonFacts({ ...image.files, env: image.config.config.Env ?? [] }, executable);
  if ('reason' in found || found.facts.version !== version) return undefined;
  const own = { image, python: found.facts };
  return hasInterpreter(own) ? own : undefined;
}
