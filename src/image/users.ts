/** A user and a group by number. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Whose a file is after `--chown` of COPY and ADD, as BuildKit reads it: a number alone is the group's too, a name brings the
 * group of its line in passwd.
 *
 * @param passwd content of the image's /etc/passwd, `''` if it has none
 * @param group content of the image's /etc/group
 * @param spec `USER` or `USER:GROUP`, each a name or a number
 * @returns undefined if a name is not there
 */
export function lookupOwner(passwd: string, group: string, spec: string): Owner | undefined {
  const [userPart = '', groupPart = ''] = splitOnce(spec);
  const user = ownerOfUser(passwd, userPart);
  if (user === undefined || groupPart === '') return user;
  const gid = numberOf(groupPart) ?? groupNamed(group, groupPart);
  return gid === undefined ? undefined : { uid: user.uid, gid };
}

function ownerOfUser(passwd: string, user: string): Owner | undefined {
  const number = numberOf(user);
  if (number !== undefined) return { uid: number, gid: number };
  return usersIn(passwd).find(({ name }) => name === user);
}

/**
 * Who runs a RUN after `USER`, as BuildKit reads it: other than with `--chown` a number alone brings the group of its line in
 * passwd, and group 0 if it has none.
 *
 * @param spec what USER says; `''` is root
 * @returns with the user's home directory, `/` if none is known; undefined if a name is not there
 */
export function lookupUser(
  passwd: string,
  group: string,
  spec: string,
): (Owner & { readonly home: string }) | undefined {
  const [userPart = '', groupPart = ''] = splitOnce(spec === '' ? '0' : spec);
  // Both by number, where the word root is one too: passwd is not asked.
  const both = [numberOf(userPart), numberOf(groupPart)];
  const number = /^\d+$/.test(userPart) ? Number(userPart) : undefined;
  const found = usersIn(passwd).find(({ name, uid }) =>
    number === undefined ? name === userPart : uid === number,
  );
  const home = found?.home || '/';
  if (both[0] !== undefined && both[1] !== undefined) return { uid: both[0], gid: both[1], home };
  const uid = found?.uid ?? number;
  if (uid === undefined) return undefined;
  if (groupPart === '') return { uid, gid: found?.gid ?? 0, home };
  const gid = /^\d+$/.test(groupPart) ? Number(groupPart) : groupNamed(group, groupPart);
  return gid === undefined ? undefined : { uid, gid, home };
}

/** The groups whose lines name a user, who is in each of them when USER is a name. */
export function groupsOf(passwd: string, group: string, uid: number): ReadonlySet<number> {
  const names = new Set(usersIn(passwd).flatMap((one) => (one.uid === uid ? one.name : [])));
  const found = linesOf(group).flatMap((line) => {
    const [, , gid, members = ''] = line.split(':');
    return members.split(',').some((name) => names.has(name.trim())) ? idOf(gid) : [];
  });
  return new Set(found);
}

function splitOnce(spec: string): readonly string[] {
  const colon = spec.indexOf(':');
  return colon < 0 ? [spec] : [spec.slice(0, colon), spec.slice(colon + 1)];
}

const MAX_ID = 2 ** 31 - 1;

function numberOf(text: string): number | undefined {
  if (text === 'root') return 0;
  return /^\d+$/.test(text) && Number(text) <= MAX_ID ? Number(text) : undefined;
}

function usersIn(passwd: string): (Owner & { readonly name: string; readonly home: string })[] {
  return linesOf(passwd).map((line) => {
    const [name = '', , uid, gid, , home = ''] = line.split(':');
    return { name, uid: idOf(uid), gid: idOf(gid), home };
  });
}

function groupNamed(group: string, wanted: string): number | undefined {
  for (const line of linesOf(group)) {
    const [name, , gid] = line.split(':');
    if (name === wanted && !line.startsWith('#')) return idOf(gid);
  }
  return undefined;
}

/** What is no number counts as 0, as BuildKit has it. */
function idOf(text = ''): number {
  return /^\d+$/.test(text) ? Number(text) : 0;
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
