import { evaluateMarker, type Marker, type MarkerEnvironment, parseMarker } from '../python/markers.ts';
import { normaliseName } from '../python/names.ts';

/** What the markers of a lock file see. */
export interface MarkerScope {
  readonly environment: MarkerEnvironment;
  /** Extras that are on; uv's own names of conflicting items among them. */
  readonly extras: ReadonlySet<string>;
  /** Dependency groups that are on. */
  readonly groups: ReadonlySet<string>;
}

/** A scope with no extra and no group. */
export function plainScope(environment: MarkerEnvironment): MarkerScope {
  return { environment, extras: new Set(), groups: new Set() };
}

/**
 * Whether a marker of a lock file is fulfilled. There `extra == "x"` means that x is one of those that are on.
 *
 * @returns undefined if it is no marker, or depends on what is not known before the build
 */
export function markerApplies(text: string | undefined, scope: MarkerScope): boolean | undefined {
  if (text === undefined || text.trim() === '' || text.trim() === '*') return true;
  const marker = parseMarker(text.trim());
  return marker && evaluate(marker, scope);
}

function evaluate(marker: Marker, scope: MarkerScope): boolean | undefined {
  if ('and' in marker || 'or' in marker) {
    const decides = 'or' in marker;
    const parts = (decides ? marker.or : marker.and).map((one) => evaluate(one, scope));
    if (parts.includes(decides)) return decides;
    return parts.includes(undefined) ? undefined : !decides;
  }
  const { left, operator, right } = marker;
  if (isVariable(left, 'extra') && 'text' in right) return member(right.text, operator, scope.extras);
  if (isVariable(right, 'extra') && 'text' in left) return member(left.text, operator, scope.extras);
  if (isVariable(right, 'extras') && 'text' in left) return contains(left.text, operator, scope.extras);
  if (isVariable(right, 'dependency_groups') && 'text' in left)
    return contains(left.text, operator, scope.groups);
  return evaluateMarker(marker, scope.environment, '');
}

function isVariable(value: object, name: string): boolean {
  return 'variable' in value && value.variable === name;
}

function member(text: string, operator: string, set: ReadonlySet<string>): boolean | undefined {
  if (operator === '==') return set.has(normaliseName(text));
  return operator === '!=' ? !set.has(normaliseName(text)) : undefined;
}

function contains(text: string, operator: string, set: ReadonlySet<string>): boolean | undefined {
  if (operator === 'in') return set.has(normaliseName(text));
  return operator === 'not in' ? !set.has(normaliseName(text)) : undefined;
}
