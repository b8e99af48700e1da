import { type Document, isAlias, isMap, isScalar, isSeq, type Pair, type ParsedNode, visit } from 'yaml';
import type { Key } from './keys.ts';
import type { Value } from './setting.ts';
import { fits } from './value.ts';

/** A node of a YAML document, or nothing (`{push}`). */
export type Node = ParsedNode | null | undefined;

/** What is wrong at a place of the file, as an offset into its text. */
export interface Problem {
  readonly offset: number;
  readonly message: string;
}

/** Aliases that stand for nothing; everything below relies on there being none. */
export function unresolvedAliases(document: Document.Parsed): readonly Problem[] {
  const problems: Problem[] = [];
  visit(document, {
    Alias(_key, alias) {
      if (alias.resolve(document) === undefined)
        problems.push({
          offset: alias.range?.[0] ?? 0,
          message: `*${alias.source} stands for nothing: there is no &${alias.source} before it`,
        });
    },
  });
  return problems;
}

/** The node itself, or what an alias stands for. */
export function resolved(document: Document.Parsed, node: Node): Node {
  return isAlias(node) ? (node.resolve(document) as Node) : node;
}

/** The pairs of a map; undefined for what is none. */
export function pairsOf(node: Node): readonly Pair<ParsedNode, ParsedNode | null>[] | undefined {
  return isMap(node) ? (node.items as Pair<ParsedNode, ParsedNode | null>[]) : undefined;
}

/** The items of a list; undefined for what is none. */
export function itemsOf(node: Node): readonly ParsedNode[] | undefined {
  return isSeq(node) ? (node.items as ParsedNode[]) : undefined;
}

/** The text of a scalar that is one; a number is none. */
export function textOf(node: Node): string | undefined {
  return isScalar(node) && typeof node.value === 'string' ? node.value : undefined;
}

/** True for a section whose keys are all commented out. */
export function isNothing(node: Node): boolean {
  return node === null || node === undefined || (isScalar(node) && node.value === null);
}

/** A single value as a setting wants it; undefined if it is of another kind. */
export function scalarOf(key: Key, node: Node): Value | undefined {
  if (key.kind === 'boolean')
    return isScalar(node) && typeof node.value === 'boolean' ? node.value : undefined;
  if (key.kind === 'onOff') return writtenText(node);
  const text = textOf(node);
  return text !== undefined && fits(key, text) ? text : undefined;
}

/** Text, number or truth value as it was written: a version 3.10 is not the number 3.1. */
function writtenText(node: Node): string | undefined {
  if (!isScalar(node)) return undefined;
  if (typeof node.value === 'string') return node.value;
  return ['number', 'bigint', 'boolean'].includes(typeof node.value) ? node.source : undefined;
}

/** What was found, for messages. Only a short text is shown: a long one may be a credential. */
export function foundText(node: Node): string {
  if (isMap(node)) return 'keys';
  if (isSeq(node)) return 'a list';
  if (isNothing(node)) return 'nothing';
  if (!isScalar(node)) return 'something else';
  if (typeof node.value !== 'string') return String(node.source);
  if (node.value === '') return 'an empty text';
  return node.value.length <= 16 ? `"${node.value}"` : 'another text';
}
