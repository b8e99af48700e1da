import type { History } from '../image/oci.ts';
import { homeOf } from './copy-step.ts';
import type { ImageLayer, ImageState } from './state.ts';

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
  const { image } = state.stage;
  const history: History[] = [];
  let layer = 0;
  for (const line of image.history ?? []) {
    if (line.empty_layer !== true && isCopy(state.layers[layer++])) continue;
    history.push(line);
  }
  return {
    ...state,
    layers: state.layers.filter((one) => !isCopy(one)),
    stage: { ...state.stage, image: { ...image, history } },
    copied: new Map(),
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
