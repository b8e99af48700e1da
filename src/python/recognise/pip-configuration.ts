import { applyOption, DEFAULT_PIP_COMMAND, type PipCommandSettings, type Refusal } from './pip-arguments.ts';
import { pipOption } from './pip-options.ts';

/**
 * What pip's configuration says, in the order in which pip reads it: `[global]` of all files, then the command's section, then the
 * variables `PIP_*`. A later one replaces an earlier one.
 *
 * @param files texts of pip.conf: the machine's, the user's, the environment's
 * @param env the step's environment
 * @param command whose section counts
 */
export function pipConfiguration(
  files: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  command: 'install' | 'wheel' = 'install',
): PipCommandSettings | Refusal {
  const read: Entry[] = [];
  // pip reads no file at all then.
  const used = env.PIP_CONFIG_FILE === '/dev/null' ? [] : files;
  if (env.PIP_CONFIG_FILE && env.PIP_CONFIG_FILE !== '/dev/null')
    return { reason: 'PIP_CONFIG_FILE names a configuration file of pip' };
  for (const text of used) {
    const entries = parseIni(text);
    if (entries === undefined) return { reason: 'a pip.conf of the image is not understood' };
    read.push(...entries);
  }
  const inSection = (section: string) => read.filter((entry) => entry.section === section);
  const variables = Object.entries(env)
    .filter(([name]) => /^PIP_/i.test(name) && name !== 'PIP_CONFIG_FILE')
    .map(([name, value]) => ({ section: name, key: keyOf(name.slice(4)), value: value ?? '' }));
  let settings: PipCommandSettings = DEFAULT_PIP_COMMAND;
  // Of several files the last one with the key counts, also where the value of an earlier one would be refused.
  for (const entry of [...lastOfEach(inSection('global')), ...lastOfEach(inSection(command)), ...variables]) {
    const next = applyEntry(settings, entry);
    if ('reason' in next) return next;
    settings = next;
  }
  return settings;
}

interface Entry {
  readonly section: string;
  readonly key: string;
  readonly value: string;
}

function keyOf(name: string): string {
  return name.toLowerCase().replaceAll('_', '-').replace(/^--/, '');
}

function lastOfEach(entries: readonly Entry[]): readonly Entry[] {
  return [...new Map(entries.map((entry) => [entry.key, entry])).values()];
}

function applyEntry(
  settings: PipCommandSettings,
  { section, key, value }: Entry,
): PipCommandSettings | Refusal {
  // pip passes over empty values.
  if (value === '') return settings;
  const found = pipOption(`--${key}`);
  const origin = section.startsWith('PIP_') ? section : `${key} of the image's pip.conf`;
  // An option of another command in [global] is passed over by pip, but whether it is one is not known here.
  if (found === undefined) return { reason: `${origin} is not known` };
  const { option } = found;
  if (option.takes === 'flag') {
    if ('ignored' in option) return settings;
    const given = booleanOf(value);
    if (given === undefined) return { reason: `${origin} is no boolean` };
    return refusedAt(origin, applyOption(settings, found.name, option, given, 'replace'));
  }
  return refusedAt(origin, applyOption(settings, found.name, option, value, 'replace'));
}

function refusedAt(origin: string, result: PipCommandSettings | Refusal): PipCommandSettings | Refusal {
  return 'reason' in result ? { reason: `${origin}: ${result.reason}` } : result;
}

function booleanOf(text: string): boolean | undefined {
  const value = text.toLowerCase();
  if (['y', 'yes', 't', 'true', 'on', '1'].includes(value)) return true;
  return ['n', 'no', 'f', 'false', 'off', '0'].includes(value) ? false : undefined;
}

/** After Python's configparser: `key = value` or `key: value`, values go on in indented lines; comments are whole lines. */
function parseIni(text: string): readonly Entry[] | undefined {
  const entries: { section: string; key: string; value: string }[] = [];
  let section: string | undefined;
  let last: { value: string } | undefined;
  for (const line of text.replace(/^\uFEFF/, '').split(/\r\n|\n/)) {
    if (/^\s*(?:[#;]|$)/.test(line)) continue;
    if (/^\s/.test(line) && last !== undefined) {
      last.value = `${last.value}\n${line.trim()}`.trim();
      continue;
    }
    const header = /^\[([^\]]+)\]\s*$/.exec(line.trimEnd());
    if (header) {
      section = header[1] as string;
      last = undefined;
      continue;
    }
    const [, key, value = ''] = /^([^=:\s][^=:]*?)\s*[=:]\s*(.*)$/.exec(line.trimEnd()) ?? [];
    if (section === undefined || key === undefined) return undefined;
    const entry = { section, key: keyOf(key), value };
    entries.push(entry);
    last = entry;
  }
  return entries;
}
