import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { JOB_CONTEXT, JOB_SECRET_ID, type RunSideJob, type SideJob } from '../../compose/solve/side-job.ts';
import { parseDockerfile } from '../../dockerfile/parse.ts';
import { platformText } from '../../dockerfile/platform.ts';
import type { Builder } from '../../engine/builder.ts';
import type { BuildState } from '../../engine/progress.ts';
import { kindOf } from '../../host/files.ts';
import type { Host } from '../../host/host.ts';
import { type BuildPlan, formatCsv } from '../../plan/build-plan.ts';
import { buildxCall } from '../build-call.ts';
import type { GatheredFacts } from '../build-facts.ts';
import { handOver } from '../build-handover.ts';
import type { BuildRequest } from '../build-request.ts';
import { runBuildx } from '../build-run.ts';
import { builderNeeds } from '../prepare.ts';
import type { ReadFacts } from './suits.ts';
import type { Workshop } from './workshop.ts';

/** Runs jobs by BuildKit, on the builder that segments are solved by. */
export interface SideJobs {
  readonly run: RunSideJob;
  /** The builder, if one was needed. */
  readonly builder: () => Builder | undefined;
  /** What BuildKit said, in order of the ends. */
  readonly states: () => readonly BuildState[];
}

/**
 * @param host ends what runs with its signal
 * @param plan of the image's platform alone
 */
export function sideJobs(
  workshop: Pick<Workshop, 'builder' | 'subdirectory'>,
  host: Host,
  request: BuildRequest,
  facts: ReadFacts,
  plan: BuildPlan,
): SideJobs {
  let ready: Builder | undefined;
  const states: BuildState[] = [];
  return {
    async run(job) {
      ready = await workshop.builder(builderNeeds(request, plan, facts.dockerfile));
      const directory = await workshop.subdirectory();
      const output = join(directory, 'output');
      const own = await jobFacts(facts, job, directory);
      const jobPlan: BuildPlan = {
        ...plan,
        platforms: [platformText(job.platform)],
        ...{ tags: [], pushes: false, cacheFrom: [], cacheTo: [] },
        outputs: [formatCsv({ type: 'local', dest: output })],
      };
      const jobRequest = requestOf(request, await handedIn(job, directory));
      await using handover = await handOver(host, jobRequest, own, jobPlan, ready);
      const call = handover.applyTo(buildxCall(jobRequest, own, jobPlan, [], []));
      const { state } = await runBuildx(host, jobRequest, call, handover.builder);
      states.push(state);
      return output;
    },
    builder: () => ready,
    states: () => states,
  };
}

/** What a job gets beside its Dockerfile. */
interface HandedIn {
  readonly contexts: readonly string[];
  readonly secrets: readonly string[];
}

async function handedIn({ files, contexts: more, secret }: SideJob, directory: string): Promise<HandedIn> {
  const program = join(directory, 'job');
  await mkdir(program);
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(program, name), text);
    // Whatever the umask here: any USER must be able to read it there.
    await chmod(join(program, name), 0o644);
  }
  await chmod(program, 0o755);
  const contexts = Object.entries({ [JOB_CONTEXT]: program, ...more }).map((pair) => pair.join('='));
  if (Object.keys(secret).length === 0) return { contexts, secrets: [] };
  const file = join(directory, 'index.json');
  await writeFile(file, JSON.stringify(secret), { mode: 0o600 });
  return { contexts, secrets: [formatCsv({ type: 'file', id: JOB_SECRET_ID, src: file })] };
}

/** What belongs to an image is left out: nothing is pushed. */
function requestOf(request: BuildRequest, { contexts, secrets }: HandedIn): BuildRequest {
  const { passed } = request;
  return {
    ...request,
    wishes: { ...request.wishes, targetName: undefined },
    sourceLabels: false,
    // Programs would see it.
    sourceDateEpoch: undefined,
    passed: {
      ...passed,
      ...{ labels: [], annotations: [], imageIdFile: undefined, pull: false },
      buildContexts: [...passed.buildContexts, ...contexts],
      secrets: [...passed.secrets, ...secrets],
    },
  };
}

async function jobFacts(
  facts: ReadFacts,
  { dockerfile: text }: SideJob,
  directory: string,
): Promise<GatheredFacts> {
  const file = join(directory, 'Dockerfile');
  await writeFile(file, text);
  const ignore = `${facts.file}.dockerignore`;
  if (facts.file !== undefined && (await kindOf(ignore)) === 'file')
    await copyFile(ignore, `${file}.dockerignore`);
  const dockerfile = parseDockerfile(text, facts.dockerfile.path);
  return { ...facts, file, dockerfile, target: dockerfile.stages.at(-1) };
}
