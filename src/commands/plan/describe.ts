import type { InstalledStep } from '../../compose/install/installation.ts';
import { isWorthAsking } from '../../compose/keep/layer-source.ts';
import type { WalkedSegment } from '../../compose/solve/segments.ts';
import type { GivenImage, ImageLayer } from '../../compose/state.ts';
import { stageNode } from '../../dockerfile/graph.ts';
import { platformText } from '../../dockerfile/platform.ts';
import { parseReference } from '../../image/reference.ts';
import { pythonFacts } from '../../python/detect/detect.ts';
import { assumedFacts } from '../../python/detect/known-bases.ts';
import type {
  PlanBase,
  PlanCounts,
  PlanDependencies,
  PlanLayer,
  PlanPart,
  PlanPython,
  PlanSegment,
} from '../../report/plan-result.ts';
import { bytesOfLayer, type Survey, type Unsurveyed } from './survey.ts';

/** A survey as it is printed: everything in the order of the file, of the image, or of names. Pure. */
export function describeSurvey(survey: Survey): PlanPart {
  const { walked, request, facts, there, repository } = survey;
  const offline = there === undefined;
  const layers = walked.state.layers.map((layer) => layerOf(survey, layer));
  return {
    schemaVersion: 1,
    ...{ offline, dockerfile: facts.dockerfile.path, target: targetName(facts) },
    platform: platformText(request.platform),
    ...{ way: 'composed', reason: null, hint: null, cacheRepository: repository ?? null },
    bases: basesOf(survey),
    segments: walked.segments.map((segment) => segmentOf(survey, segment)),
    dependencies: dependenciesOf(survey),
    layers,
    counts: offline ? null : countsOf(survey, layers),
    needsBuilder: offline ? null : placesToRun(survey),
  };
}

/** A build that is BuildKit's as a whole. Pure. */
export function describeUnsurveyed({ facts, reason, hint }: Unsurveyed, offline: boolean): PlanPart {
  return {
    schemaVersion: 1,
    ...{ offline, dockerfile: facts.dockerfile?.path ?? null, target: targetName(facts), platform: null },
    ...{ way: 'solved', reason, hint: hint ?? null, cacheRepository: null },
    ...{ bases: [], segments: [], dependencies: [], layers: [], counts: null, needsBuilder: null },
  };
}

function targetName({ target }: Pick<Unsurveyed['facts'], 'target'>): string {
  return target?.name ?? (target === undefined ? 'default' : `stage ${target.index}`);
}

function basesOf({ request, images, bases }: Survey): readonly PlanBase[] {
  const digests = new Map(bases.map(({ reference, image }) => [reference, image.replace(/^.*@/, '')]));
  return [...images]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([reference, image]) => {
      const assumed = image.assumed === true;
      const stages = request.graph.stages.filter(
        ({ base }) => base.kind === 'image' && base.reference === reference,
      );
      return {
        ...{ reference, assumed, digest: digests.get(reference) ?? null },
        layers: assumed ? null : image.layers.length,
        python: assumed ? assumedPython(reference) : pythonOf(image),
        stages: stages.map(({ stage }) => stage.name ?? `stage ${stage.index}`),
      };
    });
}

function assumedPython(reference: string): PlanPython | null {
  const facts = assumedFacts(parseReference(reference));
  if (facts === undefined) return null;
  const { version, executable, libc } = facts;
  return { version, executable, libc: libc ? `${libc.kind} ${libc.version}` : null, pip: null };
}

function pythonOf({ files, config }: GivenImage): PlanPython | null {
  const found = pythonFacts({ ...files, env: config.config.Env ?? [] }, 'python3');
  if ('reason' in found) return null;
  const { version, executable, libc, pip } = found.facts;
  return { version, executable, libc: `${libc.kind} ${libc.version}`, pip: pip ?? null };
}

function segmentOf(
  { walked, there }: Survey,
  { kind, stage, fromLine, toLine, why, isThere, layers, notSplit }: WalkedSegment,
): PlanSegment {
  const offline = there === undefined;
  const isUnknown = walked.unknown.some(({ line }) => fromLine <= line && line <= toLine);
  const solved = offline ? 'unknown' : isThere ? 'there' : 'missing';
  const state = kind === 'composed' ? 'composed' : solved;
  return {
    ...{ kind, stage, fromLine, toLine, state },
    layers: offline || isUnknown || state === 'missing' ? null : layers,
    reasons: why.map(({ place, instruction, reason, hint }) => ({
      ...{ place, instruction, reason, hint: hint ?? null },
    })),
    ...(notSplit && { notSplit: { reason: notSplit.reason, hint: notSplit.hint ?? null } }),
  };
}

function dependenciesOf(survey: Survey): readonly PlanDependencies[] {
  const { walked, request } = survey;
  const known = walked.installs.map((step) => stepOf(survey, step));
  const installs = walked.unknown.filter(({ kind }) => kind === 'install');
  const unknown = installs.map(({ line, reason, mustRun }): { line: number; step: PlanDependencies } => ({
    line,
    step: {
      ...{ place: `${request.dockerfile.path}:${line}`, stage: stageAt(survey, line), files: [] },
      ...{
        lock: 'unknown',
        reason: mustRun ? reason : whyUnknown(survey, line, reason),
        distributions: [],
        warnings: [],
      },
    },
  }));
  return [...known, ...unknown].sort((a, b) => a.line - b.line).map(({ step }) => step);
}

/** Without its base a step fails for reasons that are none of its own. */
function whyUnknown({ request, images, there }: Survey, line: number, reason: string): string {
  if (there !== undefined) return `it stands upon something that BuildKit has to solve first (${reason})`;
  let node = request.graph.stages.findLast(({ stage }) => stage.line <= line);
  while (node?.base.kind === 'stage') node = stageNode(request.graph, node.base.index);
  const base = node?.base.kind === 'image' ? node.base.reference : undefined;
  const isKnown = base === undefined || !images.has(base) || assumedPython(base) !== null;
  return isKnown ? reason : `what is in ${base} is not known offline`;
}

function stageAt({ walked }: Survey, line: number): string {
  return walked.segments.find(({ fromLine, toLine }) => fromLine <= line && line <= toLine)?.stage ?? '';
}

function stepOf(
  survey: Survey,
  { line, files, locked }: InstalledStep,
): { line: number; step: PlanDependencies } {
  const { request, there } = survey;
  const { resolved, wheels, kept } = locked;
  const actions = new Map(resolved.changes.map(({ name, action }) => [name, action]));
  const step: PlanDependencies = {
    ...{
      place: `${request.dockerfile.path}:${line}`,
      stage: stageAt(survey, line),
      files: [...files].sort(),
    },
    lock: there === undefined ? 'exact' : kept ? 'kept' : resolved.by,
    reason: null,
    distributions: resolved.lock.distributions.map(({ name, version, requested, wheel }) => ({
      ...{ name, version, requested, action: actions.get(name) ?? 'install' },
      bytes: there === undefined ? null : (wheels.get(wheel?.sha256 ?? '')?.bytes ?? null),
    })),
    warnings: resolved.warnings,
  };
  return { line, step };
}

function layerOf(survey: Survey, layer: ImageLayer): PlanLayer {
  if (layer.kind === 'given') {
    const { digest, size } = layer.blob.descriptor;
    return {
      ...{ kind: 'given', title: '', line: null, key: digest.slice('sha256:'.length, 'sha256:'.length + 12) },
      ...{ bytes: size, state: 'given', distributions: [] },
    };
  }
  const { kind, title, line, key } = layer;
  const isThere = survey.there?.has(key) === true;
  return {
    ...{
      kind,
      title,
      line,
      key: survey.there === undefined ? null : key.slice(0, 12),
      bytes: bytesOfLayer(survey, layer) ?? null,
    },
    state: isThere ? 'there' : isWorthAsking(layer) ? 'missing' : 'small',
    distributions:
      kind === 'dependency' ? layer.planned.wheels.map(({ name, version }) => `${name} ${version}`) : [],
  };
}

function countsOf({ walked, request, toCompile }: Survey, layers: readonly PlanLayer[]): PlanCounts {
  const count = (state: PlanLayer['state']) => layers.filter((one) => one.state === state).length;
  const onWay = new Set(request.graph.ancestry.map(({ stage }) => stage.index));
  const awaited = walked.pending
    .filter(({ node }) => onWay.has(node.stage.index))
    .flatMap(({ node, from, to }) => node.instructions.slice(from, to + 1))
    .filter(({ kind }) => ['run', 'copy', 'add', 'workdir'].includes(kind));
  return {
    layers: layers.length + awaited.length,
    exact: walked.pending.length + walked.unknown.length === 0,
    unknown: walked.unknown.length,
    ...{ given: count('given'), there: count('there'), missing: count('missing'), small: count('small') },
    compiled: toCompile,
    missingBytes: layers
      .filter(({ state }) => state === 'missing')
      .reduce((sum, { bytes }) => sum + (bytes ?? 0), 0),
  };
}

function placesToRun({ walked, request }: Survey): readonly string[] {
  const missing = walked.segments.filter(({ kind, isThere }) => kind !== 'composed' && !isThere);
  const unbuilt = walked.unknown.filter(({ mustRun }) => mustRun);
  const places = [
    ...missing.flatMap(({ why }) => why.map(({ place }) => place)),
    ...unbuilt.map(({ line }) => `${request.dockerfile.path}:${line}`),
  ];
  return [...new Set(places)];
}
