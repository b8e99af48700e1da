import { type DetectedImage, variableOf } from './detect-files.ts';
import { type Interpreter, isPlain, type Unclear } from './detect-interpreter.ts';

/** Where a user's own packages are. */
export interface UserSite {
  /** PYTHONUSERBASE or `~/.local`, absolute. */
  readonly base: string;
  /** Its site-packages, absolute. */
  readonly site: string;
  /** True if the directory is there and Python looks into it. */
  readonly seen: boolean;
}

/**
 * The site-packages of who runs Python.
 *
 * @returns undefined in a virtual environment, which has none, and if the user is not known and no user has packages; a reason if
 *   whose packages Python finds is not known
 */
export function userSiteOf(
  image: DetectedImage,
  { minor, venv }: Interpreter,
): UserSite | Unclear | undefined {
  if (venv !== undefined) return undefined;
  const siteIn = (base: string) => `${base}/lib/python3.${minor}/site-packages`;
  const there = (base: string) => image.index.resolve(siteIn(base)).entry !== undefined;
  const named = variableOf(image.env, 'PYTHONUSERBASE') || undefined;
  if (image.home === undefined) {
    const homes = ['root', ...image.index.children('home').map((name) => `home/${name}`)];
    const bases = [...(named ? [named] : []), ...homes.map((home) => `/${home}/.local`)];
    const found = bases.find(there);
    return found === undefined ? undefined : { reason: `${siteIn(found)} has packages of a user in it` };
  }
  const base = named ?? (image.home === '/' ? '/.local' : `${image.home}/.local`);
  if (!isPlain(base)) return { reason: `a user's packages are in ${JSON.stringify(base)}` };
  const seen = there(base) && !variableOf(image.env, 'PYTHONNOUSERSITE');
  return { base, site: siteIn(base), seen };
}
