import { LayerwrightError } from '../errors.ts';
import { expandFully } from './lex.ts';

/** What a word such as `<<EOF`, `3<<-"EOF"` begins. */
export interface HeredocMark {
  readonly name: string;
  /** `<<-`: tabs in front of lines and of the closing name are left out. */
  readonly chomp: boolean;
  /** False if a part of the name is quoted: then variables stay as they are. */
  readonly expand: boolean;
}

/** A heredoc with its content. */
export interface Heredoc extends HeredocMark {
  /** Its lines as they stand in the file, with their ends, tabs in front too; see {@link chomped}. */
  readonly content: string;
}

const NOTHING = () => undefined;

/** The heredocs that a logical line begins, in order. What cannot be cut into words begins none. */
export function heredocsOf(line: string): readonly HeredocMark[] {
  if (!line.includes('<<')) return [];
  try {
    const options = { rawQuotes: true, rawEscapes: true, keepUnset: true };
    return expandFully(line, NOTHING, options).words.flatMap((word) => heredocMark(word) ?? []);
  } catch (error) {
    if (error instanceof LayerwrightError) return [];
    throw error;
  }
}

/** The heredoc that one word begins; undefined if it begins none. */
export function heredocMark(word: string): HeredocMark | undefined {
  const [, , dash, rest = ''] = /^(\d*)<<(-?)[\t\n\f\r ]*([^<]*)$/.exec(word) ?? [];
  if (rest === '') return undefined;
  const plain = wordsOf(rest, false);
  const raw = wordsOf(rest, true);
  const [name] = plain;
  if (name === undefined || plain.length !== 1 || raw.length !== 1) return undefined;
  return { name, chomp: dash === '-', expand: quotesIn(name) === quotesIn(raw[0] as string) };
}

/** The content as programs see it: without leading tabs after `<<-`. */
export function chomped({ chomp, content }: Heredoc): string {
  return chomp ? content.replace(/^\t+/gm, '') : content;
}

function wordsOf(text: string, rawQuotes: boolean): readonly string[] {
  try {
    return expandFully(text, NOTHING, { rawQuotes, keepUnset: true }).words;
  } catch (error) {
    if (error instanceof LayerwrightError) return [];
    throw error;
  }
}

function quotesIn(text: string): number {
  return text.match(/['"]/g)?.length ?? 0;
}
