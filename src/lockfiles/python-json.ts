/**
 * A value of TOML as Python's `json.dumps(value, sort_keys=True)` writes it.
 *
 * @returns undefined if Python would write it otherwise, or not at all (dates; numbers with a fraction)
 */
export function pythonJson(
  value: unknown,
  separators: { readonly item: string; readonly key: string },
): string | undefined {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : undefined;
  if (typeof value === 'string') return asciiJson(value);
  if (value instanceof Date || typeof value !== 'object') return undefined;
  const isList = Array.isArray(value);
  const parts = isList
    ? value.map((one) => pythonJson(one, separators))
    : Object.keys(value)
        .sort()
        .map((key) => {
          const inner = pythonJson((value as Record<string, unknown>)[key], separators);
          return inner === undefined ? undefined : `${asciiJson(key)}${separators.key}${inner}`;
        });
  if (parts.includes(undefined)) return undefined;
  const inner = parts.join(separators.item);
  return isList ? `[${inner}]` : `{${inner}}`;
}

/** Everything beyond ASCII, and DEL as it is, like Python. */
function asciiJson(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
