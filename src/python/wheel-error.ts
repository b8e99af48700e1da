import { EXIT, LayerwrightError } from '../errors.ts';

/** Says why a wheel is refused; thrown by what reads it. */
export type RefuseWheel = (why: string, member?: string) => LayerwrightError;

/** How errors of that wheel are made, all with the code `WHEEL_INVALID` (1). */
export function refusalOf(wheel: string): RefuseWheel {
  return (why, member) =>
    new LayerwrightError(
      `${wheel} is no valid wheel: ${member === undefined ? why : `${shown(member)}: ${why}`}`,
      {
        code: 'WHEEL_INVALID',
        exit: EXIT.failed,
        hint: 'Pin another version of the distribution, or have its file on the index made anew.',
      },
    );
}

/** A path out of an archive, which may hold anything. */
function shown(path: string): string {
  return JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}...` : path);
}
