import type { SourceDistribution, WheelFacts } from '../../python/lock.ts';
import { evaluateMarker, type MarkerEnvironment } from '../../python/markers.ts';
import type { FileRequirement } from '../../python/requirements/requirement-file.ts';
import { parseRequirement } from '../../python/requirements/requirement-line.ts';
import type { ImageState } from '../state.ts';
import type { ComposeRequest } from '../walk.ts';
import { type WheelWishes, wheelBuild } from '../wheels/wheel-build.ts';
import type { BuiltWheel } from '../wheels/wheel-source.ts';
import type { InstallPlace, InstallWorld } from './installation.ts';

/** What all builds of one installation have in common. */
export type BuildSettings = Omit<WheelWishes, 'name' | 'version' | 'source'>;

/**
 * The wheel of a source distribution or project: kept, or built by BuildKit.
 *
 * @throws NotComposable if the step has to be run as a whole; MustRun where nothing may be run
 */
export async function builtFrom(
  request: ComposeRequest,
  world: InstallWorld,
  state: ImageState,
  { node, at, refuse }: InstallPlace,
  wishes: WheelWishes,
): Promise<BuiltWheel> {
  const built = await world.wheel(await wheelBuild(request, world, state, node, at, wishes));
  if ('reason' in built) {
    const { name } = wishes;
    const isNamed = name === undefined || built.reason.includes(name);
    throw refuse(isNamed ? built.reason : `${name}: ${built.reason}`, built.hint);
  }
  return built;
}

/** Where a wheel of a direct requirement is built from. */
export function sourceOf(
  source:
    | SourceDistribution
    | { readonly kind: 'wheel'; readonly url: string; readonly sha256: string | undefined },
): SourceDistribution {
  return source.kind === 'wheel'
    ? { kind: 'archive', url: source.url, sha256: source.sha256, subdirectory: undefined }
    : source;
}

/**
 * What a distribution needs in an environment, with some of its extras, as requirements: an extra may name others of its own
 * distribution.
 *
 * @returns a reason where that is not known before the build
 */
export function needsOf(
  { name, requiresDist }: WheelFacts,
  extras: readonly string[],
  environment: MarkerEnvironment,
): readonly FileRequirement[] | { readonly reason: string } {
  const needs: FileRequirement[] = [];
  const asked = ['', ...extras];
  for (let at = 0; at < asked.length; at++)
    for (const text of requiresDist) {
      const parsed = parseRequirement(text);
      if ('reason' in parsed || 'invalid' in parsed)
        return { reason: `${name} needs "${text}", which is no requirement of an index` };
      const applies = parsed.marker
        ? evaluateMarker(parsed.marker, environment, asked[at] ?? '')
        : asked[at] === '';
      if (applies === undefined)
        return { reason: `whether ${name} needs "${text}" is not known before the build` };
      if (!applies) continue;
      if (parsed.name === name) {
        for (const extra of parsed.extras) if (!asked.includes(extra)) asked.push(extra);
        continue;
      }
      needs.push({ ...parsed, marker: undefined, markerText: '', hashes: [], from: name });
    }
  return needs;
}
