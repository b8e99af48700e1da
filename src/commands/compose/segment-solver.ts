import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CacheLook, lookAtLayerCache } from '../../cache/layer-cache.ts';
import type { SolveTarget } from '../../compose/compose.ts';
import type { SolveRequest } from '../../compose/solve/solve-request.ts';
import { NotComposable } from '../../compose/state.ts';
import { continueFrom } from '../../dockerfile/cut.ts';
import { parseDockerfile } from '../../dockerfile/parse.ts';
import { normalPlatform, platformText } from '../../dockerfile/platform.ts';
import { type Builder, inspectBuilder } from '../../engine/builder.ts';
import { parseEntry } from '../../engine/buildx.ts';
import type { BuildState } from '../../engine/progress.ts';
import { knownError, LayerwrightError } from '../../errors.ts';
import { kindOf } from '../../host/files.ts';
import type { Host } from '../../host/host.ts';
import { inParallel } from '../../host/parallel.ts';
import { parseReference, repositoryOf } from '../../image/reference.ts';
import { type BuildPlan, formatCsv } from '../../plan/build-plan.ts';
import { buildxCall } from '../build-call.ts';
import type { GatheredFacts } from '../build-facts.ts';
import { handOver } from '../build-handover.ts';
import type { BuildRequest } from '../build-request.ts';
import { runBuildx } from '../build-run.ts';
import { builderNeeds, cacheReferences } from '../prepare.ts';
import { canRun, hostPlatform } from './platforms.ts';
import type { ReadFacts } from './suits.ts';
import type { Workshop } from './workshop.ts';

/** Layers that are mounted at a time. */
const MOUNTS_AT_ONCE = 8;

/** Solves segments by BuildKit; the builder is chosen, or started, when the first one comes. */
export interface SegmentSolver {
  /** @throws NotComposable if the builder cannot run programs of the segment's platform; those of the engine */
  readonly solve: (request: SolveRequest, from: string, target: SolveTarget) => Promise<void>;
  /** From now on caches are passed over: what they say is in a registry is not there. */
  readonly distrustCaches: () => void;
  /** The builder, if one was needed. */
  readonly builder: () => Builder | undefined;
  readonly looks: () => readonly CacheLook[];
  readonly states: () => readonly BuildState[];
  /** Wall-clock seconds of each segment, by its key. */
  readonly seconds: () => ReadonlyMap<string, number>;
}

/**
 * @param host ends what is solved with its signal
 * @param plan of the segments' platform alone
 */
export function segmentSolver(
  workshop: Workshop,
  host: Host,
  request: BuildRequest,
  facts: ReadFacts,
  plan: BuildPlan,
  cacheName: string,
): SegmentSolver {
  let started: Promise<{ builder: Builder; looks: readonly CacheLook[] }> | undefined;
  let ready: { builder: Builder; looks: readonly CacheLook[] } | undefined;
  const states: BuildState[] = [];
  const seconds = new Map<string, number>();
  const start = async () => {
    const [builder, looks] = await Promise.all([
      workshop.builder(builderNeeds(request, plan, facts.dockerfile)),
      Promise.all(cacheReferences(plan).map((reference) => lookAtLayerCache(host, reference))),
    ]);
    ready = { builder, looks };
    return ready;
  };
  let trusted = true;
  return {
    async solve(segment, from, target) {
      started ??= start();
      const { builder, looks } = await started;
      await requireRunnable(host, facts, segment, builder).catch((error: unknown) => {
        // If BuildKit fails at it, nothing else would say why it was asked.
        if (error instanceof NotComposable) workshop.steps.note(`BuildKit builds all of it: ${error.reason}`);
        throw error;
      });
      const own = await segmentFacts(facts, segment, from, await workshop.subdirectory());
      const segmentPlan = {
        ...{ ...plan, tags: [], outputs: [outputTo(target, cacheName, request)] },
        ...(isForNobody(segment, target, request) && { cacheTo: [] }),
      };
      const segmentRequest = requestOf(request, facts, trusted);
      await using handover = await handOver(host, segmentRequest, own, segmentPlan, builder);
      const call = handover.applyTo(buildxCall(segmentRequest, own, segmentPlan, looks, []));
      // It is only a saving: what a registry does not let us do, BuildKit does.
      await mountBelow(workshop, segment, segmentPlan).catch(() => {});
      const began = host.clock.monotonicMs();
      const running = runBuildx(host, segmentRequest, call, handover.builder);
      const { state } = await running.catch((error: unknown) => {
        throw fullHere(error, target);
      });
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
  };
}

/**
 * True if no later build would find anything in a layer cache of the segment: of a single RUN that reads no stage, whatever changes
 * what BuildKit looks at changes the segment's key as well. What is split would be kept twice, once as one large layer.
 */
function isForNobody(
  { node, from, to, volatile }: SolveRequest,
  { kind }: SolveTarget,
  { wishes }: BuildRequest,
): boolean {
  if (kind !== 'layout' || volatile || wishes.cacheTo.length > 0) return false;
  const runs = node.instructions
    .slice(from, to + 1)
    .flatMap((one, at) => (one.kind === 'run' ? [from + at] : []));
  const readsStage = node.reads.some(
    ({ instruction, source }) => source.kind === 'stage' && instruction >= from && instruction <= to,
  );
  return runs.length === 1 && runs[0] === to && !readsStage;
}

/** What is below, in the repositories of layer caches: BuildKit's export would send it, though their registry has it elsewhere. */
async function mountBelow(
  { repository }: Workshop,
  { parent }: SolveRequest,
  { cacheTo }: Pick<BuildPlan, 'cacheTo'>,
): Promise<void> {
  const references = cacheTo.flatMap((spec) => parseEntry('--cache-to', spec).ref ?? []);
  for (const name of new Set(references.map((reference) => repositoryOf(parseReference(reference)))))
    await inParallel(parent.layers, MOUNTS_AT_ONCE, async (layer) => {
      const from = layer.kind === 'given' ? layer.blob.repository : undefined;
      if (layer.kind !== 'given' || from === undefined || from === name) return;
      await repository(name).mountBlob(layer.blob.descriptor.digest, from);
    });
}

/** The disk that is full is this machine's, where buildx writes what was solved, and not the builder's. */
function fullHere(error: unknown, target: SolveTarget): unknown {
  const isFull = error instanceof LayerwrightError && error.code === 'DISK_FULL';
  if (!isFull || target.kind !== 'layout' || !error.message.includes(target.directory)) return error;
  return knownError(Object.assign(new Error(error.message), { code: 'ENOSPC', path: target.directory }));
}

/** Compressed as the image, on this machine too: whatever a layer's first export is, BuildKit's cache export pushes. */
function outputTo(target: SolveTarget, cacheName: string, { wishes }: BuildRequest): string {
  const { compression } = wishes;
  if (target.kind === 'layout')
    return formatCsv({ type: 'oci', tar: 'false', dest: target.directory, compression });
  const name = `${cacheName}:${target.tag}`;
  return formatCsv({ type: 'image', push: 'true', name, 'oci-mediatypes': 'true', compression });
}

/**
 * A builder without an emulator fails at the first program of another platform: known before anything is sent to it, BuildKit
 * gets the whole build to decide about.
 */
async function requireRunnable(
  host: Host,
  { dockerfile }: ReadFacts,
  { node, from, to, parent }: SolveRequest,
  builder: Builder,
): Promise<void> {
  const platform = normalPlatform(parent.stage.image);
  if (platformText(platform) === platformText(hostPlatform())) return;
  const runs = node.instructions.slice(from, to + 1).find(({ kind }) => kind === 'run');
  if (runs === undefined) return;
  const state = await inspectBuilder({ ...host, env: builder.env }, builder.command, builder.name);
  const listed = state?.platforms ?? [];
  if (canRun(listed, platform)) return;
  throw new NotComposable(
    0,
    `${dockerfile.path}:${runs.line}: RUN has to run for ${platformText(platform)}, and builder "${builder.name}" runs ${listed.join(', ')}`,
    'Give the builder an emulator (docker run --privileged --rm tonistiigi/binfmt --install all), or a node of that platform.',
  );
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
  const cut = continueFrom(facts.dockerfile, node.stage, {
    from: first,
    to: to + 1,
    base: from,
    platform: platformText(parent.stage.image),
    scope: parent.stage.scope,
    command,
  });
  if (cut.reason !== undefined) throw new NotComposable(lines[0], cut.reason);
  const file = join(directory, 'Dockerfile');
  await writeFile(file, cut.text);
  const ignore = `${facts.file}.dockerignore`;
  if (facts.file !== undefined && (await kindOf(ignore)) === 'file')
    await copyFile(ignore, `${file}.dockerignore`);
  const dockerfile = parseDockerfile(cut.text, facts.dockerfile.path);
  return { ...facts, file, dockerfile, target: dockerfile.stages.at(-1) };
}
