import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CacheLook, lookAtLayerCache } from '../../cache/layer-cache.ts';
import type { SolveRequest } from '../../compose/solve-request.ts';
import { NotComposable } from '../../compose/state.ts';
import { continueFrom } from '../../dockerfile/cut.ts';
import { parseDockerfile } from '../../dockerfile/parse.ts';
import { platformText } from '../../dockerfile/platform.ts';
import { type Builder, chooseBuilder } from '../../engine/builder.ts';
import type { BuildState } from '../../engine/progress.ts';
import { kindOf } from '../../host/files.ts';
import type { Host } from '../../host/host.ts';
import { type BuildPlan, formatCsv } from '../../plan/build-plan.ts';
import { stepsFor } from '../../report/steps.ts';
import { buildxCall } from '../build-call.ts';
import type { GatheredFacts } from '../build-facts.ts';
import { handOver } from '../build-handover.ts';
import type { BuildRequest } from '../build-request.ts';
import { runBuildx } from '../build-run.ts';
import { builderNeeds, cacheReferences } from '../prepare.ts';
import type { ReadFacts } from './suits.ts';

/** Solves segments by BuildKit; the builder is chosen, or started, when the first one comes. */
export interface SegmentSolver {
  readonly solve: (request: SolveRequest, from: string, tag: string) => Promise<void>;
  /** From now on caches are passed over: what they say is in a registry is not there. */
  readonly distrustCaches: () => void;
  /** The builder, if one was needed. */
  readonly builder: () => Builder | undefined;
  readonly looks: () => readonly CacheLook[];
  readonly states: () => readonly BuildState[];
  /** Wall-clock seconds of each segment, by its key. */
  readonly seconds: () => ReadonlyMap<string, number>;
  readonly release: () => Promise<void>;
}

/** @param directory for the Dockerfiles that BuildKit gets: existing, absolute */
export function segmentSolver(
  host: Host,
  request: BuildRequest,
  facts: ReadFacts,
  plan: BuildPlan,
  cacheName: string,
  directory: string,
): SegmentSolver {
  let started: Promise<{ builder: Builder; looks: readonly CacheLook[] }> | undefined;
  let ready: { builder: Builder; looks: readonly CacheLook[] } | undefined;
  const states: BuildState[] = [];
  const seconds = new Map<string, number>();
  const start = async () => {
    const [builder, looks] = await Promise.all([
      chooseBuilder(host, stepsFor(host, request.progress), builderNeeds(request, plan, facts.dockerfile)),
      Promise.all(cacheReferences(plan).map((reference) => lookAtLayerCache(host, reference))),
    ]);
    ready = { builder, looks };
    return ready;
  };
  let trusted = true;
  return {
    async solve(segment, from, tag) {
      started ??= start();
      const { builder, looks } = await started;
      const own = await segmentFacts(facts, segment, from, join(directory, String(states.length)));
      const name = `${cacheName}:${tag}`;
      const layers = { 'oci-mediatypes': 'true', compression: request.wishes.compression };
      const segmentPlan = {
        ...plan,
        tags: [],
        outputs: [formatCsv({ type: 'image', push: 'true', name, ...layers })],
      };
      const segmentRequest = requestOf(request, facts, trusted);
      await using handover = await handOver(host, segmentRequest, own, segmentPlan, builder);
      const call = handover.applyTo(buildxCall(segmentRequest, own, segmentPlan, looks, []));
      const began = host.clock.monotonicMs();
      const { state } = await runBuildx(host, segmentRequest, call, handover.builder);
      states.push(state);
      seconds.set(segment.key, Math.round(host.clock.monotonicMs() - began) / 1000);
    },
    distrustCaches() {
      trusted = false;
    },
    builder: () => ready?.builder,
    looks: () => ready?.looks ?? [],
    states: () => states,
    seconds: () => seconds,
    release: async () => {
      await started?.then(({ builder }) => builder.release()).catch(() => {});
    },
  };
}

/** What belongs to the image as a whole is left out: it is said of the composed one. */
function requestOf(request: BuildRequest, { dockerfile }: ReadFacts, cached: boolean): BuildRequest {
  const { buildArguments, noCache } = request.passed;
  // BuildKit would take it from the cut file.
  const stage = request.wishes.targetName ?? dockerfile.stages.at(-1)?.name ?? 'default';
  const asked =
    dockerfile.text.includes('TARGETSTAGE') && !buildArguments.some((one) => one.startsWith('TARGETSTAGE='));
  return {
    ...request,
    wishes: { ...request.wishes, targetName: undefined },
    sourceLabels: false,
    passed: {
      ...request.passed,
      labels: [],
      annotations: [],
      imageIdFile: undefined,
      pull: false,
      noCache: noCache || !cached,
      buildArguments: asked ? [...buildArguments, `TARGETSTAGE=${stage}`] : buildArguments,
    },
  };
}

/** A Dockerfile whose target is the segment. */
async function segmentFacts(
  facts: ReadFacts,
  { node, from: first, to, command, parent, lines }: SolveRequest,
  from: string,
  directory: string,
): Promise<GatheredFacts> {
  const { os, architecture, variant } = parent.stage.image;
  const cut = continueFrom(facts.dockerfile, node.stage, {
    from: first,
    to: to + 1,
    base: from,
    platform: platformText({ os, architecture, ...(variant ? { variant } : {}) }),
    scope: parent.stage.scope,
    command,
  });
  if (cut.reason !== undefined) throw new NotComposable(lines[0], cut.reason);
  await mkdir(directory, { recursive: true });
  const file = join(directory, 'Dockerfile');
  await writeFile(file, cut.text);
  const ignore = `${facts.file}.dockerignore`;
  if (facts.file !== undefined && (await kindOf(ignore)) === 'file')
    await copyFile(ignore, `${file}.dockerignore`);
  const dockerfile = parseDockerfile(cut.text, facts.dockerfile.path);
  return { ...facts, file, dockerfile, target: dockerfile.stages.at(-1) };
}
