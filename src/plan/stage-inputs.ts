import { readBuildArguments } from '../dockerfile/arguments.ts';
import { isRemoteSource } from '../dockerfile/expanded-copy.ts';
import { stageGraph, stageNodes } from '../dockerfile/graph.ts';
import type { RunInstruction, TypedInstruction } from '../dockerfile/instruction.ts';
import { csvFields } from '../dockerfile/mounts.ts';
import { type Dockerfile, type Instruction, type Stage, targetStage } from '../dockerfile/parse.ts';
import { usageError } from '../errors.ts';

/** Everything that decides the files of a stage. */
export interface StageInputs {
  /** The instructions of the stage and of all stages that it is made from, in the order of the file. */
  readonly instructions: readonly string[];
  /** Paths in the build context that they read, as written: files, directories, patterns. Sorted. */
  readonly sources: readonly string[];
  /** Images that they start or copy from, with arguments expanded. Sorted. */
  readonly images: readonly string[];
}

/**
 * Collects what decides the files of a stage. Rather too much than too little: what is not surely understood is an error.
 *
 * @param buildArguments `KEY=VALUE` as `--build-arg` has them
 * @throws LayerwrightError `STAGE_UNKNOWN` (1), `STAGE_DIRECTORY_UNSUITED` (2)
 */
export function stageInputs(
  dockerfile: Dockerfile,
  name: string,
  buildArguments: readonly string[] = [],
): StageInputs {
  const { stages, images, reasons } = stageGraph(dockerfile, name, readBuildArguments(buildArguments));
  for (const { base } of stages)
    if (base.kind === 'unresolved')
      throw unsuited(
        name,
        `which image ${base.text} is cannot be told`,
        'Give its arguments a default before the first FROM.',
      );
  const reason = reasons.find(({ about }) => about !== 'platform');
  if (reason !== undefined)
    throw unsuited(
      name,
      `line ${reason.line} is not understood: ${reason.text}`,
      'Build without --stage-dir.',
    );
  const sources = new Set(stages.flatMap(({ instructions }) => instructions.flatMap(contextPaths)));
  return {
    instructions: [
      ...dockerfile.globalArguments.map(textOf),
      ...stages.flatMap(({ stage }) => [
        `FROM ${stage.base} ${stage.platform ?? ''}`.trimEnd(),
        ...stage.instructions.map(textOf),
      ]),
    ],
    sources: [...sources].sort(),
    images,
  };
}

/**
 * A directory can stand for a stage only if nothing but its files is wanted of it.
 *
 * @throws LayerwrightError `STAGE_UNKNOWN` (1), `STAGE_DIRECTORY_UNSUITED` (2)
 */
export function checkStageDirectory(
  dockerfile: Dockerfile,
  name: string,
  target: Stage,
  buildArguments: readonly string[] = [],
): void {
  const stage = targetStage(dockerfile, name);
  const nodes = stageNodes(dockerfile, readBuildArguments(buildArguments));
  const child = nodes.find(({ base }) => base.kind === 'stage' && base.index === stage.index)?.stage;
  if (stage === target)
    throw unsuited(name, 'it is the stage that is built', 'Name a stage that others copy from.');
  if (child !== undefined)
    throw unsuited(
      name,
      `the stage in line ${child.line} starts from it, and a directory has no configuration`,
      'Put the files into a stage of their own: FROM scratch AS NAME, COPY --from=...',
    );
}

function unsuited(name: string, why: string, hint: string) {
  return usageError(
    'STAGE_DIRECTORY_UNSUITED',
    `no directory can stand for the stage "${name}": ${why}`,
    hint,
  );
}

/** The paths of the build context that an instruction reads, as written. */
function contextPaths(instruction: TypedInstruction): readonly string[] {
  if (instruction.kind === 'run') return mountedPaths(instruction);
  if (instruction.kind === 'unknown') return ['.'];
  if (instruction.kind !== 'copy' && instruction.kind !== 'add') return [];
  const { from, sources } = instruction;
  if (from !== undefined) return [];
  // What a variable or a quote stands for is not asked: then it may be anything.
  return sources.some((source) => /["'$\\`]/.test(source))
    ? ['.']
    : sources.filter((source) => !isRemoteSource(source));
}

function mountedPaths(run: RunInstruction): readonly string[] {
  return run.mounts.flatMap((text) => {
    const fields = new Map(
      (csvFields(text) ?? []).map((field): [string, string] => {
        const [key = '', ...value] = field.split('=');
        return [key.toLowerCase(), value.join('=')];
      }),
    );
    if ((fields.get('type') ?? 'bind') !== 'bind' || fields.has('from')) return [];
    return [(fields.get('source') ?? fields.get('src') ?? '.').replace(/^\/+/, '') || '.'];
  });
}

function textOf({ keyword, argument }: Instruction): string {
  return `${keyword} ${argument}`;
}
