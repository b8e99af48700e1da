import { type ImageFacts, withLayerFacts } from '../../facts/image-facts.ts';
import type { PathEntry } from '../../image/path-entry.ts';
import type { Owner } from '../../image/users.ts';
import type { ResolvedLock } from '../../lock/lock-input.ts';
import { launcherNames } from '../../python/entry-points.ts';
import type { PythonFacts } from '../../python/facts.ts';
import type { Installer } from '../../python/installer.ts';
import { shebangOf } from '../../python/launcher.ts';
import type { WheelFacts } from '../../python/lock.ts';
import { refusalOf } from '../../python/wheel-error.ts';
import { libraryOf, pathIn, placedPaths, placementOf, pythonOfScheme } from '../../python/wheel-placement.ts';
import { entriesLayer } from '../copy-step.ts';
import type { DependencyLayer, ImageLayer, ImageState } from '../state.ts';
import type { ComposeRequest } from '../walk.ts';
import type { Refuse } from './environment.ts';
import { type InstallInput, type PlannedLayer, planInstall, type ToInstall } from './install-plan.ts';
import { removalEntries } from './removal.ts';
import { refuseForbidden, stepUser } from './step-user.ts';
import { uvLockFile } from './uv-lock-file.ts';

/** Seconds since 1970 of every file of a dependency layer: the first moment that zip archives know, 1980. */
export const DEPENDENCY_TIME = 315_532_800;

/** How distributions are put into an environment. */
export interface Installation {
  readonly python: PythonFacts;
  readonly installer: Installer;
  readonly bytecode: boolean;
  readonly line: number;
  /** Where it goes to in place of the environment, absolute; `python` then has the scheme of it. */
  readonly directory?: string | undefined;
  /** True for `pip install --target`. */
  readonly isTarget?: boolean;
}

/** A state with distributions added, and the layers that they come to. */
export interface Installed {
  readonly after: ImageState;
  readonly layers: readonly PlannedLayer[];
}

/**
 * Adds the layers of what a lock changes in an environment: first the whiteouts of what is replaced or removed, then the groups.
 *
 * @throws NotComposable through `refuse`
 */
export function addDistributions(
  request: ComposeRequest,
  state: ImageState,
  { python, installer, bytecode, line, directory, isTarget }: Installation,
  resolved: ResolvedLock,
  wheels: ReadonlyMap<string, WheelFacts>,
  refuse: Refuse,
): Installed {
  const user = stepUser(state, refuse);
  const { toInstall, removed } = changesOf(resolved, wheels, refuse);
  const removal = removalEntries(state.files, python, removed, installer.tool);
  if ('reason' in removal) throw refuse(removal.reason);
  const cleared =
    removal.entries.length === 0
      ? state.files
      : withLayerFacts(state.files, { entries: removal.entries, diffId: '', contents: new Map() });
  const input: InstallInput = {
    files: cleared.index,
    python,
    given: state.given,
    distributions: toInstall,
    installer,
    bytecode,
    uid: user.uid,
    gid: user.gid,
    umask: 0o022,
    keep: undefined,
    ...(isTarget && { isTarget }),
    compression: request.compression,
    mtime: DEPENDENCY_TIME,
  };
  const planned = planInstall(input);
  if ('reason' in planned) throw refuse(planned.reason);
  const changes = { removed: removal.entries, written: planned.entries };
  refuseForbidden(state, state.files.index, user, changes, refuse);
  const removalLayers =
    removal.entries.length === 0
      ? []
      : [
          entriesLayer('removal', `${removed.length} replaced`, line, removal.entries, {
            ...request,
            mtime: DEPENDENCY_TIME,
          }),
        ];
  const layers: ImageLayer[] = planned.layers.map((one) => dependencyLayer(one, line));
  const after = {
    ...state,
    layers: [...state.layers, ...removalLayers, ...layers],
    files: filesAfter(cleared, input, planned.entries),
    installs: [...state.installs, input],
  };
  return {
    after: withLockFile(request, after, installer, user, directory ?? python.venv, line),
    layers: planned.layers,
  };
}

function withLockFile(
  request: ComposeRequest,
  state: ImageState,
  installer: Installer,
  user: Owner,
  root: string | undefined,
  line: number,
): ImageState {
  const entries = uvLockFile(state.files.index, installer, user, root);
  const path = entries.at(-1)?.path;
  if (path === undefined) return state;
  const own = { ...request, mtime: DEPENDENCY_TIME };
  return {
    ...state,
    layers: [...state.layers, entriesLayer('directory', `/${path} of uv`, line, entries, own)],
    files: withLayerFacts(state.files, { entries, diffId: '', contents: new Map() }),
    copied: new Map(state.copied).set(path, { kind: 'bytes', bytes: new Uint8Array() }),
  };
}

/** What is written anew, and what goes. */
function changesOf(resolved: ResolvedLock, wheels: ReadonlyMap<string, WheelFacts>, refuse: Refuse) {
  const toInstall: ToInstall[] = [];
  const removed: PythonFacts['installed'][number][] = [];
  const locks = new Map(resolved.lock.distributions.map((one) => [one.name, one]));
  for (const { name, action, installed } of resolved.changes) {
    if (action === 'keep') continue;
    if ((action === 'replace' || action === 'remove') && installed !== undefined) removed.push(installed);
    if (action === 'remove') continue;
    const locked = locks.get(name);
    if (locked === undefined) continue;
    const facts = locked.wheel && wheels.get(locked.wheel.sha256);
    if (facts === undefined)
      throw refuse(
        `${name} ${locked.version} has no wheel for the image's Python and platform`,
        'A version that has one would be composed.',
      );
    toInstall.push({ locked, facts });
  }
  return { toInstall, removed };
}

/** A planned layer as one of an image, named after what is in it. */
export function dependencyLayer(planned: PlannedLayer, line: number): DependencyLayer {
  const { group, wheels } = planned;
  const list = wheels.map(({ name, version }) => `${name} ${version}`).join(', ');
  const title = group.id.startsWith('bucket-') ? `${group.id}: ${list}` : list;
  return { kind: 'dependency', key: planned.key, title, line, planned };
}

/** The files with what was installed; each distribution's metadata as far as a later step looks at it. */
function filesAfter(files: ImageFacts, input: InstallInput, entries: readonly PathEntry[]): ImageFacts {
  const contents = new Map<string, Uint8Array>();
  const sized = new Map<string, number>();
  for (const { facts } of input.distributions)
    for (const [path, text] of metadataOf(facts, input)) {
      contents.set(path, Buffer.from(text));
      sized.set(path, Buffer.byteLength(text));
    }
  const programs = new Set(
    input.distributions.flatMap(({ facts }) => pipLaunchers(facts, input).map(([at]) => at)),
  );
  const withSizes = entries.map((entry) => {
    const size = sized.get(entry.path);
    const mode = programs.has(entry.path) ? entry.mode | (0o111 & ~input.umask) : entry.mode;
    return size === undefined ? entry : { ...entry, size, mode };
  });
  return withLayerFacts(files, { entries: withSizes, diffId: '', contents });
}

function metadataOf(facts: WheelFacts, input: InstallInput): readonly (readonly [string, string])[] {
  const { python, installer } = input;
  const metadata = facts.paths.find((path) => /^[^/]+\.dist-info\/METADATA$/.test(path));
  if (metadata === undefined) return [];
  const library = libraryOf(facts, python.scheme).slice(1);
  const directory = `${library}/${metadata.slice(0, -'/METADATA'.length)}`;
  const depth = library.split('/').length;
  const record = placedPaths(facts, python.scheme, installer.tool).map((path) =>
    path.startsWith(`${library}/`) ? path.slice(library.length + 1) : `${'../'.repeat(depth)}${path}`,
  );
  return [
    [`${directory}/METADATA`, `Metadata-Version: 2.1\nName: ${facts.name}\nVersion: ${facts.version}\n`],
    [`${directory}/RECORD`, record.map((path) => `${path},,\n`).join('')],
    [`${directory}/INSTALLER`, `${installer.tool}\n`],
    ...startupOf(facts, input),
    ...pipLaunchers(facts, input),
  ];
}

/** What Python reads when it starts. */
function startupOf(facts: WheelFacts, { python, installer }: InstallInput) {
  const shape = { name: facts.name, purelib: facts.purelib, scripts: new Set(facts.scripts) };
  const refuse = refusalOf(`${facts.name} ${facts.version}`);
  return Object.entries(facts.startup ?? {}).flatMap(([path, text]) => {
    const placement = placementOf(path, shape, refuse, installer.tool);
    return placement === undefined ? [] : [[pathIn(python.scheme, placement).slice(1), text] as const];
  });
}

/** pip as a later step looks at it: which interpreter it starts in, and that it does nothing else. */
function pipLaunchers(
  { name: distribution, version, scripts }: WheelFacts,
  { python, installer }: InstallInput,
): readonly (readonly [path: string, text: string])[] {
  if (distribution !== 'pip') return [];
  const refuse = refusalOf(`${distribution} ${version}`);
  const text = `${shebangOf(python.executable, installer.tool)}from pip._internal.cli.main import main\n`;
  return launcherNames(scripts, pythonOfScheme(python.scheme), refuse, installer.tool).map((name) => [
    `${python.scheme.scripts.slice(1)}/${name}`,
    text,
  ]);
}
