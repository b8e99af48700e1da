import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gatherBuildFacts } from '../../src/commands/build-facts.ts';
import { toBuildRequest } from '../../src/commands/build-request.ts';
import { openComposition } from '../../src/commands/compose/open-composition.ts';
import { hostPlatform } from '../../src/commands/compose/platforms.ts';
import { sideJobs } from '../../src/commands/compose/side-jobs.ts';
import type { ReadFacts } from '../../src/commands/compose/suits.ts';
import { openWorkshop } from '../../src/commands/compose/workshop.ts';
import { imageOf } from '../../src/compose/compose.ts';
import { pythonOf } from '../../src/compose/install/environment.ts';
import type { SideJob } from '../../src/compose/solve/side-job.ts';
import type { ImageState } from '../../src/compose/state.ts';
import { NotComposable } from '../../src/compose/state.ts';
import { walk } from '../../src/compose/walk.ts';
import { type WheelBuild, type WheelWishes, wheelBuild } from '../../src/compose/wheels/wheel-build.ts';
import { type SourceResolver, sourceResolver } from '../../src/compose/wheels/wheel-resolve.ts';
import {
  type BuiltWheel,
  type NotBuilt,
  type WheelSource,
  wheelSource,
} from '../../src/compose/wheels/wheel-source.ts';
import { planBuild } from '../../src/plan/build-plan.ts';
import type { PythonFacts } from '../../src/python/facts.ts';
import { DEFAULT_PIP_OPTIONS } from '../../src/python/recognise/pip-options.ts';
import { testHost } from '../support/host.ts';

/** A Dockerfile as a build comes to its last `RUN`, and what builds wheels there. */
export interface Bench extends AsyncDisposable {
  readonly source: WheelSource;
  readonly state: ImageState;
  /** The build for wishes, with the usual answers for what is left out. */
  readonly build: (wishes: Partial<WheelWishes> & Pick<WheelWishes, 'source'>) => Promise<WheelBuild>;
  readonly resolve: SourceResolver;
  readonly python: PythonFacts;
  /** What BuildKit was asked. */
  readonly jobs: readonly SideJob[];
  /** What was said on the terminal. */
  readonly said: () => string;
  readonly composition: Awaited<ReturnType<typeof openComposition>>;
}

export interface BenchOptions {
  readonly maySolve?: boolean;
  readonly buildArguments?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * @param directory the context, with a Dockerfile whose last instruction is a RUN
 * @param repository `HOST/PATH` of the image, and so of the cache
 */
export async function wheelBench(
  directory: string,
  repository: string,
  { maySolve = true, buildArguments = [], env = {} }: BenchOptions = {},
): Promise<Bench> {
  const host = testHost({ env: { ...process.env, ...env } });
  const factsOf = async (file: string) => {
    const request = toBuildRequest(host.env, directory, {
      ...{ push: true, tag: [`${repository}:1`], file, progress: 'plain', buildArg: [...buildArguments] },
    });
    const facts = (await gatherBuildFacts(host, request)) as ReadFacts;
    return { request, facts, plan: planBuild(facts, request.wishes) };
  };
  const whole = await factsOf(join(directory, 'Dockerfile'));
  const { dockerfile } = whole.facts;
  const run = dockerfile.stages.at(-1)?.instructions.at(-1);
  assert.ok(run?.keyword === 'RUN');
  const above = join(directory, 'above.Dockerfile');
  await writeFile(above, dockerfile.text.slice(0, run.scanned.start));
  const before = await factsOf(above);
  const workshop = await openWorkshop(host, [whole.request]);
  const open = ({ request, facts, plan }: typeof whole) =>
    openComposition(workshop, request, facts, plan, hostPlatform());
  const [composition, below] = [await open(whole), await open(before)];
  const { composer, keeper } = composition;
  const walked = await walk({ ...below.composer.request, forced: new Map() }, below.composer.world);
  assert.deepEqual(walked.pending, [], 'nothing above has to run');
  const { state } = walked;
  const node = composer.request.graph.ancestry.at(-1);
  assert.ok(node);
  const runner = sideJobs(workshop, host, whole.request, whole.facts, whole.plan);
  const jobs: SideJob[] = [];
  const options = {
    ...{ dockerfile, keeper, maySolve, steps: composer.steps },
    readyToSolve: composer.readyToSolve,
    imageOf: async (one: ImageState) => (await imageOf(composer, one)).image,
    run(job: SideJob) {
      jobs.push(job);
      return runner.run(job);
    },
  };
  const source = wheelSource(options);
  const python = pythonOf(state, 'python3', (reason) => new NotComposable(0, reason));
  return {
    ...{ source, state, composition },
    build: (wishes) =>
      wheelBuild(composer.request, composer.world, state, node, node.instructions.length - 1, {
        ...{ name: undefined, version: undefined, python, tool: { kind: 'pip' }, options: [] },
        indexes: DEFAULT_PIP_OPTIONS,
        env: {},
        ...wishes,
      }),
    jobs,
    resolve: sourceResolver(options),
    python,
    said: () => host.written.talk,
    [Symbol.asyncDispose]: () => workshop[Symbol.asyncDispose](),
  };
}

/** The wheel, which must have been built. */
export function wheelOf(built: BuiltWheel | NotBuilt): BuiltWheel {
  assert.ok(!('reason' in built), 'reason' in built ? built.reason : '');
  return built;
}
