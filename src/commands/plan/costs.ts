import { isInstaller } from '../../compose/solve/may-install.ts';
import type { WalkedSegment } from '../../compose/solve/segments.ts';
import type { Obstacle } from '../../compose/state.ts';
import { type StageNode, stageNode } from '../../dockerfile/graph.ts';
import type { ExplainedInstruction, Repeats } from '../../report/explain-result.ts';
import type { Survey } from './survey.ts';

const RANK: readonly Repeats[] = ['always', 'application', 'dependencies', 'base'];

/** What only BuildKit can do: what a build now has to run first, then what runs again most often, then what took longest. Pure. */
export function costliest(survey: Survey): readonly ExplainedInstruction[] {
  const { walked, last } = survey;
  const seconds = new Map(last?.segments.map((one) => [one.key, one.seconds]));
  const found = walked.segments.flatMap((segment) =>
    segment.why.map((obstacle) => ({
      line: obstacle.line,
      told: explained(survey, segment, obstacle, seconds.get(segment.request?.key ?? '') ?? null),
    })),
  );
  for (const { line, reason, mustRun } of walked.unknown)
    if (mustRun) found.push({ line, told: unbuilt(survey, line, reason) });
  const rank = ({ told }: (typeof found)[number]) =>
    (told.state === 'missing' ? 0 : RANK.length) + RANK.indexOf(told.repeats);
  return found
    .sort((a, b) => rank(a) - rank(b) || (b.told.seconds ?? 0) - (a.told.seconds ?? 0) || a.line - b.line)
    .map(({ told }) => told);
}

function explained(
  survey: Survey,
  segment: WalkedSegment,
  { place, line, reason, hint }: Obstacle,
  seconds: number | null,
): ExplainedInstruction {
  const { request } = segment;
  const { repeats, copies } =
    request === undefined || request.volatile ? ALWAYS : repetition(survey, request.node, request.to);
  const text = textAt(survey, line);
  const notSplit = isInstaller(text) ? segment.notSplit : undefined;
  return {
    ...{ place, stage: segment.stage, text, reason, hint: hint ?? null },
    ...{ state: segment.isThere ? 'there' : 'missing', repeats, copies, seconds },
    ...(notSplit && { notSplit: { reason: notSplit.reason, hint: notSplit.hint ?? null } }),
  };
}

/** A wheel that BuildKit has to build: once it is there, the instruction is composed. */
function unbuilt(survey: Survey, line: number, reason: string): ExplainedInstruction {
  const { dockerfile, graph } = survey.request;
  const node = graph.stages.find(({ instructions }) => instructions.some((one) => one.line === line));
  const at = node?.instructions.findIndex((one) => one.line === line) ?? 0;
  return {
    place: `${dockerfile.path}:${line}`,
    stage: node?.stage.name ?? `stage ${node?.stage.index ?? 0}`,
    ...{ text: textAt(survey, line), reason, hint: null, state: 'missing', seconds: null },
    ...(node === undefined ? { repeats: 'always', copies: [] } : repetition(survey, node, at)),
  };
}

function textAt({ request }: Survey, line: number): string {
  const all = request.dockerfile.stages.flatMap(({ instructions }) => instructions);
  const found = all.find((one) => one.line === line);
  return oneLine(found?.scanned.logical ?? '');
}

const ALWAYS = { repeats: 'always', copies: [] } as const;

/** When what ends with an instruction runs again: by what stands above it, and by what it copies itself. */
function repetition(
  { walked, request: { graph } }: Survey,
  node: StageNode,
  to: number,
): Pick<ExplainedInstruction, 'repeats' | 'copies'> {
  const above: { node: StageNode; at: number }[] = node.instructions
    .slice(0, to + 1)
    .map((_, at) => ({ node, at }));
  for (let base = node.base; base.kind === 'stage'; ) {
    const below = stageNode(graph, base.index);
    above.unshift(...below.instructions.map((_, at) => ({ node: below, at })));
    base = below.base;
  }
  const copies = above.filter((one) => isFromContext(one.node.instructions[one.at]));
  if (copies.length > 0)
    return { repeats: 'application', copies: copies.map((one) => shortText(one.node, one.at)) };
  const lines = new Set(above.map((one) => one.node.instructions[one.at]?.line));
  return {
    repeats: walked.installs.some(({ line }) => lines.has(line)) ? 'dependencies' : 'base',
    copies: [],
  };
}

function isFromContext(instruction: StageNode['instructions'][number] | undefined): boolean {
  return (instruction?.kind === 'copy' || instruction?.kind === 'add') && !instruction.from;
}

function shortText({ stage }: StageNode, at: number): string {
  return oneLine(stage.instructions[at]?.scanned.logical ?? '');
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}
