import type { Refusal } from './pip-arguments.ts';

/** An option of a command line tool: whether a value follows, and whether it is looked at. */
export interface ToolOption {
  readonly takes: 'flag' | 'value';
  /** `taken`: it decides something; `ignored`: it changes nothing of what is installed; else why it is not taken. */
  readonly is: 'taken' | 'ignored' | { readonly refused: string };
}

/** Options by name (`--quiet`), other names of them (`-q`) beside. */
export interface OptionTable {
  readonly options: Readonly<Record<string, ToolOption>>;
  readonly aliases: Readonly<Record<string, string>>;
}

/** An option as it was given; flags have no value. */
export interface GivenOption {
  readonly name: string;
  readonly value: string | undefined;
}

/** Lists of names, separated by white space. */
interface OptionNames {
  readonly flags?: string;
  readonly values?: string;
}

/** Makes a table: which options decide, which change nothing, which are refused and why. */
export function optionTable(
  taken: OptionNames,
  ignored: OptionNames,
  refused: Readonly<Record<string, OptionNames>>,
  aliases: Readonly<Record<string, string>>,
): OptionTable {
  const groups: readonly [ToolOption['is'], OptionNames][] = [
    ['taken', taken],
    ['ignored', ignored],
    ...Object.entries(refused).map(([why, names]): [ToolOption['is'], OptionNames] => [
      { refused: why },
      names,
    ]),
  ];
  const options = groups.flatMap(([is, { flags = '', values = '' }]) => [
    ...namesIn(flags).map((name) => [name, { takes: 'flag', is }] as const),
    ...namesIn(values).map((name) => [name, { takes: 'value', is }] as const),
  ]);
  return { options: Object.fromEntries(options), aliases };
}

function namesIn(text: string): readonly string[] {
  return text.split(/\s+/).filter((name) => name !== '');
}

/** The option with this name, or with this other name. */
export function toolOption(
  { options, aliases }: OptionTable,
  name: string,
): { readonly name: string; readonly option: ToolOption } | undefined {
  const main = Object.hasOwn(aliases, name) ? (aliases[name] as string) : name;
  return Object.hasOwn(options, main) ? { name: main, option: options[main] as ToolOption } : undefined;
}

/**
 * Reads the arguments of a command: `--name value`, `--name=value`, `-n value`, `-nvalue`, `-qv`, `--` before the last words.
 *
 * @param command for messages: `uv sync`
 * @returns the options that decide something, in order, and what is no option
 */
export function parseToolOptions(
  command: string,
  words: readonly string[],
  table: OptionTable,
): { readonly given: readonly GivenOption[]; readonly positional: readonly string[] } | Refusal {
  const given: GivenOption[] = [];
  const positional: string[] = [];
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') {
      positional.push(...rest);
      break;
    }
    if (!/^-./.test(word)) {
      positional.push(word);
      continue;
    }
    const { name, joined } = nameAndValue(word);
    const found = toolOption(table, name);
    if (found === undefined) return { reason: `the option ${name} of ${command} is not known` };
    const taken = takeValue(found.option, word, joined, rest);
    if (taken === undefined) return { reason: `the option ${name} of ${command} is not understood` };
    const refused = refusedOption(command, found.name, found.option);
    if (refused) return refused;
    if (found.option.is === 'taken') given.push({ name: found.name, value: taken.value });
  }
  return { given, positional };
}

/** Why an option is not taken; undefined if it is. */
export function refusedOption(command: string, name: string, { is }: ToolOption): Refusal | undefined {
  if (typeof is === 'string') return undefined;
  return {
    reason: `the option ${name} of ${command} is not taken: ${is.refused}`,
    hint: `Leave ${name} out, if nothing needs it.`,
  };
}

function nameAndValue(word: string): { readonly name: string; readonly joined: string | undefined } {
  if (!word.startsWith('--')) return { name: word.slice(0, 2), joined: word.slice(2) || undefined };
  const [, name = word, joined] = /^(--[^=]+)(?:=(.*))?$/s.exec(word) ?? [];
  return { name, joined };
}

/**
 * The value of an option, from the same word or from the next one; the rest of a group of flags goes back.
 *
 * @returns undefined where there is none and one is needed, or the other way round
 */
function takeValue(
  { takes }: ToolOption,
  word: string,
  joined: string | undefined,
  rest: string[],
): { readonly value: string | undefined } | undefined {
  if (takes === 'value') {
    const value = joined ?? rest.shift();
    return value === undefined ? undefined : { value };
  }
  if (joined === undefined) return { value: undefined };
  if (word.startsWith('--')) return undefined;
  rest.unshift(`-${joined}`);
  return { value: undefined };
}

/** The last value of an option. */
export function lastValue(given: readonly GivenOption[], name: string): string | undefined {
  return given.findLast((option) => option.name === name)?.value;
}

/** All values of an option, in order. */
export function allValues(given: readonly GivenOption[], name: string): readonly string[] {
  return given.flatMap((option) => (option.name === name ? [option.value ?? ''] : []));
}

export function isGiven(given: readonly GivenOption[], name: string): boolean {
  return given.some((option) => option.name === name);
}

/** Of two flags that take each other back, whether the first one is given last. */
export function isOn(given: readonly GivenOption[], on: string, off: string): boolean {
  return given.findLast(({ name }) => name === on || name === off)?.name === on;
}
