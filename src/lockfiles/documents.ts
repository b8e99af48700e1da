import { parse } from 'smol-toml';

/** A table of TOML or an object of JSON whose values are not looked at yet. */
export type Table = Readonly<Record<string, unknown>>;

/** Why nothing can be taken from a lock file here. */
export interface Unclear {
  /** Half a sentence, for people. */
  readonly reason: string;
}

/** Parses TOML; undefined if it is none. A byte order mark is none to Python's parser. */
export function parseToml(text: string): Table | undefined {
  if (text.startsWith('\uFEFF')) return undefined;
  try {
    return parse(text) as Table;
  } catch {
    return undefined;
  }
}

/** Parses JSON whose outermost value is an object; undefined if it is none. */
export function parseJson(text: string): Table | undefined {
  try {
    return tableOf(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** The value if it is a table. */
export function tableOf(value: unknown): Table | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
    ? (value as Table)
    : undefined;
}

/** A table below a table, by its keys; an empty one if it is not there. */
export function tableAt(table: Table | undefined, ...keys: readonly string[]): Table {
  let at: unknown = table;
  for (const key of keys) at = tableOf(at)?.[key];
  return tableOf(at) ?? {};
}

/** The value if it is a text. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** The value if it is a list, else an empty one. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The tables of a list; others are left out. */
export function tablesOf(value: unknown): readonly Table[] {
  return listOf(value).flatMap((one): readonly Table[] => {
    const table = tableOf(one);
    return table === undefined ? [] : [table];
  });
}

/** The texts of a list; undefined if it is no list of texts. */
export function textsOf(value: unknown): readonly string[] | undefined {
  const list = listOf(value);
  return Array.isArray(value) && list.every((one) => typeof one === 'string')
    ? (list as string[])
    : undefined;
}
