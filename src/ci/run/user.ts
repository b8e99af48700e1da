import { usageError } from '../../errors.ts';
import { findOnPath } from '../../host/files.ts';
import type { Host } from '../../host/host.ts';

/** A user whom commands run as. */
export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
  /** Words that stand before a program so that it runs as this user; empty if it is the one who we are. */
  readonly words: readonly string[];
}

/**
 * Finds out how programs run as a user (Build specification reference, run-as).
 *
 * @throws LayerwrightError `USER_UNKNOWN`, `RUN_AS_NEEDS_ROOT`, `PROGRAM_NOT_FOUND` (2)
 */
export async function userNamed(host: Host, name: string): Promise<User> {
  const entry = await passwdEntry(host, name);
  const [login = name, , uid, gid, , home = '/', shell = ''] = entry.split(':');
  const user = { name: login, uid: Number(uid), gid: Number(gid), home, shell: shell || '/bin/sh' };
  const own = process.getuid?.();
  if (user.uid === own) return { ...user, words: [] };
  if (own !== 0)
    throw usageError(
      'RUN_AS_NEEDS_ROOT',
      `run-as: ${name}: only root can run commands as somebody else`,
      'CodeBuild runs builds as root: run this as root too, or as that user.',
    );
  return { ...user, words: await switchWords(host, user) };
}

async function passwdEntry(host: Host, name: string): Promise<string> {
  const getent = await findOnPath('getent', host.env);
  const command = getent ? [getent, 'passwd', name] : ['grep', '-E', `^${name}:`, '/etc/passwd'];
  const usable = /^[A-Za-z0-9_.$-]+$/.test(name);
  const found = usable ? await host.run(command, { env: host.env, signal: host.signal }) : undefined;
  const entry = found?.stdout.split('\n')[0];
  if (entry) return entry;
  throw usageError(
    'USER_UNKNOWN',
    `run-as: this machine has no user "${name}"`,
    `Make one, e.g. with: useradd --create-home ${usable ? name : 'NAME'}.`,
  );
}

async function switchWords(
  host: Host,
  { name, uid, gid }: Pick<User, 'name' | 'uid' | 'gid'>,
): Promise<readonly string[]> {
  const setpriv = await findOnPath('setpriv', host.env);
  if (setpriv) return [setpriv, `--reuid=${uid}`, `--regid=${gid}`, '--init-groups', '--'];
  const runuser = await findOnPath('runuser', host.env);
  if (runuser) return [runuser, '-u', name, '--'];
  throw usageError(
    'PROGRAM_NOT_FOUND',
    'run-as needs setpriv or runuser, and neither is on PATH',
    'Both belong to util-linux.',
  );
}
