import { ciContext } from '../ci/context.ts';
import { KEY_NAMES, MACHINE_VARIABLES } from '../config/keys.ts';
import { maskedText, maskedValue } from '../config/mask.ts';
import type { Configuration } from '../config/resolve.ts';
import { nameOf, type Origin, originText, type Setting, type Value } from '../config/setting.ts';
import type { Host } from '../host/host.ts';

/** `layerwright config --json`. */
export interface ConfigRecord {
  readonly schemaVersion: 1;
  /** Absolute path of the configuration file; null without one. */
  readonly file: string | null;
  /** Whether the build is one that a file in the checkout may tell whom to believe and where to write. */
  readonly trust: 'trusted' | 'untrusted';
  readonly settings: readonly SettingRecord[];
  /** What the file says and this untrusted build does not listen to. */
  readonly ignored: readonly SettingRecord[];
  readonly warnings: readonly string[];
}

export interface SettingRecord {
  /** `build.push`, `build.buildArgs.PYTHON`, or a variable of the machine. */
  readonly name: string;
  /** Without credentials; null if nobody gives one. */
  readonly value: Value | null;
  readonly from: Origin['from'];
  /** `--push`, `LAYERWRIGHT_PUSH`, `layerwright.yml:3`; null for a default. */
  readonly source: string | null;
}

/**
 * Every value with its origin.
 *
 * @param all also what nobody gave: defaults, and settings without a value
 */
export function config(
  host: Pick<Host, 'env'>,
  configuration: Configuration,
  { all = false }: { all?: boolean } = {},
): { record: ConfigRecord; text: string } {
  const settings = all
    ? KEY_NAMES.flatMap((key) => {
        const given = configuration.settings.filter((setting) => setting.key === key);
        return given.length > 0 ? given.map(settingRecord) : [absent(key)];
      })
    : configuration.settings.filter(({ origin }) => origin.from !== 'default').map(settingRecord);
  const record: ConfigRecord = {
    schemaVersion: 1,
    file: configuration.file ?? null,
    trust: ciContext(host.env).trust,
    settings: [...settings, ...machineRecords(host.env, all)],
    ignored: configuration.ignored.map(settingRecord),
    warnings: configuration.warnings,
  };
  return { record, text: renderConfig(record) };
}

function settingRecord(setting: Setting): SettingRecord {
  const { origin } = setting;
  return {
    name: nameOf(setting),
    value: maskedValue(setting),
    from: origin.from,
    source: origin.from === 'default' ? null : originText(origin),
  };
}

function absent(name: string): SettingRecord {
  return { name, value: null, from: 'default', source: null };
}

/** What belongs to the machine: variables only. */
function machineRecords(env: NodeJS.ProcessEnv, all: boolean): readonly SettingRecord[] {
  return Object.keys(MACHINE_VARIABLES).flatMap((name): SettingRecord[] => {
    const value = env[name];
    if (value) return [{ name, value: maskedText(value), from: 'environment', source: name }];
    return all ? [absent(name)] : [];
  });
}

/** Widest column of values: a longer one moves the origin in its own line alone. */
const VALUE_COLUMNS = 40;

/** The record as an aligned table; of a list, each item has its line. */
export function renderConfig(record: ConfigRecord): string {
  const file = record.file === null ? 'No configuration file' : `Configuration file: ${record.file}`;
  if (record.settings.length === 0)
    return `${file}, and no flag or variable: all defaults (layerwright config --all)\n`;
  const cells = record.settings.map(({ name, value, from, source }) => {
    const [first = '(empty list)', ...more] = typeof value === 'object' ? (value ?? ['-']) : [String(value)];
    return { name, first, more, source: source ?? (value === null ? 'not set' : from) };
  });
  const width = (texts: readonly string[]) => Math.max(...texts.map((text) => text.length));
  const names = width(cells.map(({ name }) => name));
  const values = Math.min(VALUE_COLUMNS, width(cells.map(({ first }) => first)));
  const lines = cells.flatMap(({ name, first, more, source }) => [
    `${name.padEnd(names)}  ${first.padEnd(values)}  ${source}`.trimEnd(),
    ...more.map((item) => `${''.padEnd(names)}  ${item}`),
  ]);
  const ignored = record.ignored.map(({ name, source }) => `Ignored: ${name} (${source})`);
  return `${[file, '', ...lines, ...(ignored.length > 0 ? ['', ...ignored] : [])].join('\n')}\n`;
}
