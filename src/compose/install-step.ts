import { closest } from 'fastest-levenshtein';
import { readContextFile } from '../context/content.ts';
import type { Context } from '../context/context.ts';
import type { StageNode } from '../dockerfile/graph.ts';
import { type ImageFacts, withLayerFacts } from '../facts/image-facts.ts';
import { applyInstruction } from '../image/config-apply.ts';
import type { History } from '../image/oci.ts';
import type { PathEntry } from '../image/path-entry.ts';
import type { LockInput, NotLocked, ResolvedLock } from '../lock/lock-input.ts';
import { pythonFacts } from '../python/detect.ts';
import { pipConfigurations, variableOf } from '../python/detect-files.ts';
import type { PythonFacts } from '../python/facts.ts';
import type { WheelFacts } from '../python/lock.ts';
import type { PipInstall } from '../python/recognise.ts';
import { collectRequirements } from '../python/requirement-collect.ts';
import { libraryOf, placedPaths } from '../python/wheel-placement.ts';
import { bytesOf, entriesLayer, homeOf } from './copy-step.ts';
import { absolutePath, type Part } from './cut.ts';
import { instructionText, layerLines } from './history.ts';
import { type InstallInput, type PlannedLayer, planInstall, type ToInstall } from './install-plan.ts';
import { removalEntries } from './removal.ts';
import { type DependencyLayer, type ImageLayer, type ImageState, NotComposable } from './state.ts';
import type { ComposeRequest } from './walk.ts';

/** Seconds since 1970 of every file of a dependency layer: the first moment that zip archives know, 1980. */
export const DEPENDENCY_TIME = 315_532_800;

/** A lock with what its wheels say of themselves. */
export interface LockedStep {
  /** 64 hex digits. */
  readonly key: string;
  readonly resolved: ResolvedLock;
  /** True if an earlier build had kept it. */
  readonly kept: boolean;
  /** By the wheel's SHA-256. */
  readonly wheels: ReadonlyMap<string, WheelFacts>;
}

/** What an installation asks of the world. */
export interface InstallWorld {
  readonly context: () => Promise<Context>;
  readonly lock: (input: LockInput) => Promise<LockedStep | NotLocked>;
}

/** One `pip install` of a step, as it was planned. */
export interface InstalledStep {
  readonly line: number;
  /** The requirement files that were read, as they are named; empty if all is on the command line. */
  readonly files: readonly string[];
  readonly python: PythonFacts;
  readonly locked: LockedStep;
  readonly layers: readonly PlannedLayer[];
  /** True if the image below is assumed. */
  readonly assumed: boolean;
}

/** Adds what a dependency step installs. */
export async function installStep(
  request: ComposeRequest,
  world: InstallWorld,
  before: ImageState,
  node: StageNode,
  { at, step }: Extract<Part, { kind: 'install' }>,
): Promise<{ after: ImageState; installed: readonly InstalledStep[] }> {
  const instruction = node.instructions[at] as StageNode['instructions'][number];
  const { line } = instruction;
  const applied = applyInstruction(before.stage, instruction);
  if (applied.reason !== undefined) throw new NotComposable(line, applied.reason);
  let state: ImageState = before;
  const installed: InstalledStep[] = [];
  for (const action of step.steps) {
    if (action.kind !== 'pip-install') continue;
    const done = await installOnce(request, world, state, action, step.binds, line);
    state = done.after;
    installed.push(...done.installed);
  }
  const added = state.layers.slice(before.layers.length);
  const history = [...(before.stage.image.history ?? []), ...historyOf(applied.history as History, added)];
  return {
    after: { ...state, stage: { ...applied.state, image: { ...applied.state.image, history } } },
    installed,
  };
}

/** The instruction's line for each of its layers; one without a layer if there is none. */
function historyOf(line: History, added: readonly ImageLayer[]): readonly History[] {
  return added.length === 0 ? [{ ...line, empty_layer: true }] : layerLines(instructionText(line), added);
}

async function installOnce(
  request: ComposeRequest,
  world: InstallWorld,
  state: ImageState,
  action: PipInstall,
  binds: readonly { readonly target: string; readonly source: string }[],
  line: number,
): Promise<{ after: ImageState; installed: readonly InstalledStep[] }> {
  const refuse = (reason: string, hint?: string) => new NotComposable(line, reason, hint);
  const python = environmentOf(state, action, refuse);
  const workdir = state.stage.image.config.WorkingDir ?? '/';
  const read = (path: string) => readImageFile(world, state, binds, absolutePath(path, workdir));
  const collected = await collectRequirements(
    {
      inline: action.requirements,
      settings: settingsOf(action),
      env: action.env,
      near: (path) => nearPath(state, absolutePath(path, workdir)),
    },
    read,
  );
  if ('reason' in collected) throw refuse(collected.reason);
  const { requirements, constraints, settings } = collected;
  const locked = await world.lock({ requirements, constraints, options: settings, facts: python });
  if ('reason' in locked) throw refuse(locked.reason);
  const { toInstall, replaced } = changesOf(locked, refuse);
  const removal = removalEntries(state.files, python, replaced);
  if ('reason' in removal) throw refuse(removal.reason);
  const cleared =
    removal.entries.length === 0
      ? state.files
      : withLayerFacts(state.files, { entries: removal.entries, diffId: '', contents: new Map() });
  const input: InstallInput = {
    files: cleared.index,
    python,
    distributions: toInstall,
    installer: { tool: 'pip' },
    bytecode: settings.compile,
    uid: 0,
    gid: 0,
    umask: 0o022,
    keep: undefined,
    compression: request.compression,
    mtime: DEPENDENCY_TIME,
  };
  const planned = planInstall(input);
  if ('reason' in planned) throw refuse(planned.reason);
  const removalLayers =
    removal.entries.length === 0
      ? []
      : [
          entriesLayer('removal', `${replaced.length} replaced`, line, removal.entries, {
            ...request,
            mtime: DEPENDENCY_TIME,
          }),
        ];
  const layers = planned.layers.map((one) => dependencyLayer(one, line));
  return {
    after: {
      ...state,
      layers: [...state.layers, ...removalLayers, ...layers],
      files: filesAfter(cleared, input, planned.entries),
      installs: [...state.installs, input],
    },
    installed: [
      { line, files: collected.files, python, locked, layers: planned.layers, assumed: state.assumed },
    ],
  };
}

function environmentOf(
  { files, stage }: ImageState,
  action: PipInstall,
  refuse: (reason: string, hint?: string) => NotComposable,
): PythonFacts {
  const image = { ...files, env: stage.image.config.Env ?? [] };
  const found = pythonFacts(image, action.program);
  if ('reason' in found) throw refuse(found.reason);
  const { facts } = found;
  if (facts.externallyManaged && !action.options.breakSystemPackages)
    throw refuse(
      'the image forbids pip to install here (EXTERNALLY-MANAGED)',
      'Install into a virtual environment.',
    );
  const home = homeOf(files, stage);
  const prefix = facts.venv ?? prefixOf(facts);
  const configurations = pipConfigurations(image, prefix, home);
  const hidden = configurations.find(({ content }) => content === undefined);
  if (hidden !== undefined) throw refuse(`${hidden.path} of the image configures pip, and was not read`);
  // Those of the interpreter itself were taken in when the command was read.
  const own = configurations.find(({ path }) => path === `${prefix}/pip.conf` && prefix !== '/usr/local');
  if (own !== undefined) throw refuse(`${own.path} of the image configures pip`);
  if (variableOf(image.env, 'SOURCE_DATE_EPOCH') ?? action.env.SOURCE_DATE_EPOCH)
    throw refuse(
      'with SOURCE_DATE_EPOCH in its environment pip writes other bytecode',
      'Set SOURCE_DATE_EPOCH below the installation.',
    );
  const hiding = action.searchPath.find((directory) => hidesInstalled(files, directory));
  if (hiding !== undefined) throw refuse(`pip looks into ${hiding} too, where there are packages`);
  return facts;
}

/** `sys.prefix` of an interpreter that is no virtual environment's. */
function prefixOf({ executable }: PythonFacts): string {
  return executable.replace(/\/bin\/[^/]*$/, '') || '/usr';
}

/** True if pip would count something in that directory as installed, or would itself be loaded from there. */
function hidesInstalled({ index }: ImageFacts, directory: string): boolean {
  const names = index.children(index.resolve(directory).path);
  return names.some((name) => /\.(?:dist-info|egg-info|egg|egg-link)$|^pip(?:\.py)?$/.test(name));
}

function settingsOf({ options, requirementFiles, constraintFiles }: PipInstall) {
  return { ...options, requirementFiles, constraintFiles };
}

/** A file of the image in the making: of a bind mount, a COPY, or one of the small files that are kept of images. */
async function readImageFile(
  world: InstallWorld,
  state: ImageState,
  binds: readonly { readonly target: string; readonly source: string }[],
  path: string,
): Promise<Uint8Array | undefined> {
  for (const { target, source } of binds) {
    const root = absolutePath(target, state.stage.image.config.WorkingDir ?? '/');
    if (path !== root && !path.startsWith(`${root}/`)) continue;
    const context = await world.context();
    const inContext = absolutePath(`${source}/${path.slice(root.length)}`, '/').slice(1);
    const file = context.entries.get(inContext);
    return file?.type === 'file' ? await readContextFile(context, file) : undefined;
  }
  const { path: resolved, entry } = state.files.index.resolve(path);
  if (entry === undefined) return undefined;
  const copied = state.copied.get(resolved);
  if (copied !== undefined) return await bytesOf(await world.context(), copied);
  const kept = state.files.contents.get(resolved);
  return kept === undefined ? undefined : Buffer.from(kept);
}

function nearPath({ files, copied }: ImageState, path: string): string | undefined {
  const parent = path.slice(0, path.lastIndexOf('/'));
  const names = files.index.children(parent).filter((name) => copied.has(`${parent}/${name}`.slice(1)));
  return names.length === 0 ? undefined : closest(path.slice(parent.length + 1), [...names]);
}

/** What is written anew, and what it takes the place of. */
function changesOf(
  { resolved, wheels }: LockedStep,
  refuse: (reason: string, hint?: string) => NotComposable,
) {
  const toInstall: ToInstall[] = [];
  const replaced: PythonFacts['installed'][number][] = [];
  const locks = new Map(resolved.lock.distributions.map((one) => [one.name, one]));
  for (const { name, action, installed } of resolved.changes) {
    const locked = locks.get(name);
    if (locked === undefined || action === 'keep') continue;
    if (locked.wheel === undefined)
      throw refuse(
        `${name} ${locked.version} has no wheel for the image's Python and platform`,
        'A version that has one would be composed.',
      );
    if (action === 'replace' && installed !== undefined) replaced.push(installed);
    toInstall.push({ locked, facts: wheels.get(locked.wheel.sha256) as WheelFacts });
  }
  return { toInstall, replaced };
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
  const withSizes = entries.map((entry) => {
    const size = sized.get(entry.path);
    return size === undefined ? entry : { ...entry, size };
  });
  return withLayerFacts(files, { entries: withSizes, diffId: '', contents });
}

function metadataOf(facts: WheelFacts, { python }: InstallInput): readonly (readonly [string, string])[] {
  const metadata = facts.paths.find((path) => /^[^/]+\.dist-info\/METADATA$/.test(path));
  if (metadata === undefined) return [];
  const library = libraryOf(facts, python.scheme).slice(1);
  const directory = `${library}/${metadata.slice(0, -'/METADATA'.length)}`;
  const depth = library.split('/').length;
  const record = placedPaths(facts, python.scheme).map((path) =>
    path.startsWith(`${library}/`) ? path.slice(library.length + 1) : `${'../'.repeat(depth)}${path}`,
  );
  return [
    [`${directory}/METADATA`, `Metadata-Version: 2.1\nName: ${facts.name}\nVersion: ${facts.version}\n`],
    [`${directory}/RECORD`, record.map((path) => `${path},,\n`).join('')],
    [`${directory}/INSTALLER`, 'pip\n'],
  ];
}
