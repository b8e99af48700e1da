import type { LockedWheel } from '../python/lock.ts';
import { bestWheel } from '../python/wheel-tags.ts';
import type { Applicable } from './applicable.ts';
import type { NotLocked } from './lock-input.ts';

/** The wheel that pip takes for one version; undefined if there is none and it would build one. */
export interface WheelChoice {
  readonly wheel: LockedWheel | undefined;
}

/** Chooses among the wheels of one version: permitted hashes first, then pip's order of tags and builds. */
export function chooseWheel(
  name: string,
  wheels: readonly LockedWheel[],
  { hashes, tags }: Pick<Applicable, 'hashes' | 'tags'>,
): WheelChoice | NotLocked {
  const permitted = hashes && (hashes.get(name) ?? new Set());
  if (permitted?.size === 0) return { reason: `hashes are demanded, and ${name} has none` };
  const allowed = permitted ? wheels.filter(({ sha256 }) => permitted.has(`sha256:${sha256}`)) : wheels;
  if (permitted && allowed.length === 0)
    return { reason: `no wheel of ${name} that fits has a permitted hash` };
  const best = bestWheel(allowed, tags);
  return best === 'ambiguous' ? { reason: `several wheels of ${name} fit equally well` } : { wheel: best };
}
