import { posix } from 'node:path';
import { pythonFacts } from '../../python/detect/detect.ts';
import type { PythonFacts } from '../../python/facts.ts';
import type { LockedInstall } from '../../python/recognise/recognise.ts';
import { homeOf } from '../copy-step.ts';
import type { ImageState } from '../state.ts';
import { pythonOf, type Refuse } from './environment.ts';
import type { LockedFile } from './installation.ts';
import { isRootUser } from './step-user.ts';

/**
 * Where Poetry without environments of its own installs to: the Python that it runs in, or that its own environment is of.
 *
 * @throws NotComposable
 */
export function poetryEnvironment(state: ImageState, action: LockedInstall, refuse: Refuse): PythonFacts {
  const { project = '/' } = action;
  if (state.files.index.get(posix.join(project, '.venv').slice(1)) !== undefined)
    throw refuse(`${project}/.venv comes before the environment of poetry itself`);
  const own = poetryHome(state, action);
  if (own === undefined)
    throw refuse(
      'which Python poetry runs in is not known',
      'Install poetry by pip into the same Python, or let it make a .venv in the project.',
    );
  return own.venv === undefined ? own : pythonOf(state, realPath(state, own.executable), refuse);
}

/**
 * Poetry writes projects into an environment itself, and otherwise than what its build backend makes.
 *
 * @throws NotComposable
 */
export function refuseOwn({ own: [first] }: LockedFile, refuse: Refuse): void {
  if (first !== undefined)
    throw refuse(
      `poetry installs ${first.name} from ${first.path} in a way of its own`,
      'With poetry install --no-root in a RUN of its own, above the COPY of the code, what it needs is composed.',
    );
}

/**
 * Settings of a user who is not root were not read when the command was.
 *
 * @throws NotComposable
 */
export function refuseUserSettings(state: ImageState, { env }: LockedInstall, refuse: Refuse): void {
  if (isRootUser(state.stage.image.config.User)) return;
  const home = env.XDG_CONFIG_HOME || `${homeOf(state.files, state.stage)}/.config`;
  const path = `${env.POETRY_CONFIG_DIR || `${home}/pypoetry`}/config.toml`;
  if (state.files.index.resolve(path).entry !== undefined) throw refuse(`${path} configures poetry`);
}

/** The version of the Poetry that a step calls: it signs with it. Undefined if it is not known. */
export function poetryVersion(state: ImageState, action: LockedInstall): string | undefined {
  return poetryHome(state, action)?.installed.find(({ name }) => name === 'poetry')?.version;
}

/** The environment that the `poetry` of a step is installed in. */
function poetryHome(state: ImageState, { program, env }: LockedInstall): PythonFacts | undefined {
  const { index } = state.files;
  const variables = state.stage.image.config.Env ?? [];
  const path = env.PATH ?? variables.findLast((one) => one.startsWith('PATH='))?.slice('PATH='.length) ?? '';
  const candidates = program.startsWith('/')
    ? [program]
    : path.split(':').map((directory) => posix.join(directory, program));
  const found = candidates.find((one) => index.resolve(one).entry?.type === 'file');
  if (found === undefined) return undefined;
  const scripts = posix.dirname(realPath(state, found));
  const home = pythonFacts({ ...state.files, env: variables }, `${scripts}/python`);
  if ('reason' in home || realPath(state, home.facts.scheme.scripts) !== scripts) return undefined;
  return home.facts.installed.some(({ name }) => name === 'poetry') ? home.facts : undefined;
}

function realPath({ files }: ImageState, path: string): string {
  return `/${files.index.resolve(path).path}`;
}
