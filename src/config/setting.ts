import type { KeyName } from './keys.ts';

/** The value of a setting: text, a switch, or a list of texts. */
export type Value = string | boolean | readonly string[];

/** Who gave a value. */
export type Origin =
  | { readonly from: 'flag'; readonly name: string }
  | { readonly from: 'environment'; readonly name: string }
  /** The path as shown to people, the line from 1. */
  | { readonly from: 'file'; readonly file: string; readonly line: number }
  | { readonly from: 'default' };

/** One value with its origin. A map is as many settings as it has entries. */
export interface Setting {
  readonly key: KeyName;
  /** The entry of a map, e.g. a build argument's name. */
  readonly entry?: string;
  readonly value: Value;
  readonly origin: Origin;
}

/** `build.buildArgs.PYTHON`. */
export function nameOf({ key, entry }: Pick<Setting, 'key' | 'entry'>): string {
  return entry === undefined ? key : `${key}.${entry}`;
}

/** `--push`, `LAYERWRIGHT_PUSH`, `layerwright.yml:3` or `default`. */
export function originText(origin: Origin): string {
  if (origin.from === 'default') return 'default';
  return origin.from === 'file' ? `${origin.file}:${origin.line}` : origin.name;
}
