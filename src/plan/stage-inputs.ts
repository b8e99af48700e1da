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
  const values = argumentValues(dockerfile, buildArguments);
  const stages = new Set<Stage>();
  const sources = new Set<string>();
  const images = new Set<string>();
  const visit = (stage: Stage): void => {
    if (stages.has(stage)) return;
    stages.add(stage);
    const from = (reference: string) => {
      const parent = stageCalled(dockerfile, reference, stage.index);
      if (parent) visit(parent);
      else if (reference !== 'scratch') images.add(expanded(reference, values, name));
    };
    from(stage.base);
    for (const instruction of stage.instructions) {
      const reads = readsOf(instruction);
      for (const reference of reads.stages) from(reference);
      for (const source of reads.sources) sources.add(source);
    }
  };
  visit(targetStage(dockerfile, name));
  return {
    instructions: [
      ...dockerfile.globalArguments.map(textOf),
      ...[...stages]
        .sort((one, other) => one.index - other.index)
        .flatMap((stage) => [
          `FROM ${stage.base} ${stage.platform ?? ''}`.trimEnd(),
          ...stage.instructions.map(textOf),
        ]),
    ],
    sources: [...sources].sort(),
    images: [...images].sort(),
  };
}

/**
 * A directory can stand for a stage only if nothing but its files is wanted of it.
 *
 * @throws LayerwrightError `STAGE_UNKNOWN` (1), `STAGE_DIRECTORY_UNSUITED` (2)
 */
export function checkStageDirectory(dockerfile: Dockerfile, name: string, target: Stage): void {
  const stage = targetStage(dockerfile, name);
  const child = dockerfile.stages.find(
    (one) => one.index > stage.index && stageCalled(dockerfile, one.base, one.index) === stage,
  );
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

interface Reads {
  readonly stages: readonly string[];
  readonly sources: readonly string[];
}

/** What one instruction reads: stages or images by name or number, and paths of the context. */
function readsOf({ keyword, argument }: Instruction): Reads {
  if (keyword === 'RUN') return readsOfMounts(argument);
  if (keyword !== 'COPY' && keyword !== 'ADD') return { stages: [], sources: [] };
  // What follows the first line is the text of a heredoc.
  const [line = ''] = argument.replace(/\\\r?\n/g, ' ').split('\n');
  const words = line.split(/\s+/).filter(Boolean);
  const from = words.find((word) => word.startsWith('--from='))?.slice('--from='.length);
  if (from !== undefined) return { stages: [from], sources: [] };
  if (/^\s*(?:--\S+\s+)*\[/.test(argument)) return { stages: [], sources: ['.'] };
  const paths = words.filter((word) => !word.startsWith('--')).slice(0, -1);
  // A heredoc is in the instruction; a URL is what it says.
  return { stages: [], sources: paths.filter((path) => !/^<<|^(?:https?|git|ssh):/.test(path)) };
}

function readsOfMounts(argument: string): Reads {
  const mounts = [...argument.matchAll(/--mount=(\S+)/g)].map(([, spec = '']) =>
    Object.fromEntries(
      spec.split(',').map((field) => {
        const [key = '', ...value] = field.split('=');
        return [key.toLowerCase(), value.join('=')];
      }),
    ),
  );
  const binds = mounts.filter(({ type = 'bind' }) => type === 'bind');
  return {
    stages: mounts.flatMap(({ from }) => from ?? []),
    sources: binds
      .filter(({ from }) => from === undefined)
      .map(({ source, src }) => (source ?? src ?? '.').replace(/^\/+/, '') || '.'),
  };
}

function stageCalled(dockerfile: Dockerfile, reference: string, before: number): Stage | undefined {
  const earlier = dockerfile.stages.slice(0, before);
  return (
    earlier.findLast((stage) => stage.name === reference.toLowerCase()) ??
    (/^\d+$/.test(reference) ? earlier[Number(reference)] : undefined)
  );
}

/** The values of the arguments before the first FROM. */
function argumentValues(
  dockerfile: Dockerfile,
  buildArguments: readonly string[],
): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  const given = new Map(buildArguments.map((one) => splitOnce(one)));
  for (const { argument } of dockerfile.globalArguments)
    for (const word of argument.split(/\s+/)) {
      const [name, value] = splitOnce(word);
      const known = given.get(name) ?? value;
      if (known !== undefined) values.set(name, known.replace(/^(["'])(.*)\1$/, '$2'));
    }
  return values;
}

function splitOnce(text: string): [string, string | undefined] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, undefined] : [text.slice(0, equals), text.slice(equals + 1)];
}

/** `$NAME`, `${NAME}` and `${NAME:-default}`. */
function expanded(reference: string, values: ReadonlyMap<string, string>, stage: string): string {
  const text = reference.replace(
    /\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))/g,
    (whole, braced: string | undefined, fallback: string | undefined, bare: string | undefined) =>
      values.get(braced ?? bare ?? '') || (fallback ?? whole),
  );
  if (!text.includes('$')) return text;
  throw unsuited(
    stage,
    `which image ${reference} is cannot be told`,
    'Give its arguments a default before the first FROM.',
  );
}

function textOf({ keyword, argument }: Instruction): string {
  return `${keyword} ${argument}`;
}
