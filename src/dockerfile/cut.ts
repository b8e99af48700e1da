import { LayerwrightError } from '../errors.ts';
import { jsonList } from './json-list.ts';
import { type Dockerfile, type Instruction, parseDockerfile, type Stage } from './parse.ts';
import type { ScannedInstruction } from './scan.ts';
import type { Scope } from './scope.ts';

/** A Dockerfile's text that means what was asked for, or why there is none. */
export type Cut =
  | { readonly text: string; readonly reason?: undefined }
  | { readonly text?: undefined; readonly reason: string };

/** A part of a stage that starts from an image of its own. */
export interface Continuation {
  /** Index of the first instruction. */
  readonly from: number;
  /** Index after the last one. */
  readonly to: number;
  /** What the part starts from: an image, or a name that a `--build-context` replaces. */
  readonly base: string;
  /** That of the image: `--platform` of the chain's first FROM, variables put in; undefined without one. */
  readonly platform?: string | undefined;
  /** What the first instruction sees; see `stageScope`. */
  readonly scope: Scope;
  /** One line that stands in the place of the command of the last instruction, a RUN, whose flags stay. */
  readonly command?: string | undefined;
}

/**
 * A text whose last stage is a part of a stage, on another base. Directives, arguments before the first FROM and all earlier
 * stages stay as they are, with their numbers, so that `COPY --from` finds them; then come a FROM, the declarations of the
 * arguments that are in scope, with their values, and the instructions byte for byte.
 *
 * The base must bring the configuration that stands at that point (ENV, SHELL, WORKDIR, USER), without its ONBUILD, which
 * would be executed. Of the result only the layers count: that a CMD stood before, which ENTRYPOINT leaves, is not seen.
 */
export function continueFrom(dockerfile: Dockerfile, stage: Stage, part: Continuation): Cut {
  const problem = continuationProblem(part.scope);
  if (problem !== undefined) return { reason: problem };
  const kept = dockerfile.text.slice(0, stage.from.scanned.start);
  const picked = stage.instructions.slice(part.from, part.to);
  const body = bodyOf(dockerfile, picked, part.command);
  if (body === undefined) return { reason: 'only the command of a RUN can be another one' };
  const name = stage.name === undefined ? '' : ` AS ${stage.name}`;
  const declarations = argumentLines(part.scope);
  const platform = part.platform === undefined ? '' : `--platform=${part.platform} `;
  const lines = [`FROM ${platform}${part.base}${name}`, ...declarations].map((line) => `${line}\n`).join('');
  const same: readonly Expected[] =
    part.command === undefined ? picked : [...picked.slice(0, -1), part.command];
  return checked(dockerfile, kept + lines + body, [
    ...dockerfile.stages.slice(0, stage.index).map(instructionsOf),
    [undefined, ...declarations.map(() => undefined), ...same],
  ]);
}

/** The text of the instructions, the last one's command replaced. */
function bodyOf(
  dockerfile: Dockerfile,
  picked: readonly Instruction[],
  command: string | undefined,
): string | undefined {
  const [first, last] = [picked[0], picked.at(-1)];
  if (first === undefined || last === undefined) return command === undefined ? '' : undefined;
  if (command === undefined) return dockerfile.text.slice(first.scanned.start, last.scanned.end);
  if (last.keyword !== 'RUN') return undefined;
  const { argument, rest, start } = last.scanned;
  const flags = argument.slice(0, argument.length - rest.length);
  return `${dockerfile.text.slice(first.scanned.start, start)}RUN ${flags}${command}\n`;
}

/** Why the arguments of a scope cannot be declared once more; undefined if they can. */
export function continuationProblem(scope: Scope): string | undefined {
  const unknown = scope.declared.find(({ name }) => scope.unknown.has(name));
  if (unknown !== undefined) return `the value of ${unknown.name} is not known`;
  const strange = scope.declared.find(({ name }) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  if (strange !== undefined) return `"${strange.name}" is no usual name of an argument`;
  const long = valuesOf(scope).find(
    ([name, value]) => /[\n\r\0]/.test(value ?? '') && !isGiven(scope, name, value),
  );
  return long === undefined ? undefined : `the value of ${long[0]} has more than one line`;
}

/**
 * Lines that declare a scope's arguments anew so that each name stands for the same value, in order. A name that ENV has set
 * since, against a `--build-arg`, is left out: the base image's environment has its value.
 */
export function argumentLines(scope: Scope): readonly string[] {
  return valuesOf(scope).flatMap(([name, value]) => {
    const given = scope.global.buildArguments.get(name);
    if (given !== undefined) return given === value ? [`ARG ${name}`] : [];
    return [value === undefined ? `ARG ${name}` : `ARG ${name}=${quoted(value, scope.escape)}`];
  });
}

function isGiven(scope: Scope, name: string, value: string | undefined): boolean {
  return scope.global.buildArguments.get(name) === value;
}

function valuesOf(scope: Scope): readonly (readonly [string, string | undefined])[] {
  const last = new Map(scope.declared.map(({ name, value }) => [name, value]));
  return [...last].map(([name, value]) => [name, scope.environment.get(name) ?? value]);
}

function quoted(value: string, escapeWith: string): string {
  const escaped = [...value].map((one) =>
    one === '"' || one === '$' || one === escapeWith ? escapeWith + one : one,
  );
  return `"${escaped.join('')}"`;
}

function instructionsOf(stage: Stage): readonly Instruction[] {
  return [stage.from, ...stage.instructions];
}

/** An instruction that must be found again; the command of a RUN; `undefined` for one of ours. */
type Expected = Instruction | string | undefined;

/** A cut text must parse to the instructions that it was cut from. */
function checked(dockerfile: Dockerfile, text: string, expected: readonly (readonly Expected[])[]): Cut {
  const parsed = parsedAgain(dockerfile, text);
  const same =
    parsed !== undefined &&
    parsed.escape === dockerfile.escape &&
    parsed.syntax === dockerfile.syntax &&
    isSame(parsed.globalArguments, dockerfile.globalArguments) &&
    parsed.stages.length === expected.length &&
    parsed.stages.every((stage, index) => isSame(instructionsOf(stage), expected[index] ?? []));
  return same ? { text } : { reason: 'the cut Dockerfile would not mean the same' };
}

function parsedAgain({ path }: Dockerfile, text: string): Dockerfile | undefined {
  try {
    return parseDockerfile(text, path);
  } catch (error) {
    if (error instanceof LayerwrightError) return undefined;
    throw error;
  }
}

function isSame(found: readonly Instruction[], expected: readonly Expected[]): boolean {
  return (
    found.length === expected.length &&
    found.every(({ keyword, scanned }, index) => {
      const other = expected[index];
      if (other === undefined) return true;
      if (typeof other === 'string')
        return keyword === 'RUN' && other !== '' && scanned.rest === other && isOneLine(scanned);
      const { logical, heredocs } = other.scanned;
      return scanned.logical === logical && JSON.stringify(scanned.heredocs) === JSON.stringify(heredocs);
    })
  );
}

/** In shell form, without a heredoc. */
function isOneLine({ rest, heredocs }: ScannedInstruction): boolean {
  return heredocs.length === 0 && jsonList(rest).kind === 'none';
}
