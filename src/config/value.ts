import type { Key } from './keys.ts';

/** What is expected of a value, for messages: `true or false`, `one of zstd, gzip`. */
export function expectationOf(key: Key): string {
  if (key.pattern !== undefined) return key.pattern[1];
  switch (key.kind) {
    case 'text':
      return 'text';
    case 'choice':
      return `one of ${(key.choices ?? []).join(', ')}`;
    case 'onOff':
      return 'text, true or false';
    case 'boolean':
      return 'true or false';
    case 'list':
    case 'specs':
      return 'a list of texts';
    case 'map':
      return 'names, each with a text';
    case 'mapOfLists':
      return 'names, each with a list of texts';
  }
}

/** Whether a single text fits a setting. */
export function fits(key: Key, text: string): boolean {
  if (text === '') return false;
  if (key.choices !== undefined) return key.choices.includes(text);
  return key.pattern === undefined || new RegExp(key.pattern[0]).test(text);
}
