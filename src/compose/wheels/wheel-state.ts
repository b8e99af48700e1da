import type { History } from '../../image/oci.ts';
import { homeOf } from '../copy-step.ts';
import type { ImageLayer, ImageState } from '../state.ts';

/** A state as the programs of a `RUN` see it: labels, ports, commands and such are nothing to them. */
export function seenByPrograms({ stage, layers }: ImageState): Pick<ImageState, 'stage' | 'layers'> {
  const { Env, User, WorkingDir, Shell } = stage.image.config;
  const config = {
    ...(Env && { Env }),
    ...(User && { User }),
    ...(WorkingDir && { WorkingDir }),
    ...(Shell && { Shell }),
  };
  return { stage: { ...stage, image: { ...stage.image, config } }, layers };
}

/**
 * A state without what was copied from the context, where that is an application in its own directory: what an index or a
 * repository has is built elsewhere and does not look there, so that its wheel need not be built again with each change of the
 * application. Where files were copied to other places too, the state as it is: they may configure compilers and tools.
 */
export function withoutCopies(state: ImageState): ImageState {
  if (!state.layers.some(isCopy) || !isApplicationOnly(state)) return state;
  return withoutCopied(state);
}

/** A state without any layer of files that were copied from the context. */
export function withoutCopied(state: ImageState): ImageState {
  return { ...withoutLayers(state, isCopy), copied: new Map() };
}

/** What builds and installs, as far as it is installed as a distribution: `poetry-core`, `scikit-build-core` among them. */
const BUILD_TOOL =
  /^(?:pip|uv|setuptools|wheel|virtualenv|build|ninja|cmake|cython|maturin|(?:poetry|hatch|hatchling|flit|pdm|meson|meson-python|scikit-build|setuptools|uv)(?:-.+)?)$/;

/**
 * A state without what a project needs to run: its build has an environment of its own and does not see that, so that a changed
 * project is built in a small image, and a changed dependency does not build it once more. Layers with a tool that builds stay.
 *
 * @param options of the tool, as words
 * @param env variables of the command
 */
export function withoutDependencies(
  state: ImageState,
  options: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): ImageState {
  const isShared = (text: string) => /build[-_]isolation/i.test(text);
  if (options.some(isShared) || Object.keys(env).some(isShared)) return state;
  return withoutLayers(
    state,
    (layer) =>
      layer?.kind === 'dependency' && !layer.planned.wheels.some(({ name }) => BUILD_TOOL.test(name)),
  );
}

/** With the lines of the history that belong to the layers. */
function withoutLayers(state: ImageState, goes: (layer: ImageLayer | undefined) => boolean): ImageState {
  const { image } = state.stage;
  const history: History[] = [];
  let layer = 0;
  for (const line of image.history ?? []) {
    if (line.empty_layer !== true && goes(state.layers[layer++])) continue;
    history.push(line);
  }
  return {
    ...state,
    layers: state.layers.filter((one) => !goes(one)),
    stage: { ...state.stage, image: { ...image, history } },
  };
}

function isCopy(layer: ImageLayer | undefined): boolean {
  return layer?.kind === 'copy';
}

/** True if all that came since the given image, installations aside, is in a working directory that nothing names. */
function isApplicationOnly({ stage, files, given, copied }: ImageState): boolean {
  const { WorkingDir = '/', Env = [] } = stage.image.config;
  const directory = WorkingDir.replace(/^\/+|\/+$/g, '');
  const home = homeOf(files, stage).replace(/^\/+|\/+$/g, '');
  if (directory === '' || `${home}/`.startsWith(`${directory}/`) || directory.startsWith('usr')) return false;
  const named = (name: string) => /^(?:HOME|PWD|OLDPWD)$/.test(name);
  for (const one of Env) {
    const [, name = '', value = ''] = /^([^=]*)=(.*)$/s.exec(one) ?? [];
    if (!named(name) && value.includes(`/${directory}`)) return false;
  }
  const isInside = (path: string) => path.startsWith(`${directory}/`);
  if (![...copied.keys()].every(isInside)) return false;
  for (const { path, type } of files.index.entries())
    if (type === 'symlink' && !isInside(path) && given.files.index.get(path) === undefined) return false;
  return true;
}
