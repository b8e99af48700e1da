import { normaliseName } from '../names.ts';
import {
  DEFAULT_PIP_OPTIONS,
  type PipCommandLine,
  type PipFiles,
  type PipOption,
  type PipOptions,
  pipOption,
} from './pip-options.ts';

/** The options of an installation while its sources are read one after the other. */
export type PipSettings = PipOptions & PipFiles;

/** Why an installation is not taken. */
export interface Refusal {
  readonly reason: string;
  /** What to change. */
  readonly hint?: string;
}

/** pip without any configuration. */
export const DEFAULT_PIP_SETTINGS: PipSettings = {
  ...DEFAULT_PIP_OPTIONS,
  requirementFiles: [],
  constraintFiles: [],
};

/** pip's settings together with what only its command line (or a variable, or its configuration) says. */
export type PipCommandSettings = PipSettings & PipCommandLine;

/** pip's command line without any option. */
export const DEFAULT_PIP_COMMAND: PipCommandSettings = {
  ...DEFAULT_PIP_SETTINGS,
  user: undefined,
  target: undefined,
  prefix: undefined,
  wheelDirectory: undefined,
  editables: [],
  groups: [],
  forceReinstall: false,
  ignoreInstalled: false,
};

export interface PipArguments {
  readonly settings: PipCommandSettings;
  /** What is no option: requirements. */
  readonly positional: readonly string[];
}

/**
 * Reads the arguments of `pip install` or `pip wheel` on top of what the configuration says, as pip's own parser does: options and
 * requirements in any order, joined short options (`-qU`, `-rfile`), `--name=value`, `--` before the last requirements.
 */
export function parsePipArguments(
  words: readonly string[],
  configured: PipCommandSettings = DEFAULT_PIP_COMMAND,
): PipArguments | Refusal {
  let settings = configured;
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
    const taken = word.startsWith('--') ? takeLong(word, rest) : takeShort(word, rest);
    if ('reason' in taken) return taken;
    const next = applyOption(settings, taken.name, taken.option, taken.value, 'add');
    if ('reason' in next) return next;
    settings = next;
  }
  return { settings, positional };
}

interface Taken {
  readonly name: string;
  readonly option: PipOption;
  readonly value: string | undefined;
}

/** `--name`, `--name value` or `--name=value`; a value in the next word is taken from `rest`. */
function takeLong(word: string, rest: string[]): Taken | Refusal {
  const [, name = word, joined] = /^(--[^=]+)(?:=(.*))?$/s.exec(word) ?? [];
  const found = pipOption(name);
  if (found === undefined) return { reason: `pip's option ${name} is not known` };
  if (found.option.takes === 'flag')
    return joined === undefined
      ? { ...found, value: undefined }
      : { reason: `pip's option ${name} takes no value` };
  const value = joined ?? rest.shift();
  return value === undefined ? { reason: `pip's option ${name} has no value` } : { ...found, value };
}

/** The first of joined short options; what is left of a group of flags goes back to `rest`. */
function takeShort(word: string, rest: string[]): Taken | Refusal {
  const name = word.slice(0, 2);
  const joined = word.slice(2);
  const found = pipOption(name);
  if (found === undefined) return { reason: `pip's option ${name} is not known` };
  if (found.option.takes === 'flag') {
    if (joined !== '') rest.unshift(`-${joined}`);
    return { ...found, value: undefined };
  }
  const value = joined === '' ? rest.shift() : joined;
  return value === undefined ? { reason: `pip's option ${name} has no value` } : { ...found, value };
}

/**
 * The settings with one option applied.
 *
 * @param value for a flag: undefined where it is given, else the boolean that the configuration has
 * @param lists whether a list grows (command line) or is replaced (configuration)
 */
export function applyOption(
  settings: PipCommandSettings,
  name: string,
  option: PipOption,
  value: string | boolean | undefined,
  lists: 'add' | 'replace',
): PipCommandSettings | Refusal {
  if ('ignored' in option) return settings;
  if ('builds' in option) return value === false ? settings : withBuildOption(settings, name, value);
  if ('refused' in option) {
    const off = value === false || (typeof value === 'string' && option.harmless?.includes(value));
    return off
      ? settings
      : {
          reason: `pip's option ${name} is not taken: ${option.refused}`,
          hint: `Leave ${name} out, if nothing needs it.`,
        };
  }
  // A boolean of the configuration is the value of the field itself, whatever the option's name says: `no-compile = no`.
  if (option.takes === 'flag') return { ...settings, [option.sets]: value ?? option.to };
  const text = String(value);
  if (option.takes === 'names') return withNames(settings, option.sets, text);
  if (option.takes === 'list') {
    const before = lists === 'add' ? (settings[option.sets] as readonly string[]) : [];
    return {
      ...settings,
      [option.sets]: [...before, ...(lists === 'add' ? [text] : text.trim().split(/\s+/))],
    };
  }
  if (option.sets === 'upgradeStrategy' && text !== 'only-if-needed' && text !== 'eager')
    return { reason: `pip's --upgrade-strategy ${text} is not known` };
  return { ...settings, [option.sets]: text };
}

function withBuildOption(
  settings: PipCommandSettings,
  name: string,
  value: string | true | undefined,
): PipCommandSettings {
  const word = typeof value === 'string' ? `${name}=${value}` : name;
  return { ...settings, buildOptions: [...settings.buildOptions, word] };
}

/** `:none:` empties the list, `:all:` takes the place of all names. */
function withNames(settings: PipCommandSettings, field: string, text: string): PipCommandSettings {
  let names = [...settings.onlyBinary];
  for (const name of text.split(',').map((one) => one.trim())) {
    if (name === ':none:') names = [];
    else if (name === ':all:') names = [':all:'];
    else if (name !== '' && !names.includes(':all:')) names.push(normaliseName(name));
  }
  return { ...settings, [field]: [...new Set(names)].sort() };
}
