import { durationText } from '../dockerfile/duration.ts';
import type { HealthcheckInstruction } from '../dockerfile/instruction.ts';

/** Texts of an image's history as Go's `fmt` writes them in BuildKit. */

/** A list as `%v` writes it: `[a b]`. */
export function plainList(items: readonly string[]): string {
  return `[${items.join(' ')}]`;
}

/** A list of strings as `%q` writes it: `["a" "b"]`. */
export function quotedList(items: readonly string[]): string {
  return plainList(items.map(quoted));
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};

function quoted(text: string): string {
  return `"${[...text].map(quotedCharacter).join('')}"`;
}

function quotedCharacter(character: string): string {
  const known = ESCAPES[character];
  if (known !== undefined) return known;
  // What Go prints as it is: letters, marks, numbers, punctuation, symbols, and the space of ASCII only.
  if (character === ' ' || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(character)) return character;
  const code = character.codePointAt(0) as number;
  const hex = code.toString(16);
  if (code < 0x80) return `\\x${hex.padStart(2, '0')}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}

/** A health check as `%+v` writes it. */
export function healthcheckText(check: HealthcheckInstruction): string {
  const { test, interval, timeout, startPeriod, startInterval, retries } = check;
  const fields = {
    Test: plainList(test),
    Interval: durationText(interval),
    Timeout: durationText(timeout),
    StartPeriod: durationText(startPeriod),
    StartInterval: durationText(startInterval),
    Retries: String(retries),
  };
  const texts = Object.entries(fields).map(([name, value]) => `${name}:${value}`);
  return `{${texts.join(' ')}}`;
}
