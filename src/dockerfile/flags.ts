/** Flags of one instruction, or why BuildKit refuses them. */
export interface ReadFlags {
  readonly strings: ReadonlyMap<string, string>;
  readonly booleans: ReadonlyMap<string, boolean>;
  readonly lists: ReadonlyMap<string, readonly string[]>;
  readonly problem: string | undefined;
}

export type FlagKinds = Readonly<Record<string, 'string' | 'boolean' | 'list'>>;

/** Reads flags of known names; each but a list at most once. */
export function readFlags(flags: readonly string[], kinds: FlagKinds): ReadFlags {
  const strings = new Map<string, string>();
  const booleans = new Map<string, boolean>();
  const lists = new Map<string, string[]>();
  const problem = flags.map(readOne).find((one) => one !== undefined);
  return { strings, booleans, lists, problem };

  function readOne(flag: string): string | undefined {
    // BuildKit takes flags byte by byte and spoils others.
    if (/[^\t -~]/.test(flag)) return `the flag ${flag} has characters beyond ASCII`;
    const equals = flag.indexOf('=');
    const whole = equals < 0 ? flag : flag.slice(0, equals);
    const value = equals < 0 ? undefined : flag.slice(equals + 1);
    const name = whole.slice(2);
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (kind === undefined) return `unknown flag ${whole}`;
    if (strings.has(name) || booleans.has(name)) return `the flag ${whole} is given twice`;
    if (kind === 'boolean') {
      if (value !== undefined && !/^(?:true|false)$/i.test(value))
        return `the flag ${whole} is true or false, not "${value}"`;
      booleans.set(name, value?.toLowerCase() !== 'false');
      return undefined;
    }
    if (value === undefined) return `the flag ${whole} has no value`;
    if (kind === 'string') strings.set(name, value);
    else lists.set(name, [...(lists.get(name) ?? []), value]);
    return undefined;
  }
}
