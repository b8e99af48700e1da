/** A piece of a word: text, or a variable that the shell expands. */
export type WordPart =
  | { readonly text: string; readonly quoted: boolean }
  | { readonly variable: string; readonly quoted: boolean };

/** One word of a command, cut as a shell cuts it; quotes and escapes are gone, variables are not expanded yet. */
export interface Word {
  readonly parts: readonly WordPart[];
  /**
   * True if it holds an unquoted `*`, `?` or `[`: a pattern of file names, which stands for itself where no file fits it, as
   * `uvicorn[standard]` does in nearly every directory.
   */
  readonly pattern: boolean;
}

/** `A=b program word ...`; without words only the assignments. */
export interface SimpleCommand {
  readonly assignments: readonly { readonly name: string; readonly value: Word }[];
  readonly words: readonly Word[];
  /** What stands before it: `&&` runs it only if the one before succeeded, `;` (and a line's end) in any case. */
  readonly after: '&&' | ';' | undefined;
}

/** Why a text is more than simple commands, e.g. `a pipe`. */
export interface ShellReason {
  readonly reason: string;
}

/**
 * Parses commands of a POSIX shell as far as they are simple: joined by `&&`, `;` or line ends, with quotes, escapes,
 * `$NAME`, `${NAME}`, a leading `~` (as the variable HOME), comments and assignments. Anything else is named as the
 * reason, never guessed at.
 */
export function parseShell(text: string): readonly SimpleCommand[] | ShellReason {
  const tokens = tokensOf(text);
  if ('reason' in tokens) return tokens;
  const commands: SimpleCommand[] = [];
  let words: WordToken[] = [];
  let after: SimpleCommand['after'];
  for (const token of [...tokens, 'end' as const]) {
    if (typeof token === 'object') {
      words.push(token);
      continue;
    }
    if (words.length > 0) {
      const command = commandOf(words, after);
      if ('reason' in command) return command;
      commands.push(command);
      words = [];
      after = token === '&&' ? '&&' : ';';
    } else if (token === '&&' || token === ';') return { reason: `a "${token}" without a command before it` };
    else if (token === 'end' && after === '&&') return { reason: 'an "&&" without a command behind it' };
  }
  return commands;
}

interface WordToken extends Word {
  /** The word as it stands, quotes included: reserved words and assignments are only what is not quoted. */
  readonly source: string;
}

type Token = WordToken | '&&' | ';' | 'line';

/** Words that begin something other than a simple command where they come first. */
const RESERVED = new Set(
  'if then elif else fi for while until do done case esac in { } ! [[ function time select coproc'.split(' '),
);

const ASSIGNMENT = /^([A-Za-z_][A-Za-z0-9_]*)=/;

function commandOf(tokens: readonly WordToken[], after: SimpleCommand['after']): SimpleCommand | ShellReason {
  const first = tokens.findIndex(({ source }) => !ASSIGNMENT.test(source));
  const count = first === -1 ? tokens.length : first;
  const program = tokens[count];
  if (program !== undefined && RESERVED.has(program.source))
    return { reason: `the shell's word "${program.source}"` };
  if (tokens.slice(0, count).some(({ source }) => /=~|:~/.test(source)))
    return { reason: 'a "~" in an assignment' };
  return {
    assignments: tokens.slice(0, count).map((token) => {
      const name = ASSIGNMENT.exec(token.source)?.[1] as string;
      return { name, value: { parts: withoutPrefix(token.parts, name.length + 1), pattern: false } };
    }),
    words: tokens.slice(count).map(({ parts, pattern }) => ({ parts, pattern })),
    after,
  };
}

/** The parts without the first characters, which are text of the first part. */
function withoutPrefix(parts: readonly WordPart[], length: number): readonly WordPart[] {
  const [first, ...rest] = parts;
  if (first === undefined || !('text' in first)) return parts;
  const text = first.text.slice(length);
  return text === '' ? rest : [{ ...first, text }, ...rest];
}

/** What ends a word; of these only some mean something here, see {@link operatorAt}. */
const METACHARACTER = /[\s;&|<>()]/;

function tokensOf(source: string): readonly Token[] | ShellReason {
  if (/[\0\r]/.test(source)) return { reason: 'a control character' };
  const tokens: Token[] = [];
  let at = 0;
  while (at < source.length) {
    const rest = source.slice(at, at + 3);
    const skipped = /^(?:[ \t]|\\\n)/.exec(rest)?.[0].length;
    if (skipped !== undefined) at += skipped;
    else if (rest.startsWith('#')) at = endOfLine(source, at);
    else if (METACHARACTER.test(rest.charAt(0))) {
      const operator = operatorAt(source, at);
      if ('reason' in operator) return operator;
      tokens.push(operator.token);
      at += operator.length;
    } else {
      const word = wordAt(source, at);
      if ('reason' in word) return word;
      tokens.push(word.token);
      at = word.end;
    }
  }
  return tokens;
}

function endOfLine(source: string, at: number): number {
  const end = source.indexOf('\n', at);
  return end === -1 ? source.length : end;
}

function operatorAt(source: string, at: number): { token: Token; length: number } | ShellReason {
  const two = source.slice(at, at + 2);
  if (two === '&&') return { token: '&&', length: 2 };
  if (two === ';;') return { reason: 'a case' };
  if (two === '||') return { reason: 'an alternative ("||")' };
  if (two === '<<') return { reason: 'a heredoc' };
  switch (source[at]) {
    case '\n':
      return { token: 'line', length: 1 };
    case ';':
      return { token: ';', length: 1 };
    case '|':
      return { reason: 'a pipe' };
    case '&':
      return { reason: 'a background command ("&")' };
    case '<':
    case '>':
      return { reason: 'a redirection' };
    case '(':
    case ')':
      return { reason: 'a subshell or function' };
    default:
      return { reason: 'a control character' };
  }
}

interface WordState {
  readonly parts: WordPart[];
  pattern: boolean;
  at: number;
}

function wordAt(source: string, start: number): { token: WordToken; end: number } | ShellReason {
  const state: WordState = { parts: [], pattern: false, at: start };
  while (state.at < source.length && !METACHARACTER.test(source[state.at] as string)) {
    const refused = takePart(source, state, start);
    if (refused) return refused;
  }
  const { parts, pattern, at } = state;
  return { token: { parts: merged(parts), pattern, source: source.slice(start, at) }, end: at };
}

/** Takes the next piece of a word; a reason if it is none that is known. */
function takePart(source: string, state: WordState, start: number): ShellReason | undefined {
  const character = source[state.at] as string;
  switch (character) {
    case "'": {
      const end = source.indexOf("'", state.at + 1);
      if (end === -1) return { reason: "a ' that is not closed" };
      state.parts.push({ text: source.slice(state.at + 1, end), quoted: true });
      state.at = end + 1;
      return undefined;
    }
    case '"':
      return takeDoubleQuoted(source, state);
    case '\\': {
      const next = source[state.at + 1];
      if (next === undefined) return { reason: 'an escape at the end' };
      if (next !== '\n') state.parts.push({ text: next, quoted: true });
      state.at += 2;
      return undefined;
    }
    case '$':
      return takeVariable(source, state, false);
    case '`':
      return { reason: 'a command substitution' };
    case '{':
    case '}':
      return { reason: 'braces' };
    case '~':
      if (state.at === start) return takeHome(source, state);
      break;
    case '*':
    case '?':
    case '[':
      state.pattern = true;
      break;
  }
  state.parts.push({ text: character, quoted: false });
  state.at++;
  return undefined;
}

function takeDoubleQuoted(source: string, state: WordState): ShellReason | undefined {
  // Even an empty pair makes a word.
  state.parts.push({ text: '', quoted: true });
  state.at++;
  for (;;) {
    const character = source[state.at];
    if (character === undefined) return { reason: 'a " that is not closed' };
    if (character === '"') {
      state.at++;
      return undefined;
    }
    if (character === '`') return { reason: 'a command substitution' };
    if (character === '$') {
      const refused = takeVariable(source, state, true);
      if (refused) return refused;
      continue;
    }
    const next = source[state.at + 1];
    if (character === '\\' && next !== undefined && '$`"\\\n'.includes(next)) {
      if (next !== '\n') state.parts.push({ text: next, quoted: true });
      state.at += 2;
      continue;
    }
    state.parts.push({ text: character, quoted: true });
    state.at++;
  }
}

function takeVariable(source: string, state: WordState, quoted: boolean): ShellReason | undefined {
  const rest = source.slice(state.at);
  const named = /^\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})/.exec(rest);
  if (named) {
    state.parts.push({ variable: (named[1] ?? named[2]) as string, quoted });
    state.at += named[0].length;
    return undefined;
  }
  if (rest.startsWith('$((')) return { reason: 'an arithmetic expansion' };
  if (rest.startsWith('$(')) return { reason: 'a command substitution' };
  if ((quoted ? /^\$[{@*#?!$0-9-]/ : /^\$[{@*#?!$0-9'"-]/).test(rest))
    return { reason: `an expansion that is more than a variable ("${rest.slice(0, 2)}")` };
  // A dollar sign that begins nothing is one.
  state.parts.push({ text: '$', quoted });
  state.at++;
  return undefined;
}

function takeHome(source: string, state: WordState): ShellReason | undefined {
  const next = source[state.at + 1];
  if (next !== undefined && next !== '/' && !METACHARACTER.test(next)) return { reason: 'a "~" with a user' };
  // The shell does not split what it puts in place of the tilde.
  state.parts.push({ variable: 'HOME', quoted: true });
  state.at++;
  return undefined;
}

function merged(parts: readonly WordPart[]): readonly WordPart[] {
  const result: WordPart[] = [];
  for (const part of parts) {
    const last = result.at(-1);
    if (last !== undefined && 'text' in last && 'text' in part && last.quoted === part.quoted)
      result[result.length - 1] = { text: last.text + part.text, quoted: part.quoted };
    else result.push(part);
  }
  return result;
}

/**
 * The texts that a word becomes when its variables have these values: one, or none if nothing but unquoted empty variables
 * is in it.
 *
 * @returns a reason where a value is not known, or would be cut into words or taken as a pattern
 */
export function expandWord(
  word: Word,
  values: Readonly<Record<string, string | undefined>>,
): readonly string[] | ShellReason {
  let text = '';
  let quoted = false;
  for (const part of word.parts) {
    quoted ||= part.quoted;
    if ('text' in part) {
      text += part.text;
      continue;
    }
    const value = Object.hasOwn(values, part.variable) ? values[part.variable] : undefined;
    if (value === undefined) return { reason: `the variable ${part.variable}, whose value is not known` };
    if (!part.quoted && /[\s*?[\\]/.test(value))
      return { reason: `the unquoted variable ${part.variable}, whose value the shell cuts or matches` };
    text += value;
  }
  return text === '' && !quoted ? [] : [text];
}
