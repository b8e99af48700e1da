import { environmentSettings, environmentWarnings } from './environment.ts';
import type { ConfigFile } from './file.ts';
import { flagSettings, type Options } from './flags.ts';
import { KEY_NAMES, type KeyName, type KeyOf, keyOf } from './keys.ts';
import { nameOf, originText, type Setting } from './setting.ts';

/** Where values come from. */
export interface Sources {
  /** Options that were given on the command line, without those that have their default. */
  readonly flags: Options;
  readonly env: NodeJS.ProcessEnv;
  readonly file: ConfigFile | undefined;
  /**
   * False if nobody who may write to the repository vouches for the checkout, e.g. a pull request: its file may then not
   * say whom to believe and where to write.
   */
  readonly trusted: boolean;
}

/** What is to be used, each value with its origin. */
export interface Configuration {
  /** Absolute path of the file that was read; undefined without one. */
  readonly file: string | undefined;
  /** In the order of the table of keys; a map has a setting for each of its entries. */
  readonly settings: readonly Setting[];
  /** What the file says and an untrusted build does not listen to. */
  readonly ignored: readonly Setting[];
  /** For people, one line each. */
  readonly warnings: readonly string[];
}

/**
 * Flags before environment before file before defaults. A list is replaced as a whole; of a map, each entry by itself.
 *
 * @throws LayerwrightError `VARIABLE_INVALID` (2)
 */
export function resolveConfiguration({ flags, env, file, trusted }: Sources): Configuration {
  const ofFile = file?.settings ?? [];
  const ignored = trusted ? [] : ofFile.filter(({ key }) => keyOf(key).guarded !== undefined);
  const candidates = [
    ...flagSettings(flags),
    ...environmentSettings(env),
    ...ofFile.filter((setting) => !ignored.includes(setting)),
    ...defaultSettings(),
  ];
  const first = new Map<string, Setting>();
  for (const setting of candidates) if (!first.has(nameOf(setting))) first.set(nameOf(setting), setting);
  return {
    file: file?.path,
    settings: [...first.values()].sort((a, b) => KEY_NAMES.indexOf(a.key) - KEY_NAMES.indexOf(b.key)),
    ignored,
    warnings: [...environmentWarnings(env), ...ignored.map(ignoredText)],
  };
}

/** No file, no flag, nothing in the environment. */
export function emptyConfiguration(): Configuration {
  return { file: undefined, settings: defaultSettings(), ignored: [], warnings: [] };
}

/** The text of a setting; undefined if it has none. */
export function textSetting(
  { settings }: Configuration,
  key: KeyOf<'text' | 'choice' | 'onOff'>,
): string | undefined {
  return settings.find((setting) => setting.key === key)?.value as string | undefined;
}

/** The texts of a list; empty if it has none. */
export function listSetting({ settings }: Configuration, key: KeyOf<'list' | 'specs'>): readonly string[] {
  return (settings.find((setting) => setting.key === key)?.value ?? []) as readonly string[];
}

/** The lists of a map, by name; empty if it has none. */
export function listsSetting(
  { settings }: Configuration,
  key: KeyOf<'mapOfLists'>,
): Readonly<Record<string, readonly string[]>> {
  const entries = settings.filter((setting) => setting.key === key);
  return Object.fromEntries(entries.map(({ entry = '', value }) => [entry, value as readonly string[]]));
}

function defaultSettings(): readonly Setting[] {
  return KEY_NAMES.flatMap((key: KeyName): Setting[] => {
    const value = keyOf(key).default;
    return value === undefined ? [] : [{ key, value, origin: { from: 'default' } }];
  });
}

function ignoredText(setting: Setting): string {
  const { flag, variable, guarded } = keyOf(setting.key);
  const why = guarded === 'trust' ? 'whom to believe' : 'where to write';
  return (
    `${originText(setting.origin)}: ${nameOf(setting)} is ignored: in an untrusted build (a pull request) the ` +
    `checkout does not say ${why}. Give it with ${[flag, variable].filter(Boolean).join(' or ')}`
  );
}
