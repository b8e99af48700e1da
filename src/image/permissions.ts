import type { PathIndex } from './path-index.ts';
import { groupsOf, lookupUser, type Owner } from './users.ts';

/** Who runs a program in an image. */
export interface RunUser extends Owner {
  /** Groups that name the user, beside the one that the user has. */
  readonly others: ReadonlySet<number>;
}

/** What may be unclear: the bits of a group that the user may or may not have. */
export type Permission = 'yes' | 'no' | 'unclear';

type Wish = 'read' | 'write' | 'enter';

const BITS: Readonly<Record<Wish, number>> = { read: 4, write: 2, enter: 1 };
const STICKY = 0o1000;

/**
 * @param passwd content of the image's /etc/passwd, `''` if it has none
 * @param group content of the image's /etc/group
 * @param spec what USER says; `''` is root
 * @returns undefined if the name is not there
 */
export function runUser(passwd: string, group: string, spec: string): RunUser | undefined {
  const user = lookupUser(passwd, group, spec);
  if (user === undefined) return undefined;
  return { uid: user.uid, gid: user.gid, others: groupsOf(passwd, group, user.uid) };
}

/**
 * Whether a user may do something with a path, so far as modes and owners tell: every directory above must let the user in. Of what
 * is not there, whether the nearest directory that is there lets it be made.
 *
 * @param path in the image, without a leading slash; resolved
 */
export function permission(index: PathIndex, user: RunUser, path: string, wish: Wish): Permission {
  if (user.uid === 0) return 'yes';
  const entry = index.get(path);
  if (entry === undefined) return permission(index, user, parentOf(path), 'write');
  const wishes: readonly Wish[] =
    wish === 'write' && entry.type === 'directory' ? ['write', 'enter'] : [wish];
  const here = wishes.map((one) => allowed(entry, user, one));
  return worst(path === '' ? here : [...here, permission(index, user, parentOf(path), 'enter')]);
}

/** Whether a user may remove a path that is there: the directory decides, and a sticky one whose the path is. */
export function mayRemove(index: PathIndex, user: RunUser, path: string): Permission {
  if (user.uid === 0) return 'yes';
  const parent = parentOf(path);
  const directory = index.get(parent);
  const own = [directory?.uid, index.get(path)?.uid].includes(user.uid);
  if ((directory?.mode ?? 0) & STICKY && !own) return 'no';
  return permission(index, user, parent, 'write');
}

/** The least of permissions that are all needed. */
export function worst(all: readonly Permission[]): Permission {
  if (all.includes('no')) return 'no';
  return all.includes('unclear') ? 'unclear' : 'yes';
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

function allowed(
  { mode, uid, gid }: { readonly mode: number } & Owner,
  user: RunUser,
  wish: Wish,
): Permission {
  const bit = BITS[wish];
  const has = (shift: number): Permission => ((mode >> shift) & bit ? 'yes' : 'no');
  if (uid === user.uid) return has(6);
  if (gid === user.gid) return has(3);
  // With USER by name the user has that group too, by number not.
  return user.others.has(gid) && has(3) !== has(0) ? 'unclear' : has(0);
}
