import { posix } from 'node:path';
import { ancestorsOf } from '../../layers/layer-directories.ts';
import type { FrozenInput } from '../../lock/frozen.ts';
import type { PythonFacts } from '../../python/facts.ts';
import type { LockedInstall } from '../../python/recognise/recognise.ts';
import type { ImageState } from '../state.ts';
import type { ComposeRequest } from '../walk.ts';
import { type BuildSettings, builtFrom } from './build-sources.ts';
import { pythonOf, refuseEpoch } from './environment.ts';
import { readImageFile, textReader } from './image-files.ts';
import { withLogins, withProjectLogins } from './index-logins.ts';
import { addDistributions } from './install-layers.ts';
import { withBuilt } from './install-lock.ts';
import { poetryEnvironment, poetryVersion, refuseOwn, refuseUserSettings } from './install-poetry.ts';
import type { InstallOutcome, InstallPlace, InstallWorld, LockedFile } from './installation.ts';
import { addProjects, type BuiltProject } from './own-projects.ts';
import { refuseUnreadable } from './step-user.ts';
import { refuseUncompiled } from './uv-compiled.ts';
import { refuseUvFiles } from './uv-files.ts';

/** Adds what a project's own tool installs from its lock file, and the project. */
export async function lockedStep(
  request: ComposeRequest,
  world: InstallWorld,
  state: ImageState,
  action: LockedInstall,
  place: InstallPlace,
): Promise<InstallOutcome> {
  const { line, refuse } = place;
  refuseEpoch(state, action.env, refuse);
  if (action.tool === 'uv') await refuseUvFiles(world, state, action, 'sync', place);
  const python = environmentOf(state, action, place);
  if (action.tool === 'uv' && action.compile) refuseUncompiled(state, python, place);
  if (action.tool === 'uv') await refusePinned(world, state, action, python, place);
  const input = await frozenInput(world, state, action, python, place);
  const found = await world.lockFile(input);
  if ('reason' in found) throw refuse(found.reason);
  if (action.tool === 'poetry') refuseOwn(found, refuse);
  if (action.tool === 'poetry') refuseUserSettings(state, action, refuse);
  refuseUnreadable(state, [python.executable, action.lock.path], refuse);
  const build: BuildSettings = {
    ...{ python, env: action.env, options: action.buildOptions },
    indexes: {
      ...withLogins(action.indexes, place.netrc),
      noIndex: false,
      findLinks: [],
      indexStrategy: undefined,
    },
    tool: action.tool === 'uv' ? { kind: 'uv', program: action.program } : { kind: 'pip' },
  };
  const locked = await withBuilt(request, world, state, found, build, place);
  const projects = await builtProjects(request, world, state, locked, build, place);
  const installation = { python, installer: installerOf(state, action), bytecode: action.compile, line };
  const { resolved, wheels } = locked;
  const { after, layers } = addDistributions(request, state, installation, resolved, wheels, refuse);
  const manifest = action.project === undefined ? [] : [`${action.project}/${projectFile(action)}`];
  // The last one is what a change is told of.
  const files = [...manifest, action.lock.path];
  const dependencies = { line, files, python, locked, layers, assumed: state.assumed };
  const added = addProjects(request, after, installation, projects, place, state.installs.length);
  return { after: added.after, installed: [dependencies, ...added.installed] };
}

async function frozenInput(
  world: InstallWorld,
  state: ImageState,
  action: LockedInstall,
  python: PythonFacts,
  { binds, netrc, refuse }: InstallPlace,
): Promise<FrozenInput> {
  const read = textReader(world, state, binds);
  const { tool, lock, project, selection, own, exact, freshness, indexes } = action;
  const text = await read(lock.path);
  if (text === undefined) throw refuse(`${lock.path} is not there, or its content is not known`);
  const projectText = project === undefined ? undefined : await read(`${project}/${projectFile(action)}`);
  if (tool === 'poetry') await refusePoetryFile(state, `${project}/poetry.toml`, read, refuse);
  const known = project !== undefined && projectText !== undefined;
  // The members of a workspace have the indexes of its root.
  const root = await read(posix.join(posix.dirname(lock.path), projectFile(action)));
  return {
    ...{ tool, read, selection, own, exact, freshness, facts: python },
    lock: { ...lock, text },
    project: known ? { directory: project, text: projectText } : undefined,
    async list(directory) {
      const { path, entry } = state.files.index.resolve(directory);
      return entry?.type === 'directory' ? [...state.files.index.children(path)] : undefined;
    },
    indexes: withProjectLogins(indexes, { tool, project: root, env: action.env, netrc }),
  };
}

/** It may send the installation elsewhere. */
async function refusePoetryFile(
  { files }: ImageState,
  path: string,
  read: (path: string) => Promise<string | undefined>,
  refuse: InstallPlace['refuse'],
): Promise<void> {
  const text = await read(path);
  if (text === undefined && files.index.resolve(path).entry === undefined) return;
  if (text === undefined || /virtualenvs/.test(text)) throw refuse(`${path} says where poetry installs`);
}

function projectFile({ lock }: LockedInstall): string {
  return lock.kind === 'pipenv' ? 'Pipfile' : 'pyproject.toml';
}

/** uv makes the environment anew where a file pins another Python. */
async function refusePinned(
  world: InstallWorld,
  state: ImageState,
  { project, python: told }: LockedInstall,
  { version }: PythonFacts,
  { binds, refuse }: InstallPlace,
): Promise<void> {
  if (project === undefined || told !== undefined) return;
  const directories = [project, ...ancestorsOf([project.slice(1)])].map((one) => posix.join('/', one));
  for (const path of directories.flatMap((one) => PINS.map((name) => posix.join(one, name)))) {
    const bytes = await readImageFile(world, state, binds, path);
    if (bytes === undefined && state.files.index.resolve(path).entry === undefined) continue;
    const pinned = Buffer.from(bytes ?? '')
      .toString('utf8')
      .trim();
    if (!/^\d+(?:\.\d+)*$/.test(pinned) || !`${version}.`.startsWith(`${pinned}.`))
      throw refuse(`${path} says which Python uv takes, and the environment has ${version}`);
  }
}

const PINS = ['.python-version', '.python-versions'];

async function builtProjects(
  request: ComposeRequest,
  world: InstallWorld,
  state: ImageState,
  { own }: LockedFile,
  build: BuildSettings,
  place: InstallPlace,
): Promise<readonly BuiltProject[]> {
  const built: BuiltProject[] = [];
  for (const { name, version, path, editable, requested, directUrl } of own) {
    const source = { kind: 'directory' as const, path, editable };
    const wheel = await builtFrom(request, world, state, place, { ...build, name, version, source });
    built.push({ built: wheel, requested, directUrl, from: path });
  }
  return built;
}

function environmentOf(
  state: ImageState,
  action: LockedInstall,
  { selfMade, refuse }: InstallPlace,
): PythonFacts {
  const { environment, command, python, tool } = action;
  // Launchers name what uv starts.
  const isFound = tool === 'uv' && environment.kind === 'directory' && !selfMade.has(environment.path);
  const facts =
    environment.kind === 'directory'
      ? pythonOf(state, `${environment.path}/bin/${isFound ? 'python3' : 'python'}`, refuse)
      : environment.program === 'poetry'
        ? poetryEnvironment(state, action, refuse)
        : pythonOf(state, environment.program, refuse);
  if (environment.kind === 'directory' && facts.venv === undefined)
    throw refuse(`${environment.path}, which ${command} installs into, is no virtual environment`);
  if (python !== undefined && /^\d/.test(python) && !`${facts.version}.`.startsWith(`${python}.`))
    throw refuse(`the image has Python ${facts.version}, and ${command} is to take ${python}`);
  return facts;
}

/** poetry signs with its version. */
function installerOf(state: ImageState, action: LockedInstall) {
  const { tool } = action;
  if (tool !== 'poetry') return { tool: tool === 'uv' ? ('uv' as const) : ('pip' as const) };
  const version = poetryVersion(state, action);
  return { tool, ...(version === undefined ? {} : { version }) };
}
