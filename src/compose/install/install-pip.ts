import { sparedByUv } from '../../lock/frozen-changes.ts';
import type { LockedChange } from '../../lock/lock-input.ts';
import { schemeFor } from '../../python/detect/scheme.ts';
import type { PythonFacts } from '../../python/facts.ts';
import { markerEnvironment } from '../../python/markers.ts';
import type { PipInstall } from '../../python/recognise/recognise.ts';
import {
  type CollectedRequirements,
  collectRequirements,
} from '../../python/requirements/requirement-collect.ts';
import type { DirectRequirement } from '../../python/requirements/requirement-direct.ts';
import type { FileRequirement } from '../../python/requirements/requirement-file.ts';
import { uvScheme } from '../../python/wheel-placement.ts';
import { homeOf } from '../copy-step.ts';
import { absolutePath } from '../cut.ts';
import type { ImageState } from '../state.ts';
import type { ComposeRequest } from '../walk.ts';
import { type BuildSettings, builtFrom, needsOf, sourceOf } from './build-sources.ts';
import { pipEnvironment } from './environment.ts';
import { nearPath, readImageFile, textReader } from './image-files.ts';
import { withLogins } from './index-logins.ts';
import { addDistributions } from './install-layers.ts';
import { localWheels, takesLocalWheels } from './install-local.ts';
import { lockedRequirements } from './install-lock.ts';
import type { InstallOutcome, InstallPlace, InstallWorld } from './installation.ts';
import { addProjects, type BuiltProject } from './own-projects.ts';
import { pipDestination, refuseUnreadable } from './step-user.ts';
import { refuseUncompiled } from './uv-compiled.ts';
import { refuseUvFiles } from './uv-files.ts';

/** Adds what `pip install` or `uv pip install` installs. */
export async function pipStep(
  request: ComposeRequest,
  world: InstallWorld,
  state: ImageState,
  asked: PipInstall,
  place: InstallPlace,
): Promise<InstallOutcome> {
  const { line, refuse } = place;
  refuseUnsure(asked, place);
  if (asked.tool === 'uv') await refuseUvFiles(world, state, asked, 'pip', place);
  const own = pipEnvironment(state, asked, refuse);
  const action = { ...asked, destination: pipDestination(state, own, asked, refuse) };
  const python = placedPython(state, own, action, place);
  if (action.tool === 'uv' && action.options.compile) refuseUncompiled(state, python, place);
  const found = await collected(world, state, action, place);
  const { settings, constraints, files } = found;
  refuseUnreadable(
    state,
    [own.executable, ...files.map((path) => absolutePath(path, action.workdir))],
    refuse,
  );
  const { tool, exact, env } = action;
  const build: BuildSettings = {
    ...{ python: own, env, indexes: settings, options: settings.buildOptions },
    // The program of the action is a Python.
    tool: tool === 'uv' ? { kind: 'uv', program: 'uv' } : { kind: 'pip' },
  };
  const projects = await builtProjects(request, world, state, action, found, build, place);
  const requirements = [...found.requirements, ...projects.needs];
  const input = { tool, exact, requirements, constraints, options: settings, facts: python };
  const isLocal = takesLocalWheels(action);
  if (isLocal && projects.built.length > 0)
    throw refuse('it installs wheels of the image and something built');
  const locked = isLocal
    ? await localWheels(world, state, action, input, place)
    : await lockedRequirements(request, world, state, input, build, place);
  if (action.destination.kind !== 'environment') refuseChanges(locked.resolved.changes, place);
  const installation = {
    ...{ python, installer: { tool }, bytecode: settings.compile, line },
    directory: action.destination.kind === 'environment' ? undefined : python.scheme.data,
    isTarget: tool === 'pip' && action.destination.kind === 'target',
  };
  const named = new Set(found.requirements.map(({ name }) => name));
  const changes = await changesLeft(world, state, action, python, locked.resolved.changes, place);
  const resolved = isLocal ? locked.resolved : requestedOnly({ ...locked.resolved, changes }, named);
  const twice = projects.built.find(({ built }) =>
    resolved.lock.distributions.some(({ name }) => name === built.facts.name),
  );
  if (twice) throw refuse(`${twice.built.facts.name} is needed from the index too`);
  const { after, layers } = addDistributions(request, state, installation, resolved, locked.wheels, refuse);
  const dependencies = {
    line,
    files,
    python,
    locked: { ...locked, resolved },
    layers,
    assumed: state.assumed,
  };
  const earlier = state.installs.length;
  const added = addProjects(request, after, installation, projects.built, place, earlier);
  const isEmpty = requirements.length === 0 && projects.built.length > 0;
  return { after: added.after, installed: [...(isEmpty ? [] : [dependencies]), ...added.installed] };
}

/** What is changed: where uv makes an environment exact, it leaves what environments begin with. */
async function changesLeft(
  world: InstallWorld,
  state: ImageState,
  { tool, exact }: PipInstall,
  facts: PythonFacts,
  changes: readonly LockedChange[],
  { binds, refuse }: InstallPlace,
): Promise<readonly LockedChange[]> {
  if (tool !== 'uv' || !exact) return changes;
  const read = textReader(world, state, binds);
  const surplus = changes.filter(({ action }) => action === 'remove');
  const spared = await sparedByUv({ facts, read }, surplus);
  if ('reason' in spared) throw refuse(spared.reason);
  return changes.filter((one) => !spared.includes(one));
}

/** Only what the step names itself is marked as requested, not what its projects need. */
function requestedOnly<
  T extends { readonly lock: { readonly distributions: readonly { readonly name: string }[] } },
>(resolved: T, named: ReadonlySet<string>): T {
  const distributions = resolved.lock.distributions.map((one) => ({
    ...one,
    requested: named.has(one.name),
  }));
  return { ...resolved, lock: { distributions } };
}

function refuseUnsure(action: PipInstall, { refuse }: InstallPlace): void {
  const { tool, localFiles, reinstall, destination, options } = action;
  if (takesLocalWheels(action) && reinstall === 'keep') return;
  if (options.noIndex || options.findLinks.length > 0)
    throw refuse(`${tool} installs files that an earlier step has made`);
  if (localFiles[0] !== undefined)
    throw refuse(`${tool} installs ${localFiles[0].path}, a file of the image`);
  if (reinstall !== 'keep' && destination.kind !== 'target')
    throw refuse(
      `${tool} installs again what is there`,
      'Leave --force-reinstall and --ignore-installed out.',
    );
}

/** What is in the environment is not pip's to change when it installs elsewhere: what it does then has changed with its versions. */
function refuseChanges(
  changes: readonly { readonly name: string; readonly action: string }[],
  { refuse }: InstallPlace,
): void {
  const other = changes.find(({ action }) => action === 'replace' || action === 'remove');
  if (other !== undefined)
    throw refuse(`${other.name} is in the environment in another version than goes to the directory`);
}

/** The environment with the directories that this installation goes to. */
function placedPython(
  { files, stage }: ImageState,
  python: PythonFacts,
  { tool, destination, options }: PipInstall,
  { refuse }: InstallPlace,
): PythonFacts {
  if (destination.kind === 'environment') return python;
  const directory =
    destination.directory ?? (destination.kind === 'user' ? `${homeOf(files, stage)}/.local` : undefined);
  const placed = schemeFor(python, { ...destination, directory } as typeof destination);
  if ('reason' in placed) throw refuse(placed.reason);
  if (tool === 'uv' && placed.purelib.endsWith('/dist-packages'))
    throw refuse("where uv's --prefix puts files on Debian is not known");
  const scheme = tool === 'uv' ? uvScheme(placed, destination.kind, python.version) : placed;
  if (destination.kind !== 'target') return { ...python, scheme };
  // pip moves what it has installed there, beside what is there already: which of the two stays is a matter of its version.
  const root = files.index.resolve(scheme.purelib);
  if (root.entry !== undefined && files.index.children(root.path).length > 0)
    throw refuse(`${scheme.purelib} has files already`, 'Install into a directory that is not there yet.');
  if (options.upgrade) throw refuse('--upgrade with --target removes what is there');
  return { ...python, scheme, installed: [] };
}

/** All requirements of an installation, those of pyproject.toml among them. */
async function collected(
  world: InstallWorld,
  state: ImageState,
  action: PipInstall,
  { binds, netrc, refuse }: InstallPlace,
): Promise<CollectedRequirements> {
  const { options, requirementFiles, constraintFiles, workdir, env, tool, groups, dependenciesOf } = action;
  const absolute = (path: string) => absolutePath(path, workdir);
  const found = await collectRequirements(
    {
      ...{ inline: action.requirements, env, tool, groups, dependenciesOf, direct: { workdir } },
      settings: { ...options, requirementFiles, constraintFiles },
      near: (path) => nearPath(state, absolute(path)),
    },
    (path) => readImageFile(world, state, binds, absolute(path)),
  );
  if ('reason' in found) throw refuse(found.reason);
  return { ...found, settings: withLogins(found.settings, netrc) };
}

/** Projects and what comes from an address of its own, built, with what they need of the index. */
async function builtProjects(
  request: ComposeRequest,
  world: InstallWorld,
  state: ImageState,
  { localProjects, tool, destination }: PipInstall,
  { direct }: CollectedRequirements,
  build: BuildSettings,
  place: InstallPlace,
): Promise<{ readonly built: readonly BuiltProject[]; readonly needs: readonly FileRequirement[] }> {
  const { refuse } = place;
  const all: readonly Pick<DirectRequirement, 'name' | 'extras' | 'source'>[] = [
    ...localProjects.map(({ path, extras, editable }) => ({
      ...{ name: undefined, extras },
      source: { kind: 'directory' as const, path, editable },
    })),
    ...understood(direct, place),
  ];
  if (all.length === 0) return { built: [], needs: [] };
  if (destination.kind !== 'environment') throw refuse(`${tool} builds a project for another directory`);
  const environment = markerEnvironment(build.python);
  if (environment === undefined) throw refuse(`Python ${build.python.version} is not a known platform`);
  const built: BuiltProject[] = [];
  const needs: FileRequirement[] = [];
  for (const { name, extras, source } of all) {
    if (source.kind !== 'directory' && build.python.installed.some((one) => one.name === name))
      throw refuse(`${tool} looks whether the ${name} that is there came from the same address`);
    if (source.kind === 'file') throw refuse(`${tool} installs ${source.path}, a file of the image`);
    const wishes = { ...build, name, version: undefined, source: sourceOf(source), isDirect: true };
    const wheel = await builtFrom(request, world, state, place, wishes);
    const own = needsOf(wheel.facts, extras, environment);
    if ('reason' in own) throw refuse(own.reason);
    needs.push(...own);
    built.push({ built: wheel, requested: true, from: 'path' in source ? source.path : source.url });
  }
  return { built, needs };
}

function understood(
  direct: readonly DirectRequirement[],
  { refuse }: InstallPlace,
): readonly DirectRequirement[] {
  const marked = direct.find(({ marker }) => marker !== undefined);
  if (marked) throw refuse(`${marked.from}: an address with the condition "${marked.markerText}"`);
  const hashed = direct.find(({ hashes }) => hashes.length > 0);
  if (hashed) throw refuse(`${hashed.from}: an address with hashes`);
  return direct;
}
