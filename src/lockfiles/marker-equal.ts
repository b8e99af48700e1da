import { evaluateMarker, type Marker, type MarkerValue, parseMarker } from '../python/markers.ts';
import { parseSpecifiers, satisfies } from '../python/specifiers.ts';
import { parseVersion } from '../python/versions.ts';

/** More environments than this are not tried. */
const MOST = 20_000;

/**
 * True if two markers surely mean the same wherever the Python is allowed: both are evaluated in every environment that their
 * conditions tell apart. Empty for none.
 *
 * @param requiresPython conditions on Python; undefined for any
 */
export function sameMarker(a: string, b: string, requiresPython: string | undefined): boolean {
  if (a.trim() === b.trim()) return true;
  const [one, other] = [parsed(a), parsed(b)];
  if (one === undefined || other === undefined) return false;
  const conditions = [...conditionsOf(one), ...conditionsOf(other)];
  const environments = environmentsOf(conditions, requiresPython);
  return (
    environments?.every((environment) => {
      const [left, right] = [one, other].map((marker) =>
        'and' in marker && marker.and.length === 0
          ? true
          : evaluateMarker(marker, environment, environment.extra ?? ''),
      );
      return left !== undefined && left === right;
    }) ?? false
  );
}

function parsed(text: string): Marker | undefined {
  return text.trim() === '' ? { and: [] } : parseMarker(text.trim());
}

interface Condition {
  readonly variable: string;
  readonly operator: string;
  readonly text: string;
}

function conditionsOf(marker: Marker): readonly (Condition | undefined)[] {
  if ('and' in marker) return marker.and.flatMap(conditionsOf);
  if ('or' in marker) return marker.or.flatMap(conditionsOf);
  const sides: readonly MarkerValue[] = [marker.left, marker.right];
  const [variable] = sides.flatMap((side) => ('variable' in side ? [side.variable] : []));
  const [text] = sides.flatMap((side) => ('text' in side ? [side.text] : []));
  return [
    variable === undefined || text === undefined ? undefined : { variable, text, operator: marker.operator },
  ];
}

type Environment = Readonly<Record<string, string>>;

/** One environment for each way in which the conditions can come out; undefined if that is not known. */
function environmentsOf(
  conditions: readonly (Condition | undefined)[],
  requiresPython: string | undefined,
): readonly Environment[] | undefined {
  const values = new Map<string, Set<string>>();
  const versions: string[] = [];
  for (const condition of conditions) {
    if (condition === undefined || condition.operator.endsWith('in')) return undefined;
    const { variable, text } = condition;
    if (variable === 'python_version' || variable === 'python_full_version') versions.push(text);
    // Of these even equal words may be compared as versions.
    else if (/version|release/.test(variable)) return undefined;
    else values.set(variable, (values.get(variable) ?? new Set(['another'])).add(text));
  }
  const pythons = pythonsAround(versions, requiresPython);
  let environments: readonly Environment[] | undefined = pythons?.map((python) => ({
    python_full_version: python,
    python_version: python.split('.').slice(0, 2).join('.'),
  }));
  for (const [variable, texts] of values) {
    environments = environments?.flatMap((one) => [...texts].map((text) => ({ ...one, [variable]: text })));
    if (environments === undefined || environments.length > MOST) return undefined;
  }
  return environments;
}

/** Versions of Python 3 on both sides of every one that is named. */
function pythonsAround(
  named: readonly string[],
  requiresPython: string | undefined,
): readonly string[] | undefined {
  const specifiers = requiresPython === undefined ? [] : parseSpecifiers(requiresPython);
  if (specifiers === undefined) return undefined;
  const releases = [
    ...named.map((text) => parseVersion(text.replace(/\.\*$/, ''))?.release),
    ...specifiers.map(({ version }) => version.release),
  ];
  if (releases.includes(undefined)) return undefined;
  const minors = releases.map((release) => Number(release?.[1] ?? 0));
  const patches = releases.map((release) => Number(release?.[2] ?? 0));
  const found: string[] = [];
  for (let minor = 0; minor <= Math.max(...minors, 0) + 1; minor++)
    for (const patch of new Set([0, ...patches.flatMap((one) => [Math.max(0, one - 1), one, one + 1])]))
      found.push(`3.${minor}.${patch}`);
  return [...found, '2.7.18', '4.0.0'].filter((text) => {
    const version = parseVersion(text);
    return version !== undefined && satisfies(version, specifiers);
  });
}

/** True if two sets of conditions on Python surely allow the same versions. */
export function samePythons(a: string, b: string): boolean {
  const [one, other] = [parseSpecifiers(a), parseSpecifiers(b)];
  if (one === undefined || other === undefined) return false;
  const names = [...one, ...other].map(({ version }) => version.release.join('.'));
  return (pythonsAround(names, undefined) ?? []).every((text) => {
    const version = parseVersion(text);
    return version !== undefined && satisfies(version, one) === satisfies(version, other);
  });
}
