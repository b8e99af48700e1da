import type { PathEntry } from '../../image/path-entry.ts';
import type { PathIndex } from '../../image/path-index.ts';
import {
  mayRemove,
  type Permission,
  permission,
  type RunUser,
  runUser,
  worst,
} from '../../image/permissions.ts';
import { parentOf } from '../../layers/layer-directories.ts';
import { contentOf, variableOf } from '../../python/detect/detect-files.ts';
import type { PythonFacts } from '../../python/facts.ts';
import type { Destination, PipInstall } from '../../python/recognise/recognise.ts';
import { compareVersions, parseVersion } from '../../python/versions.ts';
import { homeOf } from '../copy-step.ts';
import type { ImageState } from '../state.ts';
import type { Refuse } from './environment.ts';

/** True if USER says root, in whatever words; of a user's name only the image knows whose it is. */
export function isRootUser(user: string | undefined): boolean {
  return /^(?:|0|root)(?::(?:0|root)?)?$/.test(user ?? '');
}

/**
 * Who runs a step.
 *
 * @throws NotComposable if the image does not say
 */
export function stepUser({ files, stage }: Pick<ImageState, 'files' | 'stage'>, refuse: Refuse): RunUser {
  const spec = stage.image.config.User ?? '';
  if (isRootUser(spec)) return { uid: 0, gid: 0, others: new Set() };
  const text = (path: string) => {
    const content = contentOf(files, path);
    if (content === undefined && files.index.resolve(path).entry !== undefined)
      throw refuse(`who ${spec} is cannot be told: ${path} was not read`);
    return content ?? '';
  };
  const user = runUser(text('/etc/passwd'), text('/etc/group'), spec);
  if (user === undefined) throw refuse(`who ${spec} is cannot be told`, 'Give USER numbers: USER 1000:1000.');
  return user;
}

/**
 * Where pip installs to. Where nobody says it, its home directory stands in for an environment that the user may not write into.
 *
 * @param python the environment
 * @throws NotComposable if it is not sure what pip does
 */
export function pipDestination(
  state: ImageState,
  python: PythonFacts,
  { destination, tool, env }: Pick<PipInstall, 'destination' | 'tool' | 'env'>,
  refuse: Refuse,
): Destination {
  const user = stepUser(state, refuse);
  if (destination.kind !== 'environment' || destination.insisted || tool !== 'pip' || user.uid === 0)
    return destination;
  const { index } = state.files;
  const { purelib, platlib } = python.scheme;
  const sites = [purelib, platlib].map((site) => permission(index, user, index.resolve(site).path, 'write'));
  const writable = worst(sites);
  if (writable === 'yes') return destination;
  const who = state.stage.image.config.User;
  if (writable === 'unclear') throw refuse(`whether ${who} may write into ${purelib} is not known`);
  const pip = parseVersion(python.pip ?? '');
  const first = parseVersion('20');
  const knows = pip !== undefined && first !== undefined && compareVersions(pip, first) >= 0;
  const variables = state.stage.image.config.Env ?? [];
  const off = variableOf(variables, 'PYTHONNOUSERSITE') ?? env.PYTHONNOUSERSITE;
  if (python.venv !== undefined || !knows || off)
    throw refuse(`${who} may not write into ${purelib}`, 'Install as root, above USER.');
  const base = variableOf(variables, 'PYTHONUSERBASE');
  const home = homeOf(state.files, state.stage);
  // What is installed was looked for there.
  if ((env.HOME ?? home) !== home || (env.PYTHONUSERBASE || undefined) !== (base || undefined))
    throw refuse(`the home directory of ${who} is another one for this command`, 'Give it by ENV.');
  if (base && !base.startsWith('/')) throw refuse(`PYTHONUSERBASE is "${base}", which is no whole path`);
  return { kind: 'user', directory: base || `${home === '/' ? '' : home}/.local` };
}

/**
 * What a user who is not root writes and removes has to be allowed: else the tool fails, or does something else.
 *
 * @param files what is there before anything is written
 * @param removed whiteouts, with the directories above
 * @param written directories and files
 * @throws NotComposable
 */
export function refuseForbidden(
  { stage }: Pick<ImageState, 'stage'>,
  files: PathIndex,
  user: RunUser,
  { removed, written }: { readonly removed: readonly PathEntry[]; readonly written: readonly PathEntry[] },
  refuse: Refuse,
): void {
  if (user.uid === 0) return;
  const known = new Map<string, Permission>();
  const check = (path: string, answer: () => Permission) => {
    const found = known.get(path) ?? answer();
    known.set(path, found);
    if (found === 'yes') return;
    const who = `user ${stage.image.config.User}`;
    throw refuse(
      found === 'no'
        ? `${who} may not write into /${path}`
        : `whether ${who} may write into /${path} is not known`,
      'Install as root, above USER, or into a directory of that user.',
    );
  };
  const writes = (directory: string) => check(directory, () => permission(files, user, directory, 'write'));
  for (const path of removed.flatMap(({ path }) => whiteoutOf(path) ?? [])) {
    check(path, () => mayRemove(files, user, path));
    if (files.get(path)?.type === 'directory') writes(path);
  }
  for (const { path, type } of written) {
    if (type === 'directory') continue;
    const directory = parentOf(path);
    writes(directory);
    if (path.endsWith('.py') && files.get(`${directory}/__pycache__`) !== undefined)
      writes(`${directory}/__pycache__`);
    if (files.get(path) !== undefined) check(path, () => mayRemove(files, user, path));
  }
}

/**
 * Of what a user who is not root reads: its bits have to allow it.
 *
 * @param paths absolute, in the image; what is not there comes from elsewhere
 * @throws NotComposable
 */
export function refuseUnreadable(state: ImageState, paths: readonly string[], refuse: Refuse): void {
  const user = stepUser(state, refuse);
  const { index } = state.files;
  for (const path of paths) {
    const { path: at, entry } = index.resolve(path);
    if (entry === undefined || permission(index, user, at, 'read') === 'yes') continue;
    throw refuse(`user ${state.stage.image.config.User} may not read ${path}`);
  }
}

function whiteoutOf(path: string): string | undefined {
  const [, directory = '', name] = /^(.*\/)?\.wh\.([^/]+)$/.exec(path) ?? [];
  return name === undefined ? undefined : `${directory}${name}`;
}
