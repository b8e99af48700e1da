import type { Document } from 'yaml';
import { KEY_NAMES, type Key, type KeyName, keyOf } from './keys.ts';
import { nearest } from './near.ts';
import {
  foundText,
  isNothing,
  itemsOf,
  type Node,
  type Problem,
  pairsOf,
  resolved,
  scalarOf,
  textOf,
} from './node.ts';
import type { Setting, Value } from './setting.ts';
import { expectationOf } from './value.ts';

/** Sections with what is in them; a leaf is the whole name of a setting. */
interface Section {
  readonly [name: string]: Section | KeyName;
}

/** One `name: content` of a map. */
interface Entry {
  readonly name: string;
  readonly at: Node;
  readonly content: Node;
}

const FORM = formOf(KEY_NAMES);

function formOf(names: readonly KeyName[]): Section {
  const form: Record<string, KeyName | Record<string, KeyName>> = {};
  for (const name of names) {
    const [first, second] = name.split('.') as [string, string?];
    if (second === undefined) form[first] = name;
    else form[first] = Object.assign(form[first] ?? {}, { [second]: name });
  }
  return form;
}

/**
 * Reads the settings out of a parsed document, after the table of keys.
 *
 * @param file as shown to people
 * @param lineOf the line of an offset, from 1
 * @returns the settings, and what is wrong beside them
 */
export function settingsIn(
  document: Document.Parsed,
  file: string,
  lineOf: (offset: number) => number,
): { readonly settings: readonly Setting[]; readonly problems: readonly Problem[] } {
  const settings: Setting[] = [];
  const problems: Problem[] = [];
  const real = (node: Node) => resolved(document, node);
  const offsetOf = (node: Node) => node?.range[0] ?? 0;
  const wrong = (node: Node, message: string) => problems.push({ offset: offsetOf(node), message });

  /** The entries of a map, each name once; undefined for what is no map. */
  const entriesOf = (node: Node, place: string): readonly Entry[] | undefined => {
    const lines = new Map<string, number>();
    return pairsOf(real(node))?.flatMap(({ key, value }) => {
      const name = textOf(real(key));
      const line = lines.get(name ?? '');
      if (name !== undefined && line === undefined) {
        lines.set(name, lineOf(offsetOf(key)));
        return [{ name, at: key, content: value }];
      }
      const found =
        name === undefined ? `expected a name, found ${foundText(key)}` : `duplicate key "${name}"`;
      wrong(key, `${place}: ${found}${line === undefined ? '' : `, which line ${line} has already`}`);
      return [];
    });
  };

  const readSection = (node: Node, form: Section, path: string) => {
    if (isNothing(real(node))) return;
    const place = path || 'the file';
    const entries = entriesOf(node, place);
    if (!entries)
      wrong(
        node,
        `${place}: expected keys (${Object.keys(form).join(', ')}), found ${foundText(real(node))}`,
      );
    for (const entry of entries ?? []) {
      const inner = Object.hasOwn(form, entry.name) ? form[entry.name] : undefined;
      if (inner === undefined) wrong(entry.at, unknownKey(entry.name, form, path));
      else if (typeof inner === 'string') readKey(inner, entry);
      else readSection(entry.content, inner, entry.name);
    }
  };

  const readKey = (key: KeyName, entry: Entry) => {
    const known = keyOf(key);
    if (known.kind !== 'map' && known.kind !== 'mapOfLists') {
      keep(key, undefined, entry, known);
      return;
    }
    const inner = { ...known, kind: known.kind === 'map' ? 'onOff' : 'list' } as const;
    const entries = entriesOf(entry.content, key);
    if (!entries) wrong(entry.content ?? entry.at, unexpected(key, known, real(entry.content)));
    for (const one of entries ?? []) keep(key, one.name, one, inner);
  };

  const keep = (key: KeyName, entry: string | undefined, { at, content }: Entry, known: Key) => {
    const place = entry === undefined ? key : `${key}.${entry}`;
    const value = isList(known) ? listOf(content, place) : scalarOf(known, real(content));
    if (value === undefined) wrong(content ?? at, unexpected(place, known, real(content)));
    else
      settings.push({
        key,
        ...(entry !== undefined && { entry }),
        value,
        origin: { from: 'file', file, line: lineOf(offsetOf(at)) },
      });
  };

  /** The texts of a list; items that are none are told at their own place. */
  const listOf = (node: Node, place: string): Value | undefined =>
    itemsOf(real(node))?.flatMap((item) => {
      const text = textOf(real(item));
      if (text) return [text];
      wrong(item, `${place}: expected a text, found ${foundText(real(item))}`);
      return [];
    });

  readSection(document.contents, FORM, '');
  return { settings, problems };
}

function isList({ kind }: Key): boolean {
  return kind === 'list' || kind === 'specs';
}

function unexpected(place: string, key: Key, found: Node): string {
  const advice = isList(key) && textOf(found) ? '; write "- " before it, on a line of its own' : '';
  return `${place}: expected ${expectationOf(key)}, found ${foundText(found)}${advice}`;
}

function unknownKey(name: string, form: Section, path: string): string {
  const known = Object.keys(form);
  const near = nearest(name, known) ?? KEY_NAMES.find((key) => key.split('.').at(-1) === name);
  const advice = near === undefined ? `expected one of ${known.join(', ')}` : `did you mean ${near}?`;
  return `unknown key "${name}"${path === '' ? '' : ` in ${path}`}; ${advice}`;
}
