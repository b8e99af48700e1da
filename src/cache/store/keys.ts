import { createHash } from 'node:crypto';
import { usageError } from '../../errors.ts';

/** Longest key, in bytes of UTF-8. */
export const LONGEST_KEY = 512;

/** Characters of one part of a name: with `.json` and the name of a file being written well below the 255 bytes of a file system. */
const PART = 200;

/** A name with more characters is cut: with the rest of the name it must stay below the 1,024 bytes of an S3 key. */
const LONGEST_NAME = 500;

/** Below this a key's reference lies, whatever the key is. */
const REFERENCES = 'v1/refs/';

/**
 * @param option for the message: `--key` or `--fallback-key`
 * @throws LayerwrightError `KEY_INVALID` (2)
 */
export function requireKey(key: string, option: string): void {
  const size = Buffer.byteLength(key);
  const why =
    size === 0
      ? 'it is empty'
      : size > LONGEST_KEY
        ? `it has ${size} bytes`
        : key.isWellFormed()
          ? undefined
          : 'it is no text';
  if (why === undefined) return;
  throw usageError(
    'KEY_INVALID',
    `${option}: ${why}`,
    `A key has 1 to ${LONGEST_KEY} bytes, of any characters. Is a variable in it not set? Hash what is long.`,
  );
}

/**
 * The name of the object that says what a key holds. No name continues another one with a `/`: a part that goes on ends with
 * `+`, and a last one with `.json`.
 */
export function referenceName(key: string): string {
  const encoded = encode(key);
  // The whole key is in the object too: the hash only keeps names apart.
  const name =
    encoded.length <= LONGEST_NAME
      ? encoded
      : `${encoded.slice(0, LONGEST_NAME)}+${createHash('sha256').update(key).digest('hex')}`;
  return `${REFERENCES}${inParts(name)}.json`;
}

/** How the names of all keys begin that start with `prefix`. Names of other keys may begin so too. */
export function referencePrefix(prefix: string): string {
  const encoded = encode(prefix).slice(0, LONGEST_NAME);
  const parts = inParts(encoded);
  // Whether a `+` follows depends on what follows.
  return `${REFERENCES}${parts}`;
}

/** The name of the archive with a content. */
export function archiveName(sha256: string): string {
  return `v1/archives/${sha256.slice(0, 2)}/${sha256}.tar.zst`;
}

/** Letters, digits, `.`, `_` and `-` as they are, other bytes of the UTF-8 as `%XX`. */
function encode(key: string): string {
  return Buffer.from(key)
    .toString('latin1')
    .replace(
      /[^A-Za-z0-9._-]/g,
      (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
    );
}

function inParts(name: string): string {
  return name.replace(new RegExp(`(.{${PART}})(?=.)`, 'g'), '$1+/');
}
