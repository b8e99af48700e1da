import { trimLeft } from './space.ts';

/** What an instruction's argument is as a JSON list of strings; a list with anything else in it BuildKit refuses. */
export type JsonList =
  | { readonly kind: 'list'; readonly items: readonly string[] }
  | { readonly kind: 'none' }
  | { readonly kind: 'mixed' };

/** Reads an argument as Go's JSON does: what is no JSON is text. */
export function jsonList(text: string): JsonList {
  const trimmed = trimLeft(text);
  if (!trimmed.startsWith('[')) return { kind: 'none' };
  let items: unknown;
  try {
    items = JSON.parse(trimmed);
  } catch {
    return { kind: 'none' };
  }
  if (!Array.isArray(items)) return { kind: 'none' };
  if (!items.every((item) => typeof item === 'string')) return { kind: 'mixed' };
  return { kind: 'list', items: items.map((item) => item.toWellFormed()) };
}
