import { posix } from 'node:path';
import { lockAtHand, type WheelAtHand } from '../../lock/local-closure.ts';
import type { LockInput } from '../../lock/lock-input.ts';
import { keyOf } from '../../plan/key.ts';
import { directUrlText } from '../../python/direct-url.ts';
import type { PipInstall } from '../../python/recognise/recognise.ts';
import type { FileRequirement } from '../../python/requirements/requirement-file.ts';
import { absolutePath } from '../cut.ts';
import { originsOf } from '../splice/splice-origins.ts';
import type { Extracted, ImageState } from '../state.ts';
import type { InstallPlace, InstallWorld, LockedStep } from './installation.ts';

/** True if a step takes wheels that are files of the image, and nothing of an index. */
export function takesLocalWheels({ tool, localFiles, options }: PipInstall): boolean {
  const { noIndex, findLinks } = options;
  if (tool !== 'pip') return false;
  const isWithoutIndex = noIndex && findLinks.length === 1;
  return localFiles.length > 0 ? findLinks.length === 0 || isWithoutIndex : isWithoutIndex;
}

/**
 * The lock of a step that takes wheels out of the image, which an earlier step or stage has put there.
 *
 * @throws NotComposable if it is not sure what pip would do
 */
export async function localWheels(
  world: InstallWorld,
  state: ImageState,
  action: PipInstall,
  input: LockInput,
  { refuse, binds }: InstallPlace,
): Promise<LockedStep> {
  const { localFiles, options, workdir } = action;
  if (state.assumed) throw refuse('what is below it is not solved yet');
  if (binds.length > 0) throw refuse('what it mounts may be the wheels that it installs');
  const { noIndex, findLinks } = input.options;
  if (noIndex !== options.noIndex || findLinks.join() !== options.findLinks.join())
    throw refuse('a requirements file says where distributions come from');
  const isNamed = localFiles.length > 0;
  const links = findLinks.map((one) => absolutePath(one, workdir));
  const other = localFiles.find(({ path, pattern }) => !pattern || posix.dirname(path) !== links[0]);
  if (isNamed && links[0] !== undefined && other !== undefined)
    throw refuse(`pip looks into ${links[0]} beside ${other.path}`);
  const paths = isNamed
    ? localFiles.flatMap((one) => matching(state, one, refuse))
    : inDirectory(state, links[0] as string, refuse);
  const found = await world.layerWheels(extractedAt(state, paths, refuse));
  if ('reason' in found) throw refuse(found.reason);
  const wheels = found.map(({ wheel, facts }, at): WheelAtHand => {
    const url = `file:///${(paths[at] as string).replaceAll('+', '%2B')}`;
    const text = directUrlText('pip', input.facts.pip, { url, sha256: wheel.sha256, isNamed: false });
    if (isNamed && text === undefined) throw refuse(`what pip says of ${url} is not known`);
    return { wheel, facts, directUrl: isNamed ? text : undefined };
  });
  const named = isNamed ? wheels.map(({ facts }) => requirementOf(facts.name)) : [];
  const extras = localFiles.find((one) => one.extras.length > 0);
  if (extras !== undefined) throw refuse(`${extras.path} is installed with extras`);
  const resolved = lockAtHand({ ...input, requirements: [...input.requirements, ...named] }, wheels);
  if ('reason' in resolved) throw refuse(resolved.reason);
  const key = keyOf('local-wheels', wheels.map(({ wheel }) => wheel.sha256).sort());
  const facts = new Map(wheels.map((one) => [one.wheel.sha256, one.facts]));
  return { key, resolved, kept: found.every(({ isNew }) => !isNew), wheels: facts };
}

function requirementOf(name: string): FileRequirement {
  return {
    name,
    extras: [],
    specifiers: [],
    specifierText: '',
    marker: undefined,
    markerText: '',
    hashes: [],
    from: 'inline',
  };
}

type Refuse = InstallPlace['refuse'];

/** All that is in a directory: it must be wheels, for pip looks at other files too. */
function inDirectory({ files }: ImageState, directory: string, refuse: Refuse): readonly string[] {
  const { path, entry } = files.index.resolve(directory);
  if (entry?.type !== 'directory') throw refuse(`${directory} is not there, or no directory`);
  const names = [...files.index.children(path)].sort();
  const other = names.find((name) => !name.endsWith('.whl'));
  if (other !== undefined) throw refuse(`${directory}/${other} is no wheel`);
  if (names.length === 0) throw refuse(`${directory} is empty`);
  return names.map((name) => `${path}/${name}`);
}

/** What the shell makes of `/wheels/*` and `/wheels/*.whl`; a path that is none of them stands for itself. */
function matching(state: ImageState, { path, pattern }: PipInstall['localFiles'][number], refuse: Refuse) {
  const slash = path.lastIndexOf('/');
  const [directory, last] = [path.slice(0, slash), path.slice(slash + 1)];
  if (state.files.index.resolve(directory).path !== directory.slice(1))
    throw refuse(`${directory} is reached by a link`);
  if (!pattern) return [path.slice(1)];
  if (last !== '*' && last !== '*.whl') throw refuse(`which files ${path} stands for is not known`);
  return inDirectory(state, directory, refuse);
}

/** Where the content of wheels is to be had. */
function extractedAt(state: ImageState, paths: readonly string[], refuse: Refuse): readonly Extracted[] {
  const origins = originsOf(state);
  if ('reason' in origins) throw refuse(origins.reason);
  return paths.map((path) => {
    const origin = origins.of(path);
    if (origin?.kind !== 'given') throw refuse(`/${path} is not a file of an earlier stage`);
    return { image: origin.image, path: origin.path };
  });
}
