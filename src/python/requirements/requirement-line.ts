import { type Marker, parseMarker } from '../markers.ts';
import { isName, normaliseName } from '../names.ts';
import { parseSpecifiers, type Specifier } from '../specifiers.ts';

/** One requirement after PEP 508, or a line of Requires-Dist. */
export interface Requirement {
  /** Normalised after PEP 503. */
  readonly name: string;
  /** Normalised, sorted, each once. */
  readonly extras: readonly string[];
  readonly specifiers: readonly Specifier[];
  /** The conditions as written, without space: `>=1.0,<2`; empty for none. */
  readonly specifierText: string;
  readonly marker: Marker | undefined;
  /** The marker as written; empty for none. */
  readonly markerText: string;
}

/**
 * Why a text is no requirement that we take: `invalid` if no pip takes it, else `reason`: it is a path, an address, or
 * one that only some versions of pip understand.
 */
export type RequirementProblem = { readonly invalid: string } | { readonly reason: string };

/** Parses one requirement, without the options that a requirements file may have behind it. */
export function parseRequirement(text: string): Requirement | RequirementProblem {
  const source = text.trim();
  const [, name, extras, rest = ''] =
    /^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[([^\]]*)\])?\s*(.*)$/s.exec(source) ?? [];
  const elsewhere = otherKind(source, rest);
  if (elsewhere !== undefined) return { reason: elsewhere };
  if (name === undefined) return { invalid: `"${source}" begins with no name of a distribution` };
  const [, before = '', markerText] = /^([^;]*)(?:;(.*))?$/s.exec(rest) ?? [];
  const extraNames = (extras ?? '').trim() === '' ? [] : (extras ?? '').split(',').map((one) => one.trim());
  if (!extraNames.every(isName)) return { invalid: `"[${extras}]" is no list of extras` };
  const conditions = before.trim();
  const inner = /^\((.*)\)$/s.exec(conditions)?.[1] ?? conditions;
  if (inner !== '' && !/^(?:~=|={2,3}|!=|<=?|>=?)/.test(inner.trim()))
    return { invalid: `"${inner.trim()}" behind ${name} is no condition on a version` };
  const specifiers = parseSpecifiers(inner);
  if (specifiers === undefined || /^,|,\s*,/.test(inner))
    return { reason: `"${inner.trim()}" of ${name} is not understood by every version of pip` };
  const marker = markerText === undefined ? undefined : parseMarker(markerText.trim());
  if (markerText !== undefined && marker === undefined)
    return { invalid: `"${markerText.trim()}" is no marker` };
  return {
    name: normaliseName(name),
    extras: [...new Set(extraNames.map(normaliseName))].sort(),
    specifiers,
    specifierText: inner.replaceAll(/\s+/g, '').replace(/,$/, ''),
    marker,
    markerText: markerText?.trim() ?? '',
  };
}

/** What a requirement is if it is none that an index answers. */
function otherKind(source: string, rest: string): string | undefined {
  if (rest.startsWith('@')) return `${source} names an address of its own`;
  if (/^(?:git|hg|svn|bzr)\+|^[a-z][a-z0-9+.-]*:\/\//i.test(source)) return `${source} is an address`;
  const [beforeMarker = ''] = source.split(';');
  if (/^\.{1,2}(?:$|[\\/[])|[\\/]|^file:/.test(beforeMarker)) return `${source} is a path`;
  if (
    /\.(?:whl|zip|tar|tar\.gz|tgz|tar\.bz2|tbz|tar\.xz|txz|tlz|tar\.lz|tar\.lzma)(?:\[|\s|$)/i.test(
      beforeMarker,
    )
  )
    return `${source} is a file`;
  return undefined;
}

/** The requirement in one line, as pip and uv read it. */
export function formatRequirement(
  requirement: Pick<Requirement, 'name' | 'extras' | 'specifierText' | 'markerText'>,
): string {
  const { name, extras, specifierText, markerText } = requirement;
  const named = `${name}${extras.length > 0 ? `[${extras.join(',')}]` : ''}${specifierText}`;
  return markerText === '' ? named : `${named} ; ${markerText}`;
}
