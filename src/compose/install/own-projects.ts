import { withLayerFacts } from '../../facts/image-facts.ts';
import type { LockedChange, ResolvedLock } from '../../lock/lock-input.ts';
import type { InstalledDistribution } from '../../python/facts.ts';
import type { LockedDistribution } from '../../python/lock.ts';
import { placedPaths } from '../../python/wheel-placement.ts';
import type { ImageState } from '../state.ts';
import type { ComposeRequest } from '../walk.ts';
import { leftLayer } from '../wheels/wheel-left.ts';
import type { BuiltWheel } from '../wheels/wheel-source.ts';
import { addDistributions, type Installation } from './install-layers.ts';
import { installedPaths } from './install-plan.ts';
import type { InstallOutcome, InstallPlace } from './installation.ts';

/** A project, or what came from an address of its own, whose wheel is there. */
export interface BuiltProject {
  readonly built: BuiltWheel;
  readonly requested: boolean;
  /** The text of `direct_url.json` where it is not that which came of the build: of a project in a lock. */
  readonly directUrl?: string | undefined;
  /** What it is called in reports: `/app`, an address without a login. */
  readonly from: string;
}

/**
 * Adds projects in layers of their own above what they need: they change with the code, the others do not. What their builds left
 * beside them comes with them.
 *
 * @param earlier how many installations came before those of this command
 * @throws NotComposable
 */
export function addProjects(
  request: ComposeRequest,
  before: ImageState,
  installation: Installation,
  projects: readonly BuiltProject[],
  { line, refuse }: InstallPlace,
  earlier: number,
): InstallOutcome {
  let state = before;
  const installed: InstallOutcome['installed'][number][] = [];
  for (const { built, requested, directUrl, from } of projects) {
    const { python } = installation;
    const shared = installedTwice(built, state.installs.slice(earlier), installation);
    if (shared !== undefined) throw refuse(`${built.facts.name} writes /${shared}, as others of the step do`);
    const resolved = lockOf(built, { requested, directUrl }, python.installed);
    const wheels = new Map([[built.wheel.sha256, built.facts]]);
    const left = leftLayer(built.left, `what the build of ${built.facts.name} left`, line, state, request);
    const beneath = left === undefined ? state : withLeft(state, left, built);
    const { after, layers } = addDistributions(request, beneath, installation, resolved, wheels, refuse);
    state = after;
    const locked = { key: built.key, resolved, kept: !built.isNew, wheels };
    installed.push({ line, files: [from], python, locked, layers, assumed: state.assumed });
  }
  return { after: state, installed };
}

/** A path of which it is not known who writes it last: the tool's order is another one. */
function installedTwice(
  { facts }: BuiltWheel,
  installs: ImageState['installs'],
  { python, installer }: Installation,
): string | undefined {
  const all = installs.flatMap((install) => {
    const paths = installedPaths(install);
    return 'reason' in paths ? [] : paths.map(([path]) => path);
  });
  const others = new Set(all);
  return placedPaths(facts, python.scheme, installer.tool).find((path) => others.has(path));
}

function withLeft(
  state: ImageState,
  layer: NonNullable<ReturnType<typeof leftLayer>>,
  { left }: BuiltWheel,
): ImageState {
  const entries = left.entries.map(({ entry }) => entry);
  return {
    ...state,
    layers: [...state.layers, layer],
    files: withLayerFacts(state.files, { entries, diffId: '', contents: new Map() }),
  };
}

/** A lock of one wheel: what is there of its name is always replaced, whatever its version. */
function lockOf(
  { wheel, facts, files }: BuiltWheel,
  { requested, directUrl: told }: Pick<BuiltProject, 'requested' | 'directUrl'>,
  there: readonly InstalledDistribution[],
): ResolvedLock {
  const { name, version } = facts;
  const { 'direct_url.json': found, ...more } = files;
  const directUrl = told ?? found;
  const distribution: LockedDistribution = {
    ...{ name, version, wheel, requested },
    ...(directUrl !== undefined && { directUrl }),
    ...(Object.keys(more).length > 0 && { files: more }),
  };
  const installed = there.find((one) => one.name === name);
  const change: LockedChange = { name, action: installed ? 'replace' : 'install', installed };
  return { lock: { distributions: [distribution] }, changes: [change], by: 'lock file', warnings: [] };
}
