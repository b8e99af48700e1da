import { usageError } from '../errors.ts';
import { KEY_NAMES, type Key, keyOf, MACHINE_VARIABLES } from './keys.ts';
import { nearest } from './near.ts';
import type { Setting, Value } from './setting.ts';
import { expectationOf, fits } from './value.ts';

/**
 * The settings that the environment gives. An empty variable is one that is not set.
 *
 * @throws LayerwrightError `VARIABLE_INVALID` (2)
 */
export function environmentSettings(env: NodeJS.ProcessEnv): readonly Setting[] {
  return KEY_NAMES.flatMap((name): Setting[] => {
    const key = keyOf(name);
    const text = key.variable === undefined ? undefined : env[key.variable]?.trim();
    if (!text || key.variable === undefined) return [];
    const origin = { from: 'environment', name: key.variable } as const;
    if (key.kind === 'mapOfLists')
      return [...groups(text, key.variable)].map(([entry, value]) => ({ key: name, entry, value, origin }));
    return [{ key: name, value: valueIn(text, key), origin }];
  });
}

/** One line for each of our variables that is none, mostly a misspelt one. */
export function environmentWarnings(env: NodeJS.ProcessEnv): readonly string[] {
  const known = [
    ...KEY_NAMES.flatMap((name) => keyOf(name).variable ?? []),
    ...Object.keys(MACHINE_VARIABLES),
  ].filter((name) => name.startsWith('LAYERWRIGHT_'));
  return Object.keys(env)
    .filter((name) => name.startsWith('LAYERWRIGHT_') && !known.includes(name))
    .sort()
    .map((name) => {
      const near = nearest(name, known);
      return `the variable ${name} has no meaning${near === undefined ? '' : `; did you mean ${near}?`}`;
    });
}

function valueIn(text: string, key: Key): Value {
  switch (key.kind) {
    case 'boolean':
      if (/^(?:1|t|true|T|True|TRUE)$/.test(text)) return true;
      if (/^(?:0|f|false|F|False|FALSE)$/.test(text)) return false;
      throw refusal(key.variable ?? '', expectationOf(key));
    case 'list':
      return parts(text, ',');
    case 'specs':
      return parts(text, '\n');
    default:
      if (fits(key, text)) return text;
      throw refusal(key.variable ?? '', expectationOf(key));
  }
}

/** `a=x,a=y,b=z`: what belongs to a, what to b. */
function groups(text: string, variable: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const part of parts(text, ',')) {
    const [, name, value] = /^([^=]+)=(.+)$/.exec(part) ?? [];
    if (name === undefined || value === undefined) throw refusal(variable, 'HOST=MIRROR, comma-separated');
    found.set(name, [...(found.get(name) ?? []), value]);
  }
  return found;
}

function parts(text: string, separator: string): string[] {
  return text
    .split(separator)
    .map((part) => part.trim())
    .filter(Boolean);
}

function refusal(variable: string, expected: string) {
  return usageError(
    'VARIABLE_INVALID',
    `the environment variable ${variable}: expected ${expected}, found something else`,
    `Correct it, or unset it.`,
  );
}
