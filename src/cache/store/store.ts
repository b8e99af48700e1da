import { EXIT, LayerwrightError } from '../../errors.ts';

/**
 * Where copies of directories are kept: named objects, each of which appears whole or not at all. Names are parts divided by
 * `/`, each at most 255 bytes long, and no name continues another one with a `/`.
 *
 * Everything throws LayerwrightError `STORE_UNAUTHORIZED` (2), `STORE_MISSING` (2), `STORE_REFUSED` (2) or
 * `STORE_UNREACHABLE` (75) for what a store does, and `INTERRUPTED` (130).
 */
export interface Store {
  /** For messages: as the user gave it. */
  readonly name: string;
  /** An object's content as it is read; undefined if there is none of that name. */
  readonly read: (name: string) => Promise<AsyncIterable<Uint8Array> | undefined>;
  /** An object's size in bytes; undefined if there is none of that name. */
  readonly size: (name: string) => Promise<number | undefined>;
  /**
   * Makes or replaces an object. What `body` throws is thrown, and then nothing is made or replaced.
   */
  readonly write: (name: string, body: Body) => Promise<void>;
  /** The objects whose names start so, in any order. */
  readonly list: (prefix: string) => Promise<readonly StoredObject[]>;
}

/** What is written. */
export interface Body {
  readonly content: AsyncIterable<Uint8Array>;
  /** The most bytes that it can have. */
  readonly limit: number;
  /** Told the bytes that have arrived in the store since it was told last. */
  readonly onSent: (bytes: number) => void;
}

export interface StoredObject {
  readonly name: string;
  /** When it was written, by the store's clock. */
  readonly modified: Date;
}

/** Nobody is logged in, or may not do this: exit 2. */
export function storeUnauthorized(message: string, hint: string, cause?: unknown): LayerwrightError {
  return new LayerwrightError(message, { code: 'STORE_UNAUTHORIZED', exit: EXIT.usage, hint, cause });
}

/** The store itself, e.g. its bucket, is not there: exit 2. */
export function storeMissing(message: string, hint: string, cause?: unknown): LayerwrightError {
  return new LayerwrightError(message, { code: 'STORE_MISSING', exit: EXIT.usage, hint, cause });
}

/** The store says that the request itself is wrong: exit 2. */
export function storeRefused(message: string, hint: string, cause?: unknown): LayerwrightError {
  return new LayerwrightError(message, { code: 'STORE_REFUSED', exit: EXIT.usage, hint, cause });
}

/** The store cannot be reached, or fails, and may work later: exit 75. */
export function storeUnreachable(message: string, cause?: unknown): LayerwrightError {
  return new LayerwrightError(message, { code: 'STORE_UNREACHABLE', exit: EXIT.temporary, cause });
}
