/** One instruction as BuildKit's parser cuts it out of the text, with its place: what a line-exact change needs. */
export interface ScannedInstruction {
  /** Upper case, e.g. `RUN`. */
  readonly keyword: string;
  /** Offset in the text just after the keyword. */
  readonly keywordEnd: number;
  /** What follows the keyword on its logical line: continued lines joined, comments between them left out. */
  readonly argument: string;
  /** The lines of its heredocs. */
  readonly heredoc: string;
}

/** A physical line: its offset, and its text without the line end. */
interface Line {
  readonly offset: number;
  readonly text: string;
}

/**
 * The instructions of a Dockerfile, after the rules of BuildKit's parser: `# escape=`, continued lines, comments and empty
 * lines between them, heredocs of RUN, COPY and ADD (also behind ONBUILD), CRLF, a byte order mark.
 *
 * @param text decoded as UTF-8 or, to keep every byte, as Latin-1
 */
export function scanDockerfile(text: string): readonly ScannedInstruction[] {
  const lines = linesOf(text);
  const escapeWith = escapeOf(lines);
  const found: ScannedInstruction[] = [];
  let at = 0;
  while (at < lines.length) {
    const first = lines[at] as Line;
    at++;
    if (isIgnored(first.text)) continue;
    const begin = /^\s*([A-Za-z]+)/.exec(first.text);
    const logical = joinContinued(lines, at, first.text, escapeWith);
    at = logical.next;
    const body = takeHeredocs(lines, at, heredocNames(logical.text, escapeWith));
    at = body.next;
    if (begin === null) continue;
    found.push({
      keyword: (begin[1] as string).toUpperCase(),
      keywordEnd: first.offset + begin[0].length,
      argument: logical.text.slice(begin[0].length).trim(),
      heredoc: body.text,
    });
  }
  return found;
}

function linesOf(text: string): readonly Line[] {
  // The mark's three bytes, if the text was decoded as Latin-1.
  const start = /^(?:\uFEFF|\xEF\xBB\xBF)?/.exec(text)?.[0].length ?? 0;
  return [...text.slice(start).matchAll(/([^\n]*)(?:\n|$)/g)]
    .map((match) => ({ offset: start + match.index, text: (match[1] ?? '').replace(/\r$/, '') }))
    .filter((line, index, all) => index < all.length - 1 || line.text !== '');
}

/** The escape character: the file may name the backtick in a directive, before anything else. */
function escapeOf(lines: readonly Line[]): string {
  for (const { text } of lines) {
    const directive = /^\s*#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*$/.exec(text);
    if (directive === null) break;
    if (directive[1]?.toLowerCase() === 'escape') return directive[2] === '`' ? '`' : '\\';
  }
  return '\\';
}

function isIgnored(text: string): boolean {
  return /^\s*(?:#|$)/.test(text);
}

/** A logical line from its first line on. A continuation is one escape character, and not two, before the line's end. */
function joinContinued(
  lines: readonly Line[],
  next: number,
  first: string,
  escapeWith: string,
): { text: string; next: number } {
  const mark = escapeWith === '`' ? /(^|[^`])`[ \t]*$/ : /(^|[^\\])\\[ \t]*$/;
  let text = first;
  let at = next;
  while (mark.test(text) && at < lines.length) {
    const { text: line } = lines[at] as Line;
    at++;
    if (!isIgnored(line)) text = text.replace(mark, '$1') + line;
  }
  return { text: text.replace(mark, '$1'), next: at };
}

interface HeredocName {
  readonly name: string;
  /** `<<-`: tabs in front of the closing name are ignored. */
  readonly stripsTabs: boolean;
}

/** The heredocs that a logical line begins, in order: words like `<<EOF`, `3<<-"EOF"`, outside of quotes. */
function heredocNames(logical: string, escapeWith: string): readonly HeredocName[] {
  const rest = logical.trim().replace(/^ONBUILD\s+/i, '');
  if (!/^(?:RUN|COPY|ADD)\s/i.test(rest)) return [];
  return shellWords(rest, escapeWith).flatMap((word) => {
    const [, dash = '', quoted = ''] = /^\d*<<(-?)([^<]*)$/.exec(word) ?? [];
    const name = unquoted(quoted, escapeWith);
    return name === '' || /\s/.test(name) ? [] : [{ name, stripsTabs: dash === '-' }];
  });
}

/** Words as a shell cuts them, quotes and escapes kept. */
function shellWords(text: string, escapeWith: string): readonly string[] {
  const escaped = escapeWith === '`' ? '`[\\s\\S]' : '\\\\[\\s\\S]';
  const word = new RegExp(`(?:'[^']*'?|"(?:${escaped}|[^"])*"?|${escaped}|[^\\s'"])+`, 'g');
  return text.match(word) ?? [];
}

function unquoted(word: string, escapeWith: string): string {
  const whole = /^(['"])(.*)\1$/.exec(word);
  return whole ? (whole[2] as string) : word.replaceAll(/['"]/g, '').replaceAll(escapeWith, '');
}

function takeHeredocs(
  lines: readonly Line[],
  start: number,
  names: readonly HeredocName[],
): { text: string; next: number } {
  const body: string[] = [];
  let at = start;
  for (const { name, stripsTabs } of names) {
    for (; at < lines.length; at++) {
      const { text } = lines[at] as Line;
      if ((stripsTabs ? text.replace(/^\t+/, '') : text) === name) break;
      body.push(text);
    }
    at++;
  }
  return { text: body.join('\n'), next: at };
}
