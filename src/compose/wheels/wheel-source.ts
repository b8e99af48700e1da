import type { Dockerfile } from '../../dockerfile/parse.ts';
import type { LayerwrightError } from '../../errors.ts';
import type { Steps } from '../../host/steps.ts';
import type { LockedWheel, WheelFacts } from '../../python/lock.ts';
import type { Keeper } from '../keep/keeper.ts';
import { isJobFailure, type RunSideJob } from '../solve/side-job.ts';
import { stateKey } from '../solve/solve-request.ts';
import { type ImageState, MustRun } from '../state.ts';
import { builtWheel, contentsOf, findWheel, keepWheel } from './wheel-artifact.ts';
import { type WheelBuild, wheelKey } from './wheel-build.ts';
import { wheelDockerfile } from './wheel-dockerfile.ts';
import type { LeftBehind } from './wheel-left.ts';
import { type Order, wheelOrder } from './wheel-order.ts';
import { WHEEL_PROGRAM } from './wheel-program.ts';
import { readWheelResult } from './wheel-result.ts';

/** A wheel that was built, in this run or an earlier one. */
export interface BuiltWheel {
  readonly key: string;
  /** Its address is `layerwright:wheel/KEY`: see `withBuiltWheels`. */
  readonly wheel: LockedWheel;
  /** Name, version, Requires-Dist and so on: nothing has to be fetched to plan with it. */
  readonly facts: WheelFacts;
  /**
   * What the tool writes into the dist-info beside the wheel's own files, INSTALLER, REQUESTED and RECORD, by name: of a directory
   * `direct_url.json`; of uv `uv_cache.json` and `uv_build.json`.
   */
  readonly files: Readonly<Record<string, string>>;
  /** What the build leaves in the image beside that; see `leftLayer`. */
  readonly left: LeftBehind;
  /** True if it was built in this run. */
  readonly isNew: boolean;
}

/** Why no wheel is built, so that BuildKit has to run the step itself. */
export interface NotBuilt {
  /** Half a sentence. */
  readonly reason: string;
  readonly hint?: string;
}

/** Wheels of source distributions and projects, each built once. */
export interface WheelSource {
  /**
   * The wheel that is kept for this very build, else one that BuildKit builds now.
   *
   * @throws MustRun if nothing may be run; LayerwrightError of the builder, the registry and the network
   */
  readonly get: (build: WheelBuild) => Promise<BuiltWheel | NotBuilt>;
  /** A wheel of this run on disk, by its SHA-256. */
  readonly fileOf: (sha256: string) => string | undefined;
  /** What was built in this run, in order. */
  readonly built: () => readonly BuiltWheel[];
}

/** What wheels are got with. */
export interface WheelSourceOptions {
  readonly dockerfile: Dockerfile;
  readonly keeper: Keeper;
  readonly steps: Steps;
  /** False if nothing may be run. */
  readonly maySolve: boolean;
  /** Makes sure that what is made can be kept. */
  readonly readyToSolve: () => Promise<void>;
  /** A state as an image in a registry, `HOST/PATH@sha256:...`, without ONBUILD. */
  readonly imageOf: (state: ImageState) => Promise<string>;
  readonly run: RunSideJob;
}

export function wheelSource(options: WheelSourceOptions): WheelSource {
  const { keeper } = options;
  const known = new Map<string, Promise<BuiltWheel | NotBuilt>>();
  const files = new Map<string, string>();
  const built: BuiltWheel[] = [];
  const runJob = jobRunner(options);

  const findOrBuild = async (build: WheelBuild, key: string): Promise<BuiltWheel | NotBuilt> => {
    const found = await findWheel(keeper, key);
    if (found !== undefined) {
      const { kept, left } = found;
      const { facts, files: texts } = kept;
      return { key, wheel: builtWheel(key, kept), facts, files: texts, left, isNew: false };
    }
    const output = await runJob(build, wheelOrder(build), titleOf(build), BUILDING);
    if ('reason' in output) return output;
    const result = await readWheelResult(output.directory, build);
    if ('reason' in result) return result;
    const { kept, file, left } = result;
    files.set(kept.sha256, file);
    await keepWheel(keeper, key, kept, file, left);
    const content = async () => contentsOf(left, kept.left);
    const wheel = {
      ...{ key, wheel: builtWheel(key, kept), facts: kept.facts, files: kept.files, isNew: true },
      left: { entries: kept.left, content },
    };
    built.push(wheel);
    return wheel;
  };

  return {
    async get(build) {
      // The key would name an image that nobody has seen.
      if (build.state.assumed) return { reason: 'what is below it is not solved yet' };
      const key = wheelKey(build);
      const wanted = known.get(key) ?? findOrBuild(build, key);
      known.set(key, wanted);
      return await wanted;
    },
    fileOf: (sha256) => files.get(sha256),
    built: () => built,
  };
}

const BUILDING = {
  what: 'building its wheel',
  hint: 'A version that has a wheel for the image would be composed.',
};

/** What may be built in an image. */
type InImage = Pick<WheelBuild, 'state' | 'place' | 'python'>;

/** Runs orders in images, each image put together once. */
export function jobRunner(options: Omit<WheelSourceOptions, 'keeper'>) {
  const { dockerfile, steps, maySolve, readyToSolve, imageOf, run } = options;
  const images = new Map<string, Promise<string>>();
  return async (
    { state, place, python }: InImage,
    { order, secret }: Order,
    title: string,
    { what, hint }: { readonly what: string; readonly hint: string },
  ): Promise<{ readonly directory: string } | NotBuilt> => {
    if (!maySolve)
      throw new MustRun([
        {
          ...{ place: `${dockerfile.path}:${place.line}`, line: place.line, instruction: 'RUN' },
          reason: `${what} (${title}) has to be run by BuildKit, once`,
          hint,
        },
      ]);
    const hasSecret = Object.keys(secret).length > 0;
    const text = (image: string) =>
      wheelDockerfile(dockerfile, { state, place, python }, { image, out: order.out, hasSecret });
    const tried = text('scratch');
    if ('reason' in tried) return tried;
    await readyToSolve();
    const key = stateKey(state);
    const image = images.get(key) ?? imageOf(state);
    images.set(key, image);
    const generated = text(await image);
    if ('reason' in generated) return generated;
    const files = { 'job.py': WHEEL_PROGRAM, 'job.json': JSON.stringify(order) };
    const job = { files, secret, title, dockerfile: generated.text, platform: state.stage.image };
    try {
      return { directory: await steps.step(`Building ${title}`, () => run(job)) };
    } catch (error) {
      // The step itself says best what is wrong with it.
      if (!isJobFailure(error)) throw error;
      return { reason: `${what} (${title}) fails: ${lastWords(error)}` };
    }
  };
}

function lastWords({ detail, message }: LayerwrightError): string {
  const lines = (detail ?? '').split('\n').map((line) => line.trim());
  // pip says "error: subprocess-exited-with-error" of every backend that fails; the exception says why.
  const words =
    lines.findLast((line) => /^[\w.]*(?:Error|Exception): /.test(line)) ??
    lines.findLast((line) => /^error: /i.test(line));
  return words?.slice(0, 300) ?? message;
}

function titleOf({ name, version, source }: WheelBuild): string {
  if (name !== undefined) return version === undefined ? name : `${name} ${version}`;
  return source.kind === 'directory' ? source.path : source.url;
}
