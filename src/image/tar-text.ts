/**
 * Names of files are bytes. Here they are text: bytes that are no UTF-8 become characters of their own at the end of the last
 * private plane, U+10FF00 and the byte, so that two names never become the same text. A name that has such characters itself
 * has its bytes replaced in the same way.
 */
const ESCAPE = 0x10ff00;
const ESCAPED = /[\u{10ff80}-\u{10ffff}]/u;
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A name's bytes as text. */
export function textOf(bytes: Uint8Array): string {
  try {
    const text = strict.decode(bytes);
    if (!ESCAPED.test(text)) return text;
  } catch {
    // No proper UTF-8: escaped below.
  }
  return [...Buffer.from(bytes).toString('latin1')]
    .map((char) => (char > '\x7f' ? String.fromCodePoint(ESCAPE + char.charCodeAt(0)) : char))
    .join('');
}

/** True if a path of an index stands for bytes that are no proper UTF-8: nothing can be written there by its text. */
export function isEscaped(path: string): boolean {
  return ESCAPED.test(path);
}
