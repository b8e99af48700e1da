import { EXIT, LayerwrightError } from '../errors.ts';
import { type Lexer, lex } from './lexer.ts';

/** The character that escapes and continues lines: `# escape=` may name the backtick. */
export type Escape = '\\' | '`';

/** The value of a variable; undefined if it is not set. */
export type Lookup = (name: string) => string | undefined;

/** Where an instruction stands, for messages. */
export interface Place {
  /** The Dockerfile's path as shown in messages. */
  readonly path: string;
  /** Counts from 1. */
  readonly line: number;
}

export interface ExpandOptions {
  readonly escape?: Escape;
  readonly place?: Place;
  /** Quotes are ordinary characters, as in the content of a heredoc. */
  readonly ignoreQuotes?: boolean;
  /** Quotes are read, and stay in the result. */
  readonly rawQuotes?: boolean;
  /** Escapes are read, and stay in the result. */
  readonly rawEscapes?: boolean;
  /** A variable that is not set stays as it is written. */
  readonly keepUnset?: boolean;
}

/** A word after expansion. */
export interface Expanded {
  readonly text: string;
  /** The text cut at white space that is neither quoted nor escaped. */
  readonly words: readonly string[];
  /** The names that were looked up, set or not. */
  readonly names: ReadonlySet<string>;
}

/**
 * Puts the values of variables into a text and takes quotes and escapes away, after the rules of BuildKit's shell lexer
 * (`ProcessWord` in moby/buildkit frontend/dockerfile/shell). What is not set is empty.
 *
 * @throws LayerwrightError `DOCKERFILE_INVALID` (1) where BuildKit refuses it too
 */
export function expand(
  text: string,
  values: ReadonlyMap<string, string> | Lookup,
  options: ExpandOptions = {},
): string {
  return expandFully(text, values, options).text;
}

/** {@link expand}, the text cut into words (`ProcessWords`). */
export function expandWords(
  text: string,
  values: ReadonlyMap<string, string> | Lookup,
  options: ExpandOptions = {},
): readonly string[] {
  return expandFully(text, values, options).words;
}

/** {@link expand} with all that is known of the result. */
export function expandFully(
  text: string,
  values: ReadonlyMap<string, string> | Lookup,
  options: ExpandOptions = {},
): Expanded {
  const names = new Set<string>();
  const value = typeof values === 'function' ? values : (name: string) => values.get(name);
  const lexer: Lexer = {
    characters: [...text.replace(/^\uFEFF/, '')],
    at: 0,
    escape: options.escape ?? '\\',
    options,
    rawEscapes: options.rawEscapes ?? false,
    word: { text: '' },
    refuse: (why) =>
      new LayerwrightError(
        `${placeText(options.place)}cannot be expanded: ${why}, in ${JSON.stringify(text)}`,
        {
          code: 'DOCKERFILE_INVALID',
          exit: EXIT.failed,
          hint: 'Quote or escape the characters that are meant as they are.',
        },
      ),
    lookup: (name) => {
      names.add(name);
      return value(name);
    },
  };
  return { ...lex(lexer), names };
}

function placeText(place: Place | undefined): string {
  return place === undefined ? '' : `${place.path}:${place.line}: `;
}
