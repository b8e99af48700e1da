import { expandCopy } from '../dockerfile/expanded-copy.ts';
import type { StageNode } from '../dockerfile/graph.ts';
import type { StageState } from '../image/config-start.ts';
import { programsOf } from '../python/recognise/recognise-programs.ts';

/** Programs that set up the system, and read nothing of the application. */
const OF_SYSTEM =
  /^(?:apt-get|apt|apk|dnf|microdnf|yum|groupadd|useradd|addgroup|adduser|curl|wget|install)$/;

/** A stage with what its instructions see. */
interface StageSoFar {
  readonly node: StageNode;
  readonly states: readonly StageState[];
}

/** Where a step that only sets up the system stands below what changes with each commit: what to do about it. */
export function higherUp({ node, states }: StageSoFar, at: number): string | undefined {
  const run = node.instructions[at];
  if (run?.kind !== 'run') return undefined;
  const programs = programsOf(run.script ?? run.words);
  if (!programs.every((name) => OF_SYSTEM.test(name))) return undefined;
  const copy = node.instructions.slice(0, at).find((one, index) => copiesMuch(one, states[index]));
  if (copy === undefined) return undefined;
  const first = node.stage.instructions.find(({ line }) => line === copy.line);
  const text = `${first?.keyword} ${first?.argument.split('\n')[0]}`;
  return `Put it above ${text} (line ${copy.line}): a changed file would not make it run again.`;
}

/** A `COPY` of a directory, or by a pattern: what comes from it changes often. */
function copiesMuch(instruction: StageNode['instructions'][number], state: StageState | undefined): boolean {
  if ((instruction.kind !== 'copy' && instruction.kind !== 'add') || instruction.from || !state) return false;
  const { sources } = expandCopy(state.scope, instruction).copy;
  return sources.some((source) => /^\.?\/*$|\/\.?$|[*?]/.test(source) || !/\.[^/]+$/.test(source));
}
