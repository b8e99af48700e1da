import {
  type Document,
  isAlias,
  isMap,
  isSeq,
  LineCounter,
  type Pair,
  type ParsedNode,
  parseDocument,
} from 'yaml';
import type { LayerwrightError } from '../../errors.ts';
import { type Entry, invalid, type Place, type Tree } from './tree.ts';

/** Aliases of aliases can make a small file endlessly large. */
const MOST_NODES = 50_000;

/**
 * Parses YAML. Aliases and merge keys are resolved; a byte order mark is left out.
 *
 * @param path as shown in messages
 * @throws LayerwrightError `BUILDSPEC_INVALID` (1) with line and column
 */
export function parseTree(text: string, path: string): Tree {
  const lines = new LineCounter();
  const document = parseDocument(text.replace(/^\uFEFF/, ''), {
    lineCounter: lines,
    prettyErrors: false,
    merge: true,
  });
  const placeAt = (offset: number) => placeOf(lines, offset);
  const [error] = document.errors;
  if (error !== undefined) throw syntaxError(path, placeAt(error.pos[0]), error.code, error.message);
  let left = MOST_NODES;

  function convert(node: ParsedNode | null | undefined, fallback: Place): Tree {
    left -= 1;
    if (left < 0) throw invalid(path, fallback, 'its aliases make it too large');
    if (isAlias(node)) {
      const target = node.resolve(document as Document) as ParsedNode | undefined;
      if (target === undefined)
        throw invalid(path, placeAt(node.range?.[0] ?? 0), `there is no anchor &${node.source}`);
      return convert(target, fallback);
    }
    if (node === null || node === undefined) return { kind: 'nothing', place: fallback };
    const place = placeAt(node.range[0]);
    if (isMap(node))
      return {
        kind: 'map',
        place,
        entries: node.items.flatMap((pair) => entriesOf(pair as Pair<ParsedNode, ParsedNode | null>, place)),
      };
    if (isSeq(node))
      return { kind: 'list', place, items: node.items.map((item) => convert(item as ParsedNode, place)) };
    if (node.value === null) return { kind: 'nothing', place };
    const text = typeof node.value === 'string' ? node.value : (node.source ?? String(node.value));
    return { kind: 'text', place, text };
  }

  function entriesOf(pair: Pair<ParsedNode, ParsedNode | null>, around: Place): readonly Entry[] {
    const key = convert(pair.key, around);
    if (key.kind !== 'text') throw invalid(path, key.place, 'a key must be plain text');
    const value = convert(pair.value, key.place);
    if (key.text !== '<<') return [{ key: key.text, place: key.place, value }];
    const merged = value.kind === 'list' ? value.items : [value];
    return merged.flatMap((one) => (one.kind === 'map' ? one.entries : []));
  }

  return withoutRepeats(convert(document.contents as ParsedNode | null, { line: 1, column: 1 }));
}

/** What a map says itself outranks what a merge key brings in; repeated keys are an error of the parser already. */
function withoutRepeats(tree: Tree): Tree {
  if (tree.kind === 'list') return { ...tree, items: tree.items.map(withoutRepeats) };
  if (tree.kind !== 'map') return tree;
  const entries = new Map<string, Entry>();
  for (const entry of tree.entries) {
    const known = entries.get(entry.key);
    const later = known !== undefined && known.place.line > entry.place.line;
    if (!later) entries.set(entry.key, { ...entry, value: withoutRepeats(entry.value) });
  }
  return { ...tree, entries: [...entries.values()] };
}

function placeOf(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

function syntaxError(path: string, place: Place, code: string, message: string): LayerwrightError {
  if (code === 'TAB_AS_INDENT' || /tab/i.test(message))
    return invalid(
      path,
      place,
      `found character that cannot start any token at line ${place.line}: a tab`,
      'YAML is indented with spaces only.',
    );
  if (code === 'MULTIPLE_DOCS')
    return invalid(path, place, 'a second document begins here', 'A buildspec is one YAML document.');
  const hint = /nested mappings|implicit key/i.test(message)
    ? 'A command that has a colon and a space in it must be in quotation marks.'
    : undefined;
  return invalid(path, place, message.split('\n')[0] ?? message, hint);
}
