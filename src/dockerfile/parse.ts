import { closest, distance } from 'fastest-levenshtein';
import { EXIT, LayerwrightError } from '../errors.ts';
import type { Escape } from './lex.ts';
import { type ScannedInstruction, scanDirectives, scanDockerfile } from './scan.ts';
import { trimLeft } from './space.ts';
import { splitWords } from './split.ts';

/** One instruction with its place in the file; lines count from 1. */
export interface Instruction {
  /** Upper case, e.g. `RUN`. */
  readonly keyword: string;
  readonly line: number;
  readonly endLine: number;
  /** Everything after the keyword as it stands in the file, heredoc included. */
  readonly argument: string;
  /** The instruction as BuildKit's parser cuts it. */
  readonly scanned: ScannedInstruction;
}

/** A build stage: from its `FROM` to the next. */
export interface Stage {
  readonly index: number;
  /** The name after `AS`, lower case as BuildKit compares it. */
  readonly name: string | undefined;
  /** What stands after `FROM` (flags aside): an image, an earlier stage, `scratch`, possibly with variables. */
  readonly base: string;
  /** The value of `--platform`, with variables unexpanded. */
  readonly platform: string | undefined;
  readonly line: number;
  /** The `FROM` itself. */
  readonly from: Instruction;
  readonly instructions: readonly Instruction[];
}

/** A parsed Dockerfile: what planning needs to know of it. The text itself stays as it is. */
export interface Dockerfile {
  /** The path as shown in messages. */
  readonly path: string;
  readonly text: string;
  /** The character that escapes and continues lines. */
  readonly escape: Escape;
  /** The frontend that `# syntax=` names. */
  readonly syntax: string | undefined;
  /** `ARG`s before the first `FROM`. */
  readonly globalArguments: readonly Instruction[];
  readonly stages: readonly Stage[];
}

// biome-ignore format: a list of words
const KEYWORDS = [
  'ADD', 'ARG', 'CMD', 'COPY', 'ENTRYPOINT', 'ENV', 'EXPOSE', 'FROM', 'HEALTHCHECK', 'LABEL', 'MAINTAINER',
  'ONBUILD', 'RUN', 'SHELL', 'STOPSIGNAL', 'USER', 'VOLUME', 'WORKDIR',
];

/**
 * Parses a Dockerfile far enough to plan with it, and refuses what BuildKit would refuse too, before any builder is started.
 *
 * @param path as shown in messages
 * @throws LayerwrightError `DOCKERFILE_INVALID` (1) with file, line and what was expected
 */
export function parseDockerfile(text: string, path: string): Dockerfile {
  const invalid = (line: number, why: string, hint?: string) =>
    new LayerwrightError(`${path}:${line}: ${why}`, {
      code: 'DOCKERFILE_INVALID',
      exit: EXIT.failed,
      ...(hint === undefined ? {} : { hint }),
    });
  const { escape: escapeWith, problem } = scanDirectives(text);
  if (problem !== undefined) throw invalid(1, problem);
  const long = text.split('\n').findIndex((line) => line.length > LONGEST_LINE);
  if (long >= 0)
    throw invalid(long + 1, `the line is longer than the ${LONGEST_LINE} bytes that BuildKit reads`);

  const globalArguments: Instruction[] = [];
  const stages: (Stage & { instructions: Instruction[] })[] = [];
  for (const scanned of scanDockerfile(text)) {
    const instruction = toInstruction(scanned, text);
    const { keyword, line } = instruction;
    if (!KEYWORDS.includes(keyword)) {
      const near = closest(keyword, KEYWORDS);
      const suggestion = distance(keyword, near) <= 2 ? ` (did you mean ${near}?)` : '';
      throw invalid(
        line,
        `unknown instruction ${keyword}${suggestion}; expected one of ${KEYWORDS.join(', ')}`,
      );
    }
    if (scanned.argument === '') throw invalid(line, `${keyword} needs at least one argument`);
    if (scanned.problem !== undefined) throw invalid(line, scanned.problem);
    if (keyword === 'FROM') {
      stages.push({ ...parseFrom(instruction, stages.length, invalid), from: instruction, instructions: [] });
      continue;
    }
    const stage = stages.at(-1);
    if (stage) stage.instructions.push(instruction);
    else if (keyword === 'ARG') globalArguments.push(instruction);
    else throw invalid(line, `${keyword} before the first FROM; expected FROM or ARG`);
  }
  if (stages.length === 0)
    throw invalid(
      1,
      'no FROM instruction; expected at least one',
      'A Dockerfile begins with FROM, e.g. FROM python:3.13-slim.',
    );
  return { path, text, escape: escapeWith, syntax: syntaxOf(text), globalArguments, stages };
}

/**
 * The frontend that the file names, after BuildKit's rules: `# syntax=` or `// syntax=` among the directives at its top, behind
 * a `#!` line too, or a JSON document with the key `syntax`.
 */
export function syntaxOf(text: string): string | undefined {
  const plain = text.replace(/^(?:\uFEFF|\xEF\xBB\xBF)/, '').replace(/^#![^\n]*(?:\n|$)/, '');
  return directiveSyntax(plain, '#') ?? directiveSyntax(plain, '//') ?? jsonSyntax(plain);
}

function directiveSyntax(text: string, comment: string): string | undefined {
  for (const line of text.split('\n')) {
    if (!line.startsWith(comment)) return undefined;
    const [, name, value] =
      /^([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/.exec(trimLeft(line.slice(comment.length))) ?? [];
    if (name === undefined || !/^(?:syntax|escape|check)$/i.test(name)) return undefined;
    if (name.toLowerCase() === 'syntax') return value;
  }
  return undefined;
}

function jsonSyntax(text: string): string | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    const { syntax } = JSON.parse(text) as { readonly syntax?: unknown };
    return typeof syntax === 'string' ? syntax : undefined;
  } catch {
    return undefined;
  }
}

/** True if BuildKit's own Dockerfile frontend reads the file (no `# syntax=`, or one of docker/dockerfile). */
export function isStandardSyntax(syntax: string | undefined): boolean {
  return (
    syntax === undefined || /^(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?:[:@]|$)/.test(syntax.trim())
  );
}

/**
 * The stage that will be built: the last one, or the one that `--target` names by name or number.
 *
 * @throws LayerwrightError `STAGE_UNKNOWN` (1)
 */
export function targetStage(dockerfile: Dockerfile, target: string | undefined): Stage {
  const last = dockerfile.stages.at(-1) as Stage;
  if (target === undefined || target === '') return last;
  // BuildKit lets a later stage shadow an earlier one of the same name.
  const named = dockerfile.stages.findLast((stage) => stage.name === target.toLowerCase());
  const found = named ?? (/^\d+$/.test(target) ? dockerfile.stages[Number(target)] : undefined);
  if (found) return found;
  const names = dockerfile.stages.flatMap((stage) => stage.name ?? []);
  const near = names.length > 0 ? closest(target.toLowerCase(), names) : undefined;
  throw new LayerwrightError(`${dockerfile.path}: no stage is called "${target}"`, {
    code: 'STAGE_UNKNOWN',
    exit: EXIT.failed,
    hint:
      names.length === 0
        ? 'No stage of this Dockerfile has a name; add one with FROM ... AS name.'
        : `Stages: ${names.join(', ')}.${near !== undefined && distance(target, near) <= 3 ? ` Did you mean ${near}?` : ''}`,
  });
}

/** The stages that the target is made from, oldest first, the target last (`FROM stage` chain). */
export function ancestry(dockerfile: Dockerfile, target: Stage): readonly Stage[] {
  const chain: Stage[] = [target];
  for (;;) {
    const child = chain[0] as Stage;
    const parent = dockerfile.stages
      .slice(0, child.index)
      .findLast((stage) => stage.name === child.base.toLowerCase());
    if (!parent) return chain;
    chain.unshift(parent);
  }
}

/** BuildKit's scanner gives up on a longer line, its end included. */
const LONGEST_LINE = 65_535;

function toInstruction(scanned: ScannedInstruction, text: string): Instruction {
  const { keyword, keywordEnd, start, end, line, endLine, argument } = scanned;
  const raw = keywordEnd < 0 ? argument : text.slice(Math.max(keywordEnd, start), end);
  return { keyword, line, endLine, argument: raw.replaceAll('\r\n', '\n').trim(), scanned };
}

function parseFrom(
  instruction: Instruction,
  index: number,
  invalid: (line: number, why: string, hint?: string) => LayerwrightError,
): Omit<Stage, 'instructions' | 'from'> {
  const { line, scanned } = instruction;
  const { flags } = scanned;
  const [base, as, name, ...rest] = splitWords(scanned.rest);
  const expected = 'expected FROM [--platform=PLATFORM] IMAGE [AS NAME]';
  if (base === undefined) throw invalid(line, `FROM names no image; ${expected}`);
  if (
    (as !== undefined && as.toUpperCase() !== 'AS') ||
    (as !== undefined && name === undefined) ||
    rest.length > 0
  )
    throw invalid(
      line,
      `FROM has words that are not understood: "${[as, name, ...rest].filter(Boolean).join(' ')}"; ${expected}`,
    );
  if (name !== undefined && !/^[a-zA-Z][a-zA-Z0-9_.-]*$/.test(name))
    throw invalid(line, `"${name}" is no stage name; expected a letter, then letters, digits, _ . or -`);
  const strange = flags.find((flag) => !flag.startsWith('--platform='));
  if (strange !== undefined) throw invalid(line, `FROM has no flag ${strange}; ${expected}`);
  const [platform] = flags;
  return { index, name: name?.toLowerCase(), base, platform: platform?.slice('--platform='.length), line };
}
