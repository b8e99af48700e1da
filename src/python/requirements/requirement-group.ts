import { parse, type TomlTable } from 'smol-toml';
import { normaliseName } from '../names.ts';
import type { Refusal } from '../recognise/pip-arguments.ts';

/**
 * Requirements of a dependency group (PEP 735), those of included groups in its place, as written.
 *
 * @param path for messages
 * @param tool uv would put in what `[tool.uv]` says
 */
export function groupIn(
  text: string,
  path: string,
  name: string,
  tool: 'pip' | 'uv',
): readonly string[] | Refusal {
  const { document, reason } = projectIn(text, path, tool);
  if (document === undefined) return { reason };
  const groups = tableOf(document['dependency-groups']);
  return expanded(groups, name, path, []);
}

/**
 * What a project needs, without the project itself: its dependencies and those of its extras, as written.
 *
 * @param path for messages
 * @param tool uv would put in what `[tool.uv]` says
 */
export function dependenciesIn(
  text: string,
  path: string,
  extras: readonly string[] | 'all',
  tool: 'pip' | 'uv',
): readonly string[] | Refusal {
  const { document, reason } = projectIn(text, path, tool);
  if (document === undefined) return { reason };
  const project = document.project;
  if (!isTable(project)) return { reason: `${path} has no [project]` };
  const dynamic = listOf(project.dynamic);
  if (dynamic?.some((one) => one === 'dependencies' || one === 'optional-dependencies'))
    return { reason: `the dependencies in ${path} are known only when it is built` };
  const own = listOf(project.dependencies);
  if (own === undefined) return { reason: `the dependencies in ${path} are no list of texts` };
  const optional = new Map(
    Object.entries(tableOf(project['optional-dependencies'])).map(([key, list]) => [
      normaliseName(key),
      list,
    ]),
  );
  const result = [...own];
  for (const extra of extras === 'all' ? optional.keys() : extras) {
    const list = listOf(optional.get(extra) ?? undefined);
    if (!optional.has(extra) || list === undefined) return { reason: `${path} has no extra "${extra}"` };
    result.push(...list);
  }
  // An extra of the project itself in its own extras would have to be put in.
  const name = typeof project.name === 'string' ? normaliseName(project.name) : '';
  const self = result.find((one) => normaliseName(/^[\w.-]*/.exec(one)?.[0] ?? '') === name);
  return self === undefined ? result : { reason: `${path} names itself: ${self}` };
}

/** Settings of uv that are about how it runs or builds, not about what is taken. */
const HARMLESS_UV = new Set([
  ...['package', 'managed', 'default-groups', 'build-backend', 'required-version', 'cache-keys'],
  ...['compile-bytecode', 'link-mode', 'concurrent-downloads', 'concurrent-installs', 'preview'],
]);

/** A pyproject.toml, or why it is not taken: a table could have a reason of its own. */
type Read =
  | { readonly document: TomlTable; readonly reason?: undefined }
  | { readonly document?: undefined; readonly reason: string };

function projectIn(text: string, path: string, tool: 'pip' | 'uv'): Read {
  let document: TomlTable;
  try {
    document = parse(text);
  } catch {
    return { reason: `${path} is no TOML that is understood` };
  }
  if (tool === 'pip') return { document };
  const odd = Object.keys(tableOf(tableOf(document.tool).uv)).find((key) => !HARMLESS_UV.has(key));
  return odd === undefined ? { document } : { reason: `[tool.uv] of ${path} has ${odd}` };
}

function expanded(
  groups: TomlTable,
  name: string,
  path: string,
  above: readonly string[],
): readonly string[] | Refusal {
  const wanted = normaliseName(name);
  if (above.includes(wanted)) return { reason: `the group "${name}" of ${path} includes itself` };
  const found = Object.entries(groups).filter(([key]) => normaliseName(key) === wanted);
  const [group] = found;
  if (group === undefined || found.length > 1 || !Array.isArray(group[1]))
    return { reason: `${path} has not one dependency group "${name}"` };
  const result: string[] = [];
  for (const item of group[1]) {
    if (typeof item === 'string') {
      result.push(item);
      continue;
    }
    const include = isTable(item) && Object.keys(item).length === 1 ? item['include-group'] : undefined;
    if (typeof include !== 'string')
      return { reason: `the group "${name}" of ${path} has something that is not understood` };
    const inner = expanded(groups, include, path, [...above, wanted]);
    if ('reason' in inner) return inner;
    result.push(...inner);
  }
  return result;
}

function isTable(value: unknown): value is TomlTable {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function tableOf(value: unknown): TomlTable {
  return isTable(value) ? value : {};
}

/** Nothing is an empty list; undefined for what is no list of texts. */
function listOf(value: unknown): readonly string[] | undefined {
  if (value === undefined) return [];
  return Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : undefined;
}
