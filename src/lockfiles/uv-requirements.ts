import { posix } from 'node:path';
import { normaliseName } from '../python/names.ts';
import { parseRequirement } from '../python/requirements/requirement-line.ts';
import { parseSpecifiers } from '../python/specifiers.ts';
import { formatVersion } from '../python/versions.ts';
import { type Table, tableOf, textOf, textsOf } from './documents.ts';
import { sameMarker } from './marker-equal.ts';

/** A requirement in a form that can be compared: what it asks for as one text, and under which marker. */
export interface ComparableRequirement {
  readonly identity: string;
  readonly marker: string;
}

/** What decides how a project's own requirements are meant. */
export interface RequirementContext {
  /** `[tool.uv.sources]` of the project and of the workspace's root, by normalised name. */
  readonly sources: ReadonlyMap<string, unknown>;
  /** Addresses of `[[tool.uv.index]]` by their names. */
  readonly indexes: ReadonlyMap<string, string>;
  /** The project's directory, and the root's, absolute. */
  readonly directory: string;
  readonly root: string;
  /** Directories of the workspace's members relative to the root, by name; and whether each is editable. */
  readonly members: ReadonlyMap<string, { readonly kind: string; readonly at: string }>;
}

/**
 * A requirement of a pyproject.toml as uv.lock would write it.
 *
 * @param extra the extra that it belongs to; undefined for none
 * @returns undefined if that is not certain
 */
export function declaredRequirement(
  line: string,
  extra: string | undefined,
  context: RequirementContext,
): ComparableRequirement | undefined {
  const requirement = parseRequirement(line);
  if (!('name' in requirement)) return undefined;
  const { name, extras, specifierText, markerText } = requirement;
  const source = sourceText(name, context);
  const specifiers = specifierKey(specifierText);
  if (source === undefined || specifiers === undefined) return undefined;
  const ofExtra = extra === undefined ? '' : `extra == '${extra}'`;
  const marker = markerText && ofExtra ? `(${markerText}) and ${ofExtra}` : markerText || ofExtra;
  // What has an address of its own has no conditions on the version in the lock.
  return {
    identity: JSON.stringify([
      name,
      extras,
      source.startsWith('index ') || source === '' ? specifiers : '',
      source,
    ]),
    marker,
  };
}

/** Where a requirement is to come from, as one text; empty for any index. */
function sourceText(name: string, context: RequirementContext): string | undefined {
  const { sources, indexes, directory, root, members } = context;
  const value = sources.get(name);
  if (value === undefined) return '';
  const source = tableOf(value);
  // A source for some environments only.
  if (source === undefined || ['marker', 'extra', 'group', 'lfs'].some((key) => source[key] !== undefined))
    return undefined;
  if (source.index !== undefined) {
    const index = indexes.get(String(source.index));
    return index && `index ${index}`;
  }
  if (source.workspace === true) {
    const member = members.get(name);
    return member && `${member.kind} ${member.at}`;
  }
  const [git, url, path] = [textOf(source.git), textOf(source.url), textOf(source.path)];
  if (git !== undefined) return gitText(git, source);
  if (url !== undefined) return `url ${url} ${textOf(source.subdirectory) ?? ''}`;
  if (path === undefined || /\.(?:whl|zip|tar\.\w+|tgz)$/.test(path)) return undefined;
  const at = posix.relative(root, posix.resolve(directory, path)) || '.';
  const kind = source.package === false ? 'virtual' : source.editable === true ? 'editable' : 'directory';
  return `${kind} ${at}`;
}

function gitText(git: string, source: Table): string {
  const query = ['subdirectory', 'rev', 'tag', 'branch'].flatMap((key) => {
    const value = textOf(source[key]);
    return value === undefined ? [] : [`${key}=${value}`];
  });
  return `git ${git} ${query.sort().join(' ')}`;
}

/**
 * A requirement of a uv.lock's metadata.
 *
 * @returns undefined if it is not understood
 */
export function lockedRequirement(table: Table): ComparableRequirement | undefined {
  const name = textOf(table.name);
  const specifiers = specifierKey(textOf(table.specifier) ?? '');
  if (name === undefined || specifiers === undefined || table.conflict !== undefined) return undefined;
  const extras = (textsOf(table.extras) ?? []).map(normaliseName).sort();
  const source = lockedSource(table);
  if (source === undefined) return undefined;
  return {
    identity: JSON.stringify([normaliseName(name), extras, source === '' ? specifiers : '', source]),
    marker: textOf(table.marker) ?? '',
  };
}

function lockedSource(table: Table): string | undefined {
  const kind = ['git', 'url', 'path', 'directory', 'editable', 'virtual', 'index'].find(
    (key) => table[key] !== undefined,
  );
  if (kind === undefined) return '';
  const at = textOf(table[kind]);
  if (at === undefined || kind === 'path') return undefined;
  if (kind === 'url') return `url ${at} ${textOf(table.subdirectory) ?? ''}`;
  if (kind !== 'git') return `${kind} ${at}`;
  const [url = '', query = ''] = at.split('?');
  return `git ${url} ${query.split('&').map(decodeURIComponent).sort().join(' ')}`;
}

function specifierKey(text: string): string | undefined {
  return parseSpecifiers(text)
    ?.map(({ operator, version, prefix }) => `${operator}${formatVersion(version)}${prefix ? '.*' : ''}`)
    .sort()
    .join(',');
}

/** True if both lists surely ask for the same. */
export function sameRequirements(
  a: readonly (ComparableRequirement | undefined)[],
  b: readonly (ComparableRequirement | undefined)[],
  requiresPython: string | undefined,
): boolean {
  const open = [...b];
  const matched = a.every((one) => {
    const at = open.findIndex(
      (other) =>
        one && other?.identity === one.identity && sameMarker(one.marker, other.marker, requiresPython),
    );
    if (at !== -1) open.splice(at, 1);
    return at !== -1;
  });
  return matched && open.length === 0;
}
