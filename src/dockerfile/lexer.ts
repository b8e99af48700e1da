import type { LayerwrightError } from '../errors.ts';
import type { Escape, ExpandOptions, Lookup } from './lex.ts';
import { type BadPattern, withoutPrefix, withoutSuffix, withReplaced } from './pattern.ts';
import { isSpace } from './space.ts';

/** A text that is being read, and what is known of variables. */
export interface Lexer {
  /** Code points. */
  readonly characters: readonly string[];
  at: number;
  readonly escape: Escape;
  readonly options: ExpandOptions;
  rawEscapes: boolean;
  /** One for all levels: BuildKit empties it when a `${...}` begins, so that what stands before it in the word is lost. */
  readonly word: { text: string };
  readonly refuse: (why: string) => LayerwrightError;
  readonly lookup: Lookup;
}

const peek = (lexer: Lexer): string | undefined => lexer.characters[lexer.at];
const next = (lexer: Lexer): string | undefined => lexer.characters[lexer.at++];

/** Reads all of the text. */
export function lex(lexer: Lexer): { text: string; words: readonly string[] } {
  return process(lexer, undefined, lexer.rawEscapes, false);
}

/** Reads up to `stop` or the end. `doubled`: a literal escape in quotes is doubled, since a pattern is read again. */
function process(
  lexer: Lexer,
  stop: string | undefined,
  rawEscapes: boolean,
  doubled: boolean,
): { text: string; words: readonly string[] } {
  const before = lexer.rawEscapes;
  lexer.rawEscapes = rawEscapes;
  const words = wordsInto(lexer.word);
  let text = '';
  for (;;) {
    const character = peek(lexer);
    if (character === undefined || character === stop) break;
    if (character === '$') {
      const value = dollar(lexer);
      text += value;
      for (const one of value) words.add(one);
    } else if (isSpecial(lexer, character)) {
      const value = special(lexer, character, doubled);
      text += value;
      words.addRaw(value);
    } else {
      lexer.at++;
      if (character !== lexer.escape) {
        text += character;
        words.add(character);
        continue;
      }
      if (lexer.rawEscapes) {
        text += character;
        words.addRaw(character);
      }
      const escaped = next(lexer);
      if (escaped === undefined) break;
      text += escaped;
      words.addRaw(escaped);
    }
  }
  if (stop !== undefined && next(lexer) === undefined) {
    lexer.rawEscapes = before;
    throw lexer.refuse(
      stop === '/' ? "syntax error: missing '/' in a substitution" : `syntax error: missing '${stop}'`,
    );
  }
  lexer.rawEscapes = before;
  return { text, words: words.done() };
}

function isSpecial({ options }: Lexer, character: string): boolean {
  return character === '<' || (options.ignoreQuotes !== true && (character === "'" || character === '"'));
}

function special(lexer: Lexer, character: string, doubled: boolean): string {
  if (character === '<') return heredocMark(lexer);
  return character === "'" ? singleQuoted(lexer, doubled) : doubleQuoted(lexer, doubled);
}

function wordsInto(word: { text: string }) {
  const words: string[] = [];
  let inWord = false;
  word.text = '';
  const addRaw = (text: string) => {
    word.text += text;
    inWord = true;
  };
  return {
    addRaw,
    add: (character: string) => {
      if (!isSpace(character)) return addRaw(character);
      if (!inWord || word.text === '') return;
      words.push(word.text);
      word.text = '';
      inWord = false;
    },
    done: () => {
      if (word.text !== '') words.push(word.text);
      word.text = '';
      return words;
    },
  };
}

/** `<<`, with the spaces between it and its name, so that they are one word. */
function heredocMark(lexer: Lexer): string {
  lexer.at++;
  if (peek(lexer) !== '<') return '<';
  lexer.at++;
  let mark = '<<';
  while (/^[\t\r ]$/.test(peek(lexer) ?? '')) mark += next(lexer);
  return mark;
}

function singleQuoted(lexer: Lexer, doubled: boolean): string {
  const quote = next(lexer) as string;
  let text = lexer.options.rawQuotes ? quote : '';
  for (;;) {
    const character = next(lexer);
    if (character === undefined)
      throw lexer.refuse('unexpected end of statement while looking for matching single-quote');
    if (character === "'") return lexer.options.rawQuotes ? text + character : text;
    if (doubled && character === lexer.escape) text += character;
    text += character;
  }
}

function doubleQuoted(lexer: Lexer, doubled: boolean): string {
  const quote = next(lexer) as string;
  let text = lexer.options.rawQuotes ? quote : '';
  for (;;) {
    const character = peek(lexer);
    if (character === undefined)
      throw lexer.refuse('unexpected end of statement while looking for matching double-quote');
    if (character === '$') {
      text += dollar(lexer);
      continue;
    }
    lexer.at++;
    if (character === '"') return lexer.options.rawQuotes ? text + character : text;
    if (character !== lexer.escape) text += character;
    else text += escapedInQuotes(lexer, doubled);
  }
}

/** After an escape in double quotes: only a quote, a dollar and an escape can be escaped. */
function escapedInQuotes(lexer: Lexer, doubled: boolean): string {
  const following = peek(lexer);
  if (following === undefined) return '';
  if (following === '"' || following === '$' || following === lexer.escape) {
    lexer.at++;
    return lexer.rawEscapes ? lexer.escape + following : following;
  }
  return lexer.rawEscapes && (!lexer.options.rawQuotes || doubled)
    ? lexer.escape + lexer.escape
    : lexer.escape;
}

function dollar(lexer: Lexer): string {
  lexer.at++;
  if (peek(lexer) === '{') return braced(lexer);
  const name = nameOf(lexer);
  if (name === '') return '$';
  return lexer.lookup(name) ?? (lexer.options.keepUnset ? `$${name}` : '');
}

function braced(lexer: Lexer): string {
  lexer.at++;
  const first = peek(lexer);
  if (first === undefined) throw lexer.refuse("syntax error: missing '}'");
  if (first === '{' || first === '}' || first === ':') throw lexer.refuse('syntax error: bad substitution');
  const name = nameOf(lexer);
  const operator = next(lexer);
  if (operator === '}') return lexer.lookup(name) ?? (lexer.options.keepUnset ? `\${${name}}` : '');
  if (operator === '/') return replaced(lexer, name);
  if (operator === ':') return modified(lexer, name, ':', next(lexer) ?? '\uFFFD');
  if (operator !== undefined && '+-?#%'.includes(operator)) return modified(lexer, name, '', operator);
  throw unsupported(lexer, operator ?? '\uFFFD');
}

function unsupported(lexer: Lexer, operator: string): LayerwrightError {
  return lexer.refuse(`unsupported modifier (${operator}) in substitution`);
}

/** `${name-word}` and its kin; with a colon in front, empty counts as not set. */
function modified(lexer: Lexer, name: string, colon: '' | ':', operator: string): string {
  const trims = operator === '#' || operator === '%';
  if (colon !== '' && trims) throw unsupported(lexer, colon + operator);
  const word = process(lexer, '}', trims, trims).text;
  const value = lexer.lookup(name);
  if (value === undefined && lexer.options.keepUnset) return `\${${name}${colon}${operator}${word}}`;
  const missing = value === undefined || (colon === ':' && value === '');
  if (operator === '-') return missing ? word : value;
  if (operator === '+') return missing ? '' : word;
  if (operator === '?') {
    if (!missing) return value;
    const what = value === undefined ? 'is not allowed to be unset' : 'is not allowed to be empty';
    throw lexer.refuse(`${name}: ${word === '' ? what : word}`);
  }
  if (!trims) throw unsupported(lexer, colon + operator);
  const greedy = word.startsWith(operator);
  const pattern = greedy ? word.slice(1) : word;
  return surely(
    lexer,
    operator === '#'
      ? withoutPrefix(value ?? '', pattern, greedy)
      : withoutSuffix(value ?? '', pattern, greedy),
  );
}

/** `${name/pattern/text}`, with two slashes in front for each match. */
function replaced(lexer: Lexer, name: string): string {
  const all = peek(lexer) === '/';
  if (all) lexer.at++;
  const pattern = process(lexer, '/', true, true).text;
  const text = process(lexer, '}', true, false).text;
  const value = lexer.lookup(name);
  if (value === undefined && lexer.options.keepUnset) return `\${${name}/${pattern}/${text}}`;
  return surely(lexer, withReplaced(value ?? '', pattern, text, all));
}

function surely(lexer: Lexer, result: string | BadPattern): string {
  if (typeof result === 'string') return result;
  throw lexer.refuse(result.bad);
}

/** Letters, digits and `_`; only digits after a digit; or one special parameter. */
function nameOf(lexer: Lexer): string {
  const first = peek(lexer);
  if (first === undefined) return '';
  if (/^[@*#?\-$!]$/.test(first)) return next(lexer) as string;
  const part = /^\p{Nd}$/u.test(first) ? /^\p{Nd}$/u : /^[\p{L}\p{Nd}_]$/u;
  let name = '';
  while (part.test(peek(lexer) ?? '')) name += next(lexer);
  return name;
}
