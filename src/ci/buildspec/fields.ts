import { closest, distance } from 'fastest-levenshtein';
import { type Entry, invalid, type Tree } from './tree.ts';

/** Reads a map of a buildspec field by field. `where` is its path in the file, e.g. `phases/build`. */
export interface Fields {
  readonly where: string;
  readonly tree: Tree;
  /** The field's value; undefined if the map does not have it. */
  readonly get: (key: string) => Tree | undefined;
  /** Text; undefined if the field is not there or empty. */
  readonly text: (key: string) => string | undefined;
  readonly yesNo: (key: string) => boolean;
  /** A list of texts; empty if the field is not there. */
  readonly texts: (key: string) => readonly string[];
  /** A map from name to text; empty if the field is not there. */
  readonly textMap: (key: string) => readonly (Entry & { readonly text: string })[];
}

/** What a map is read against. */
export interface Shape {
  readonly path: string;
  readonly where: string;
  /** The keys that the map may have. */
  readonly keys: readonly string[];
}

/**
 * A map with known keys.
 *
 * @throws LayerwrightError `BUILDSPEC_INVALID` (1) if it is no map or has another key, with the nearest name
 */
export function fieldsOf(tree: Tree, { path, where, keys }: Shape): Fields {
  const entries = entriesOf(path, where, tree);
  for (const { key, place } of entries)
    if (!keys.includes(key))
      throw invalid(path, place, `unknown key "${key}" in ${where}`, keyHint(key, keys));
  const get = (key: string) => entries.find((entry) => entry.key === key)?.value;
  const below = (key: string) => `${where === TOP ? '' : `${where}/`}${key}`;
  return {
    where,
    tree,
    get,
    text: (key) => textOf(path, below(key), get(key)),
    yesNo: (key) => yesNoOf(path, below(key), get(key)),
    texts: (key) => textsOf(path, below(key), get(key)),
    textMap: (key) => textMapOf(path, below(key), get(key)),
  };
}

/** How the outermost map is called in messages. */
export const TOP = 'the buildspec';

/**
 * The entries of a map whose keys are names of the user's own.
 *
 * @throws LayerwrightError `BUILDSPEC_INVALID` (1)
 */
export function entriesOf(path: string, where: string, tree: Tree): readonly Entry[] {
  if (tree.kind === 'map') return tree.entries;
  throw invalid(path, tree.place, `${where} must have keys and values, but ${found(tree)}`);
}

/** The nearest of some names, as a hint. */
export function keyHint(key: string, keys: readonly string[]): string {
  const nearest = closest(key.toLowerCase(), [...keys]);
  const near = distance(key.toLowerCase(), nearest) <= Math.max(2, nearest.length / 3);
  return near ? `Did you mean "${nearest}"?` : `Known: ${keys.join(', ')}.`;
}

function textOf(path: string, where: string, tree: Tree | undefined): string | undefined {
  if (tree === undefined || tree.kind === 'nothing') return undefined;
  if (tree.kind === 'text') return tree.text;
  throw invalid(path, tree.place, `${where} must be text, but ${found(tree)}`);
}

function yesNoOf(path: string, where: string, tree: Tree | undefined): boolean {
  const text = textOf(path, where, tree);
  if (text === undefined || /^(?:no|false|off|n)$/i.test(text)) return false;
  if (/^(?:yes|true|on|y)$/i.test(text)) return true;
  throw invalid(path, tree?.place, `${where} must be yes or no, but is "${text}"`);
}

function textsOf(path: string, where: string, tree: Tree | undefined): readonly string[] {
  if (tree === undefined) return [];
  if (tree.kind !== 'list')
    throw invalid(
      path,
      tree.place,
      `${where} must be a list, but ${found(tree)}`,
      'Each item is on a line of its own that begins with a hyphen and a space.',
    );
  return tree.items.map((item, index) => {
    if (item.kind === 'text') return item.text;
    // The words of CodeBuild's own log for the most frequent mistake.
    const name = `${where.slice(where.lastIndexOf('/') + 1)}[${index}]`;
    throw invalid(
      path,
      item.place,
      `Expected ${capitalised(name)} to be of string type: ${
        item.kind === 'map' ? `found subkeys instead at line ${item.place.line}` : found(item)
      }`,
      item.kind === 'map'
        ? 'A command that has a colon and a space in it must be in quotation marks.'
        : undefined,
    );
  });
}

function textMapOf(
  path: string,
  where: string,
  tree: Tree | undefined,
): readonly (Entry & { readonly text: string })[] {
  if (tree === undefined || tree.kind === 'nothing') return [];
  return entriesOf(path, where, tree).map((entry) => ({
    ...entry,
    text: textOf(path, `${where}/${entry.key}`, entry.value) ?? '',
  }));
}

/** What there is instead of what was expected. */
function found(tree: Tree): string {
  if (tree.kind === 'text') return `is "${tree.text.slice(0, 60)}"`;
  return { nothing: 'is empty', list: 'is a list', map: 'has keys and values' }[tree.kind];
}

function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
