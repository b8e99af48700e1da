import type { LockInput } from '../../lock/lock-input.ts';
import type { ImageState } from '../state.ts';
import type { ComposeRequest } from '../walk.ts';
import { ownVariables } from '../wheels/wheel-build.ts';
import { type BuildSettings, builtFrom } from './build-sources.ts';
import type { InstallPlace, InstallWorld, LockedStep } from './installation.ts';

/**
 * What a package tool installs for requirements, each with its wheel: what has none is built from its source.
 *
 * @throws NotComposable
 */
export async function lockedRequirements(
  request: ComposeRequest,
  world: InstallWorld,
  state: ImageState,
  input: LockInput,
  build: BuildSettings,
  place: InstallPlace,
): Promise<LockedStep> {
  const { refuse, node, at, line } = place;
  const found = await world.lock(input);
  const asksImage = 'reason' in found ? found.inImage === true : lacksWheel(found);
  if (!asksImage) {
    if ('reason' in found) throw refuse(found.reason);
    return found;
  }
  const { tool } = build;
  const env = ownVariables(build.env, state);
  const resolved = await world.lockSources(input, { state, place: { node, at, line }, tool, env });
  if ('reason' in resolved) throw refuse(resolved.reason);
  return await withBuilt(request, world, state, resolved, build, place);
}

function lacksWheel({ resolved }: LockedStep): boolean {
  const kept = new Set(resolved.changes.filter(({ action }) => action === 'keep').map(({ name }) => name));
  return resolved.lock.distributions.some(({ name, wheel }) => wheel === undefined && !kept.has(name));
}

/**
 * A lock whose source distributions are built.
 *
 * @throws NotComposable
 */
export async function withBuilt<T extends LockedStep>(
  request: ComposeRequest,
  world: InstallWorld,
  state: ImageState,
  locked: T,
  build: BuildSettings,
  place: InstallPlace,
): Promise<T> {
  const { resolved } = locked;
  const kept = new Set(resolved.changes.filter(({ action }) => action === 'keep').map(({ name }) => name));
  const wheels = new Map(locked.wheels);
  const distributions = [...resolved.lock.distributions];
  for (const [index, one] of distributions.entries()) {
    const { name, version, source } = one;
    if (one.wheel !== undefined || source === undefined || kept.has(name)) continue;
    const built = await builtFrom(request, world, state, place, { ...build, name, version, source });
    wheels.set(built.wheel.sha256, built.facts);
    distributions[index] = { ...one, wheel: built.wheel, ...filesOf(built.files) };
  }
  return { ...locked, wheels, resolved: { ...resolved, lock: { distributions } } };
}

function filesOf({ 'direct_url.json': _, ...files }: Readonly<Record<string, string>>) {
  return Object.keys(files).length > 0 ? { files } : {};
}
