import { EXIT, LayerwrightError } from '../errors.ts';

/** A layer's archive that cannot be read (1). */
export function layerUnreadable(what: string, cause?: unknown): LayerwrightError {
  return new LayerwrightError(`the layer's archive cannot be read: ${what}`, {
    code: 'LAYER_UNREADABLE',
    exit: EXIT.failed,
    hint: 'Push the image again; if that does not help, the program that made this layer wrote no proper tar archive.',
    cause,
  });
}
