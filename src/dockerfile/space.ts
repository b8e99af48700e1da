/**
 * White space as Go's `unicode.IsSpace` counts it, which BuildKit's parser uses: JavaScript's `\s` has U+FEFF too, and not
 * U+0085.
 */
const CLASS = '\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const ONE = new RegExp(`^[${CLASS}]$`);
const LEADING = new RegExp(`^[${CLASS}]+`);
const TRAILING = new RegExp(`[${CLASS}]+$`);

/** @param character one code point */
export function isSpace(character: string): boolean {
  return ONE.test(character);
}

export function trimLeft(text: string): string {
  return text.replace(LEADING, '');
}

export function trimSpace(text: string): string {
  return trimLeft(text).replace(TRAILING, '');
}
