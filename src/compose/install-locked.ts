import { posix } from 'node:path';
import type { FrozenInput } from '../lock/frozen.ts';
import type { PythonFacts } from '../python/facts.ts';
import type { LockedInstall } from '../python/recognise.ts';
import { type BuildSettings, builtFrom } from './build-sources.ts';
import { pythonOf, refuseEpoch } from './environment.ts';
import { readImageFile } from './image-files.ts';
import { withLogins } from './index-logins.ts';
import { addDistributions } from './install-layers.ts';
import { withBuilt } from './install-lock.ts';
import type { InstallOutcome, InstallPlace, InstallWorld, LockedFile } from './installation.ts';
import { addProjects, type BuiltProject } from './own-projects.ts';
import type { ImageState } from './state.ts';
import { refuseUvFiles } from './uv-files.ts';
import type { ComposeRequest } from './walk.ts';

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
  const input = await frozenInput(world, state, action, python, place);
  const found = await world.lockFile(input);
  if ('reason' in found) throw refuse(found.reason);
  const build: BuildSettings = {
    ...{ python, env: action.env, options: action.buildOptions },
    indexes: { ...input.indexes, noIndex: false, findLinks: [], indexStrategy: undefined },
    tool: action.tool === 'uv' ? { kind: 'uv', program: action.program } : { kind: 'pip' },
  };
  const locked = await withBuilt(request, world, state, found, build, place);
  const projects = await builtProjects(request, world, state, locked, build, place);
  const installation = { python, installer: installerOf(action, python), bytecode: action.compile, line };
  const { resolved, wheels } = locked;
  const { after, layers } = addDistributions(request, state, installation, resolved, wheels, refuse);
  const files = [action.lock.path];
  const dependencies = { line, files, python, locked, layers, assumed: state.assumed };
  const added = addProjects(request, after, installation, projects, place);
  return { after: added.after, installed: [dependencies, ...added.installed] };
}

async function frozenInput(
  world: InstallWorld,
  state: ImageState,
  action: LockedInstall,
  python: PythonFacts,
  { binds, netrc, refuse }: InstallPlace,
): Promise<FrozenInput> {
  const read = async (path: string) => {
    const bytes = await readImageFile(world, state, binds, path);
    return bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8');
  };
  const { tool, lock, project, selection, own, exact, freshness, indexes } = action;
  const text = await read(lock.path);
  if (text === undefined) throw refuse(`${lock.path} is not there, or its content is not known`);
  const projectText = project === undefined ? undefined : await read(`${project}/${projectFile(action)}`);
  if (tool === 'poetry') await refusePoetryFile(state, `${project}/poetry.toml`, read, refuse);
  const known = project !== undefined && projectText !== undefined;
  return {
    ...{ tool, read, selection, own, exact, freshness, facts: python },
    lock: { ...lock, text },
    project: known ? { directory: project, text: projectText } : undefined,
    async list(directory) {
      const { path, entry } = state.files.index.resolve(directory);
      return entry?.type === 'directory' ? [...state.files.index.children(path)] : undefined;
    },
    indexes: withLogins(indexes, netrc),
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

async function builtProjects(
  request: ComposeRequest,
  world: InstallWorld,
  state: ImageState,
  { own }: LockedFile,
  build: BuildSettings,
  place: InstallPlace,
): Promise<readonly BuiltProject[]> {
  const built: BuiltProject[] = [];
  for (const { name, version, path, editable, requested } of own) {
    const source = { kind: 'directory' as const, path, editable };
    const wheel = await builtFrom(request, world, state, place, { ...build, name, version, source });
    built.push({ built: wheel, requested, from: path });
  }
  return built;
}

function environmentOf(state: ImageState, action: LockedInstall, { refuse }: InstallPlace): PythonFacts {
  const { environment, command, python } = action;
  const facts =
    environment.kind === 'directory'
      ? pythonOf(state, `${environment.path}/bin/python`, refuse)
      : environment.program === 'poetry'
        ? poetryEnvironment(state, action, refuse)
        : pythonOf(state, environment.program, refuse);
  if (environment.kind === 'directory' && facts.venv === undefined)
    throw refuse(`${environment.path}, which ${command} installs into, is no virtual environment`);
  if (python !== undefined && /^\d/.test(python) && !`${facts.version}.`.startsWith(`${python}.`))
    throw refuse(`the image has Python ${facts.version}, and ${command} is to take ${python}`);
  return facts;
}

/** Without environments of its own poetry installs beside itself. */
function poetryEnvironment(
  state: ImageState,
  { project = '/' }: LockedInstall,
  refuse: InstallPlace['refuse'],
): PythonFacts {
  const facts = pythonOf(state, 'python', refuse);
  if (!facts.installed.some(({ name }) => name === 'poetry'))
    throw refuse(
      'poetry is not installed in the environment that it installs into',
      'Install poetry by pip into the same Python, or let it make a .venv in the project.',
    );
  if (state.files.index.get(posix.join(project, '.venv').slice(1)) !== undefined)
    throw refuse(`${project}/.venv comes before the environment of poetry itself`);
  return facts;
}

/** poetry signs with its version. */
function installerOf({ tool }: LockedInstall, { installed }: PythonFacts) {
  if (tool !== 'poetry') return { tool: tool === 'uv' ? ('uv' as const) : ('pip' as const) };
  const version = installed.find(({ name }) => name === 'poetry')?.version;
  return { tool, ...(version === undefined ? {} : { version }) };
}
