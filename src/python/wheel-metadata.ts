import { normaliseName } from './names.ts';
import { sameVersion } from './versions.ts';
import type { RefuseWheel } from './wheel-error.ts';

/** The header fields of METADATA and WHEEL by lower-case name: each field's values in order, folded lines joined. */
export function parseHeaders(text: string): ReadonlyMap<string, readonly string[]> {
  const fields = new Map<string, string[]>();
  let current: string[] | undefined;
  for (const line of text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/)) {
    if (line === '') break;
    if (/^[ \t]/.test(line)) {
      if (current !== undefined) current[current.length - 1] += `\n${line}`;
      continue;
    }
    const [, name, value = ''] = /^([^\s:]+)[ \t]*:[ \t]*(.*)$/.exec(line) ?? [];
    // A line that is no header ends them, as in Python's parser of mails.
    if (name === undefined) break;
    const key = name.toLowerCase();
    current = fields.get(key) ?? [];
    current.push(value);
    fields.set(key, current);
  }
  return fields;
}

/**
 * What WHEEL says.
 *
 * @throws LayerwrightError `WHEEL_INVALID` (1) without a version, or for a major one above 1
 */
export function parseWheelFile(text: string, refuse: RefuseWheel): { readonly purelib: boolean } {
  const fields = parseHeaders(text);
  const version = fields.get('wheel-version')?.[0]?.trim() ?? '';
  if (!/^\d+(?:\.\d+)*$/.test(version)) throw refuse('WHEEL says no Wheel-Version');
  if (Number.parseInt(version, 10) > 1) throw refuse(`Wheel-Version ${version} is newer than 1.x`);
  return { purelib: fields.get('root-is-purelib')?.[0]?.toLowerCase() === 'true' };
}

/** What METADATA says of what a distribution needs; as in `WheelFacts`. */
export interface DistributionMetadata {
  readonly requiresDist: readonly string[];
  readonly requiresPython: string | undefined;
  readonly extras: readonly string[];
}

/**
 * What METADATA says.
 *
 * @throws LayerwrightError `WHEEL_INVALID` (1) if it is another distribution or version than expected
 */
export function parseMetadata(
  text: string,
  expected: { readonly name: string; readonly version: string },
  refuse: RefuseWheel,
): DistributionMetadata {
  const fields = parseHeaders(text);
  const name = fields.get('name')?.[0]?.trim() ?? '';
  const version = fields.get('version')?.[0]?.trim() ?? '';
  if (normaliseName(name) !== normaliseName(expected.name))
    throw refuse(`METADATA names ${name || 'nothing'}, not ${expected.name}`);
  if (!sameVersion(version, expected.version))
    throw refuse(`METADATA says version ${version || 'nothing'}, not ${expected.version}`);
  return {
    requiresDist: (fields.get('requires-dist') ?? []).map(unfolded),
    requiresPython: fields.get('requires-python')?.[0]?.trim(),
    extras: (fields.get('provides-extra') ?? []).map((extra) => normaliseName(extra.trim())),
  };
}

function unfolded(value: string): string {
  return value.replace(/\n[ \t]+/g, ' ').trim();
}

/**
 * The one `*.dist-info` of a wheel.
 *
 * @param paths all members of the archive
 * @throws LayerwrightError `WHEEL_INVALID` (1) if there is none or more than one, or it is another distribution's
 */
export function distInfoOf(
  paths: Iterable<string>,
  expected: { readonly name: string; readonly version: string },
  refuse: RefuseWheel,
): string {
  const found = new Set<string>();
  for (const path of paths) {
    const [first = ''] = path.split('/', 1);
    if (first.endsWith('.dist-info')) found.add(first);
  }
  const [directory, second] = [...found].sort();
  if (directory === undefined) throw refuse('it has no *.dist-info');
  if (second !== undefined) throw refuse(`it has more than one *.dist-info: ${directory} and ${second}`);
  const [, name = '', version = ''] = /^(.+)-([^-]+)\.dist-info$/.exec(directory) ?? [];
  if (!isSame(name, version, expected))
    throw refuse(`${directory} is not that of ${expected.name} ${expected.version}`);
  return directory;
}

/**
 * Checks what a wheel's file name says of it.
 *
 * @throws LayerwrightError `WHEEL_INVALID` (1)
 */
export function checkFileName(
  filename: string,
  expected: { readonly name: string; readonly version: string },
  refuse: RefuseWheel,
): void {
  const [, name = '', version = ''] =
    /^([^-/]+)-([^-/]+)(?:-\d[^-/]*)?-[^-/]+-[^-/]+-[^-/]+\.whl$/.exec(filename) ?? [];
  if (!isSame(name, version, expected))
    throw refuse(`its file name is not that of a wheel of ${expected.name} ${expected.version}`);
}

function isSame(
  name: string,
  version: string,
  expected: { readonly name: string; readonly version: string },
): boolean {
  return (
    normaliseName(name) === normaliseName(expected.name) &&
    // File names hold `_` where a version has `-` or a local part's `-`.
    sameVersion(version.replaceAll('_', '-'), expected.version)
  );
}
