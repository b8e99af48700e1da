import { KEY_NAMES, type KeyName, keyOf } from './keys.ts';
import type { Setting, Value } from './setting.ts';

/** Options by their names in camel case, as commander gives them; one that may be repeated is an array. */
export type Options = Readonly<Record<string, unknown>>;

/** The name of a setting's option in camel case; undefined if it has none. */
export function optionOf(name: KeyName): string | undefined {
  return keyOf(name)
    .flag?.slice(2)
    .replace(/-(\w)/g, (_match, letter: string) => letter.toUpperCase());
}

/** The settings that the command line gives. An empty value, as of a variable that is not set, is none. */
export function flagSettings(given: Options): readonly Setting[] {
  return KEY_NAMES.flatMap((key): Setting[] => {
    const option = optionOf(key);
    const value = option === undefined ? undefined : (given[option] as Value | undefined);
    if (value === undefined || value === '') return [];
    const origin = { from: 'flag', name: keyOf(key).flag ?? '' } as const;
    if (keyOf(key).kind !== 'map') return [{ key, value, origin }];
    // Of two with the same name BuildKit takes the last one.
    const entries = new Map(
      (value as readonly string[]).map((text) => {
        const [entry = '', ...rest] = text.split('=');
        return [entry, rest.join('=')];
      }),
    );
    return [...entries].map(([entry, text]) => ({ key, entry, value: text, origin }));
  });
}

/**
 * Options with what configuration adds to them: the form in which commands take what they are asked.
 *
 * @param options as the command line gives them, with their defaults
 * @param settings the resolved ones
 */
export function withSettings(options: Options, settings: readonly Setting[]): Options {
  const result: Record<string, unknown> = { ...options };
  for (const { key, entry, value, origin } of settings) {
    const option = optionOf(key);
    if (option === undefined || origin.from === 'flag' || origin.from === 'default') continue;
    if (entry === undefined) result[option] = value;
    // Before those of the command line, which are in there already as they were written.
    else result[option] = [`${entry}=${value}`, ...((result[option] as readonly string[] | undefined) ?? [])];
  }
  return result;
}
