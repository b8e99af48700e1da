import { parse } from 'smol-toml';
import type { Refusal } from './pip-arguments.ts';

/** What of poetry's settings says where it installs to; undefined: its own default. */
export interface PoetrySettings {
  readonly create: boolean | undefined;
  readonly inProject: boolean | undefined;
}

/** Settings that change nothing of what is installed, by the beginning of their names. */
const HARMLESS =
  /^(?:cache-dir|virtualenvs\.(?:path|prompt|prefer-active-python|use-poetry-python)|installer\.(?:parallel|max-workers|re-resolve)|requests\.\w+|solver\.lazy-wheel|keyring\.enabled|system-git-client|experimental\.system-git-client|http-basic\..*|pypi-token\..*|repositories\..*|certificates\..*|publish\..*)$/;

/** Variables that are none of poetry's settings. */
const OTHERS =
  /^POETRY_(?:HOME|VERSION|NO_INTERACTION|NO_ANSI|CACHE_DIR|CONFIG_DIR|DATA_DIR|PREVIEW|UNINSTALL|ACCEPT|VENV|PATH|INSTALLER_URL)$/;

const SETTINGS = ['virtualenvs.create', 'virtualenvs.in-project'];

/**
 * What poetry's configuration says: variables before the project's poetry.toml before the user's config.toml.
 *
 * @param files texts of config.toml and of poetry.toml, in this order
 * @param written what the step itself has written before, which has to agree with them
 */
export function poetrySettings(
  files: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  written: readonly string[] = [],
): PoetrySettings | Refusal {
  const found = new Map<string, boolean>();
  for (const text of [...files, ...written]) {
    const entries = entriesOf(text);
    if ('reason' in entries) return entries;
    for (const [key, value] of entries.found) {
      const before = found.get(key);
      const refused = take(found, key, value, `${key} of poetry's configuration`);
      if (refused) return refused;
      if (written.includes(text) && before !== undefined && before !== found.get(key))
        return { reason: `${key} is in several of poetry's files of configuration` };
    }
  }
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('POETRY_') || value === undefined || value === '' || OTHERS.test(name)) continue;
    const refused = take(found, keyOf(name), value, name);
    if (refused) return refused;
  }
  return { create: found.get('virtualenvs.create'), inProject: found.get('virtualenvs.in-project') };
}

/** `POETRY_VIRTUALENVS_IN_PROJECT` is `virtualenvs.in-project`: the first word is the section. */
function keyOf(variable: string): string {
  const [section = '', ...rest] = variable.slice('POETRY_'.length).toLowerCase().split('_');
  if (section === 'http' && rest[0] === 'basic') return `http-basic.${rest.slice(1).join('-')}`;
  if (section === 'pypi' && rest[0] === 'token') return `pypi-token.${rest.slice(1).join('-')}`;
  return rest.length === 0 ? section : `${section}.${rest.join('-')}`;
}

function take(found: Map<string, boolean>, key: string, value: string, where: string): Refusal | undefined {
  if (HARMLESS.test(key)) return undefined;
  if (!SETTINGS.includes(key) && key !== 'virtualenvs.options.always-copy')
    return {
      reason: `${where} is set, which may change what is installed`,
      hint: 'Leave it out, if nothing needs it.',
    };
  // As poetry reads booleans.
  const on = /^(?:true|1)$/i.test(value);
  if (!on && !/^(?:false|0)$/i.test(value)) return { reason: `${where} is no boolean` };
  if (key === 'virtualenvs.options.always-copy' && on)
    return { reason: `${where} is set, which may change what is installed` };
  found.set(key, on);
  return undefined;
}

/** All values of a file by their whole names: `virtualenvs.create`. */
function entriesOf(text: string): { readonly found: readonly (readonly [string, string])[] } | Refusal {
  let document: unknown;
  try {
    document = parse(text);
  } catch {
    return { reason: "poetry's configuration in the image is not understood" };
  }
  return { found: flattened(document, '') };
}

function flattened(value: unknown, prefix: string): readonly (readonly [string, string])[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Date)
    return [[prefix, String(value)]];
  return Object.entries(value).flatMap(([key, inner]) =>
    flattened(inner, prefix === '' ? key : `${prefix}.${key}`),
  );
}
