import { createHash } from 'node:crypto';

/** A value that a key can cover. Records are covered in the order of their names, arrays in their own. */
export type KeyValue =
  | string
  | number
  | boolean
  | undefined
  | readonly KeyValue[]
  | { readonly [name: string]: KeyValue };

/**
 * Part of every key: changed only together with the golden digests in the tests, when the bytes that are made for the same
 * inputs change.
 */
export const KEY_FORMAT = 'layerwright-1';

/**
 * The SHA-256 of a value, 64 hex digits: the same for the same value whatever the order in which its records were written.
 * Every part is written with its kind and length, so that no two values run into the same text.
 */
export function keyOf(kind: string, value: KeyValue): string {
  const hash = createHash('sha256');
  const part = (mark: string, text: string) => hash.update(`${mark}${Buffer.byteLength(text)}:${text}`);
  const write = (one: KeyValue): void => {
    if (one === undefined) part('u', '');
    else if (typeof one === 'string') part('s', one);
    else if (typeof one === 'object') writeParts(one);
    else part(typeof one === 'number' ? 'n' : 'b', String(one));
  };
  const writeParts = (one: readonly KeyValue[] | { readonly [name: string]: KeyValue }): void => {
    if (Array.isArray(one)) {
      part('a', String(one.length));
      for (const item of one) write(item);
      return;
    }
    const record = one as { readonly [name: string]: KeyValue };
    const names = Object.keys(record).sort();
    part('r', String(names.length));
    for (const name of names) {
      part('k', name);
      write(record[name]);
    }
  };
  part('f', KEY_FORMAT);
  part('t', kind);
  write(value);
  return hash.digest('hex');
}
