import { styleText } from 'node:util';

/** Bytes for people: `812 B`, `4.1 kB`, `80.1 MB`, `1.24 GB`. Powers of 1000, as registries count. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${Math.round(bytes)} B`;
  const [size, unit] =
    bytes < 999_950 ? [1e3, 'kB'] : bytes < 999_950_000 ? [1e6, 'MB'] : ([1e9, 'GB'] as const);
  return `${(bytes / size).toFixed(size === 1e9 ? 2 : 1)} ${unit}`;
}

/** `12.3/80.1 MB`; only what is there where the total is not known. */
export function formatTransfer(current: number, total: number | undefined): string {
  if (total === undefined || current >= total) return formatBytes(current);
  const [amount, unit] = formatBytes(total).split(' ');
  const size = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9 }[unit as 'B' | 'kB' | 'MB' | 'GB'];
  const digits = amount?.split('.')[1]?.length ?? 0;
  return `${(current / size).toFixed(digits)}/${amount} ${unit}`;
}

/** Seconds for people: `0.4 s`, `72.9 s`, `2 min 05 s`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 99.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
}

/** `1 step`, `2 steps`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

type Look = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Gives text a look where colour is allowed; otherwise the text as it is. */
export type Paint = (look: Look, text: string) => string;

/** A painter that colours or does not. What the text means must not depend on it. */
export function painter(colour: boolean): Paint {
  // Whether the stream takes colour was decided where the stream was opened.
  return colour ? (look, text) => styleText(look, text, { validateStream: false }) : (_look, text) => text;
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const ZERO = /[\p{Mn}\p{Me}\p{Cf}]/u;

/** Terminal columns that plain text takes: East Asian wide characters and emoji two, combining marks none. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += ZERO.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
  return width;
}

/** Plain text cut to so many columns, with an ellipsis where something is missing. */
export function cut(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let result = '';
  let width = 0;
  for (const character of text) {
    width += displayWidth(character);
    if (width > columns - 1) break;
    result += character;
  }
  return columns < 1 ? '' : `${result.trimEnd()}…`;
}

/** Plain text cut or filled with spaces to exactly so many columns. */
export function fit(text: string, columns: number): string {
  const short = cut(text, columns);
  return short + ' '.repeat(Math.max(0, columns - displayWidth(short)));
}
