import type { ImageFacts } from '../../facts/image-facts.ts';
import { pythonFacts } from '../../python/detect/detect.ts';
import { pipConfigurations, variableOf } from '../../python/detect/detect-files.ts';
import type { PythonFacts } from '../../python/facts.ts';
import type { PipInstall } from '../../python/recognise/recognise.ts';
import { homeOf } from '../copy-step.ts';
import type { ImageState, NotComposable } from '../state.ts';

/** Makes the reason why a step is not composed. */
export type Refuse = (reason: string, hint?: string) => NotComposable;

/**
 * The Python that a program of the image installs into.
 *
 * @param program what is run, or the interpreter of an environment
 * @throws NotComposable if it is not surely known
 */
export function pythonOf({ files, stage }: ImageState, program: string, refuse: Refuse): PythonFacts {
  const env = stage.image.config.Env ?? [];
  const found = pythonFacts({ ...files, env, home: homeOf(files, stage) }, program);
  if ('reason' in found) throw refuse(found.reason, found.hint);
  return found.facts;
}

/**
 * The environment of a `pip install`, with nothing in it that makes pip do otherwise than it is told.
 *
 * @throws NotComposable
 */
export function pipEnvironment(state: ImageState, action: PipInstall, refuse: Refuse): PythonFacts {
  const facts = pythonOf(state, action.program, refuse);
  refuseManaged(facts, action, refuse);
  refuseEpoch(state, action.env, refuse);
  if (action.tool === 'uv') return facts;
  const { files, stage } = state;
  const image = { ...files, env: stage.image.config.Env ?? [] };
  const prefix = facts.venv ?? prefixOf(facts);
  const configurations = pipConfigurations(image, prefix, homeOf(files, stage));
  const hidden = configurations.find(({ content }) => content === undefined);
  if (hidden !== undefined) throw refuse(`${hidden.path} of the image configures pip, and was not read`);
  // Those of the interpreter itself were taken in when the command was read.
  const own = configurations.find(({ path }) => path === `${prefix}/pip.conf` && prefix !== '/usr/local');
  if (own !== undefined) throw refuse(`${own.path} of the image configures pip`);
  const hiding = action.searchPath.find((directory) => hidesInstalled(files, directory));
  if (hiding !== undefined) throw refuse(`pip looks into ${hiding} too, where there are packages`);
  return facts;
}

function refuseManaged(facts: PythonFacts, { options, destination, tool }: PipInstall, refuse: Refuse): void {
  // It is about the environment itself: what goes elsewhere is nobody's.
  const elsewhere = destination.kind === 'target' || destination.kind === 'prefix';
  if (!facts.externallyManaged || options.breakSystemPackages || elsewhere) return;
  throw refuse(
    `the image forbids ${tool} to install here (EXTERNALLY-MANAGED)`,
    'Install into a virtual environment.',
  );
}

/** Bytecode is of another kind then. */
export function refuseEpoch(
  { stage }: ImageState,
  env: Readonly<Record<string, string | undefined>>,
  refuse: Refuse,
): void {
  if (variableOf(stage.image.config.Env ?? [], 'SOURCE_DATE_EPOCH') ?? env.SOURCE_DATE_EPOCH)
    throw refuse(
      'with SOURCE_DATE_EPOCH in its environment pip writes other bytecode',
      'Set SOURCE_DATE_EPOCH below the installation.',
    );
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
