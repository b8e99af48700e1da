import type { Escape } from './lex.ts';
import { isSpace, trimLeft } from './space.ts';

/** An instruction's argument, its flags cut off. */
export interface Flagged {
  /** `--name` or `--name=value`, quotes and escapes taken away. */
  readonly flags: readonly string[];
  readonly rest: string;
}

/** Cuts off the words in front that begin with `--`; a bare `--` ends them. */
export function takeFlags(text: string, escapeWith: Escape): Flagged {
  const flags: string[] = [];
  let at = 0;
  for (;;) {
    while (at < text.length && isSpace(text[at] as string)) at++;
    if (!text.startsWith('--', at)) return { flags, rest: text.slice(at) };
    const word = takeFlag(text, at, escapeWith);
    at = word.end;
    if (word.text === '--') return { flags, rest: trimLeft(text.slice(at)) };
    if (word.quoted || word.text !== '') flags.push(word.text);
  }
}

function takeFlag(
  text: string,
  start: number,
  escapeWith: Escape,
): { text: string; quoted: boolean; end: number } {
  let word = '';
  let quoted = false;
  let quote = '';
  let at = start;
  for (; at < text.length; at++) {
    let character = text[at] as string;
    if (quote === '' && isSpace(character)) break;
    if (quote === '' && (character === '"' || character === "'")) {
      quote = character;
      quoted = true;
      continue;
    }
    if (character === quote) {
      quote = '';
      continue;
    }
    if (character === escapeWith) {
      if (at + 1 === text.length) continue;
      at++;
      character = text[at] as string;
    }
    word += character;
  }
  return { text: word, quoted, end: at };
}

/** Words divided by ASCII white space, as in FROM, EXPOSE, COPY: quotes divide nothing. */
export function splitWords(text: string): readonly string[] {
  return text === '' ? [] : text.split(/[\t\v\f\r ]+/);
}

/** Words as ENV, LABEL and ARG have them: quotes and escapes hold a word together, and stay in it. */
export function quotedWords(text: string, escapeWith: Escape): readonly string[] {
  const words: string[] = [];
  const characters = [...text];
  let word = '';
  let begun = false;
  let quote = '';
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] as string;
    if (quote === '' && isSpace(character)) {
      if (begun) words.push(word);
      word = '';
      begun = false;
      continue;
    }
    const escapes = character === escapeWith && quote !== "'";
    if (escapes && at + 1 === characters.length) break;
    if (quote === '' && (character === '"' || character === "'")) quote = character;
    else if (character === quote) quote = '';
    begun = true;
    word += character;
    if (escapes) word += characters[++at];
  }
  if (begun) words.push(word);
  return words;
}
