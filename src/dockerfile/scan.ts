import { type Heredoc, heredocsOf } from './heredoc.ts';
import { jsonList } from './json-list.ts';
import type { Escape } from './lex.ts';
import { trimLeft, trimSpace } from './space.ts';
import { takeFlags } from './split.ts';

/** One instruction as BuildKit's parser cuts it out of the text, with its place: what a line-exact change needs. */
export interface ScannedInstruction {
  /** Upper case, e.g. `RUN`. */
  readonly keyword: string;
  /** Offset in the text just after the keyword; -1 if the keyword goes over several lines. */
  readonly keywordEnd: number;
  /** What follows the keyword on its logical line: continued lines joined, comments between them left out. */
  readonly argument: string;
  /** The logical line, keyword and all, without white space in front. */
  readonly logical: string;
  /** The flags before anything else, `--name` or `--name=value`, quotes and escapes taken away. */
  readonly flags: readonly string[];
  /** The argument without its flags. */
  readonly rest: string;
  /** The lines of its heredocs, joined by `\n`. */
  readonly heredoc: string;
  /** Its heredocs, each with its content as it stands in the file. */
  readonly heredocs: readonly Heredoc[];
  /** Offset of its first line's beginning. */
  readonly start: number;
  /** Offset after its last line, that of its last heredoc included, with the line's end. */
  readonly end: number;
  /** Counts from 1. */
  readonly line: number;
  readonly endLine: number;
  /** Why BuildKit does not parse it. */
  readonly problem: string | undefined;
}

/** A physical line: its offset, the text without the line end, and with it. */
interface Line {
  readonly offset: number;
  readonly text: string;
  readonly whole: string;
}

/** The lines at the top of a file that say how to read it. */
export interface Directives {
  readonly escape: Escape;
  /** Why BuildKit refuses them. */
  readonly problem: string | undefined;
}

/**
 * The instructions of a Dockerfile, after the rules of BuildKit's parser: `# escape=`, continued lines, comments and empty
 * lines between them, heredocs of RUN, COPY and ADD (also behind ONBUILD), CRLF, a byte order mark.
 *
 * @param text decoded as UTF-8 or, to keep every byte, as Latin-1
 */
export function scanDockerfile(text: string): readonly ScannedInstruction[] {
  const lines = linesOf(text);
  const { escape: escapeWith } = directivesOf(lines);
  const found: ScannedInstruction[] = [];
  for (let at = 0; at < lines.length; ) {
    const logical = takeLogical(lines, at, escapeWith);
    if (logical.text === undefined) {
      at = logical.next;
      continue;
    }
    const instruction = toInstruction(lines, at, logical.text, logical.first, logical.next, escapeWith);
    found.push(instruction);
    at = instruction.endLine;
  }
  return found;
}

/** What the file's directives say of reading it. */
export function scanDirectives(text: string): Directives {
  return directivesOf(linesOf(text));
}

function toInstruction(
  lines: readonly Line[],
  at: number,
  text: string,
  firstText: string,
  next: number,
  escapeWith: Escape,
): ScannedInstruction {
  const first = lines[at] as Line;
  // BuildKit cuts the keyword off at ASCII white space.
  const trimmed = trimSpace(text);
  const [word = ''] = /^[^\t\v\f\r ]*/.exec(trimmed) ?? [];
  const argument = trimSpace(trimmed.slice(word.length));
  const { flags, rest } = takeFlags(argument, escapeWith);
  const body = takesHeredocs(word, rest, escapeWith) ? takeHeredocs(lines, next, text) : noHeredocs(next);
  const indent = first.text.length - trimLeft(first.text).length;
  const last = lines[body.next - 1] as Line;
  return {
    keyword: word.toUpperCase(),
    keywordEnd: word.length <= firstText.length ? first.offset + indent + word.length : -1,
    argument,
    logical: text,
    flags,
    rest,
    heredoc: body.lines.join('\n'),
    heredocs: body.heredocs,
    start: first.offset,
    end: last.offset + last.whole.length,
    line: at + 1,
    endLine: body.next,
    problem: body.problem,
  };
}

function linesOf(text: string): readonly Line[] {
  // The mark's three bytes, if the text was decoded as Latin-1.
  const start = /^(?:\uFEFF|\xEF\xBB\xBF)?/.exec(text)?.[0].length ?? 0;
  return [...text.slice(start).matchAll(/[^\n]*\n|[^\n]+$/g)].map((match) => ({
    offset: start + match.index,
    text: match[0].replace(/[\r\n]+$/, ''),
    whole: match[0],
  }));
}

/** Directives stand before anything else, comments included. */
function directivesOf(lines: readonly Line[]): Directives {
  const seen = new Map<string, string>();
  const found = (problem?: string): Directives => ({
    escape: seen.get('escape') === '`' ? '`' : '\\',
    problem,
  });
  for (const { text } of lines) {
    const directive = /^#([\s\S]*)$/.exec(trimLeft(text));
    const [, name, value = ''] =
      /^([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=[\t\n\f\r ]*(.+?)[\t\n\f\r ]*$/.exec(
        trimLeft(directive?.[1] ?? ''),
      ) ?? [];
    const key = name?.toLowerCase() ?? '';
    if (key !== 'syntax' && key !== 'escape' && key !== 'check') break;
    if (seen.has(key)) return found(`only one ${key} parser directive can be used`);
    if (key === 'escape' && value !== '`' && value !== '\\')
      return found(`invalid escape token '${value}' does not match \` or \\`);
    seen.set(key, value);
  }
  return found();
}

function isComment(text: string): boolean {
  return trimLeft(text).startsWith('#');
}

interface Logical {
  /** Undefined if there is no instruction in these lines. */
  readonly text: string | undefined;
  /** What the first physical line gave to it. */
  readonly first: string;
  readonly next: number;
}

/** A logical line from a physical one on. A continuation is one escape character, and not two, before the line's end. */
function takeLogical(lines: readonly Line[], start: number, escapeWith: Escape): Logical {
  const mark = escapeWith === '`' ? /([^`])`[ \t]*$|^`[ \t]*$/ : /([^\\])\\[ \t]*$|^\\[ \t]*$/;
  const opening = (lines[start] as Line).text;
  if (isComment(opening)) return { text: undefined, first: '', next: start + 1 };
  let piece = trimLeft(opening);
  let text = piece.replace(mark, '$1');
  const first = text;
  let at = start + 1;
  if (!mark.test(piece) && piece === '') return { text: undefined, first, next: at };
  while (mark.test(piece) && at < lines.length) {
    const line = (lines[at] as Line).text;
    at++;
    if (isComment(line) || trimLeft(line) === '') continue;
    piece = line;
    text += line.replace(mark, '$1');
  }
  return { text, first, next: at };
}

const HEREDOC_KEYWORD = /^(?:RUN|COPY|ADD)$/i;

function takesHeredocs(keyword: string, rest: string, escapeWith: Escape): boolean {
  if (/^ONBUILD$/i.test(keyword)) {
    const [word = ''] = /^[^\t\v\f\r ]*/.exec(rest) ?? [];
    return (
      HEREDOC_KEYWORD.test(word) && !isJson(takeFlags(trimSpace(rest.slice(word.length)), escapeWith).rest)
    );
  }
  return HEREDOC_KEYWORD.test(keyword) && !isJson(rest);
}

function isJson(rest: string): boolean {
  return jsonList(rest).kind === 'list';
}

interface Body {
  readonly lines: readonly string[];
  readonly heredocs: readonly Heredoc[];
  readonly next: number;
  readonly problem: string | undefined;
}

function noHeredocs(next: number): Body {
  return { lines: [], heredocs: [], next, problem: undefined };
}

function takeHeredocs(lines: readonly Line[], start: number, logical: string): Body {
  const body: string[] = [];
  const heredocs: Heredoc[] = [];
  let at = start;
  for (const mark of heredocsOf(logical)) {
    let content = '';
    let ended = false;
    while (at < lines.length && !ended) {
      const { text, whole } = lines[at] as Line;
      at++;
      ended = (mark.chomp ? text.replace(/^\t+/, '') : text) === mark.name;
      if (ended) break;
      content += whole;
      body.push(text);
    }
    if (!ended) return { lines: body, heredocs, next: at, problem: `unterminated heredoc ${mark.name}` };
    heredocs.push({ ...mark, content });
  }
  return { lines: body, heredocs, next: at, problem: undefined };
}
