import type { PathEntry } from '../../image/path-entry.ts';
import type { PathIndex } from '../../image/path-index.ts';
import type { Owner } from '../../image/users.ts';
import { ancestorsOf, groupBelow } from '../../layers/layer-directories.ts';
import type { Installer } from '../../python/installer.ts';

/**
 * The empty file by which uv keeps other runs of it away, and leaves behind: in a virtual environment, or in the directory of
 * `--target` or `--prefix`. With the directories above; nothing if it is there already.
 *
 * @param files the image with what is installed
 * @param root absolute; undefined for the interpreter's own environment, where uv's is in a temporary directory and goes
 */
export function uvLockFile(
  files: PathIndex,
  { tool }: Installer,
  { uid, gid }: Owner,
  root: string | undefined,
): readonly PathEntry[] {
  if (tool !== 'uv' || root === undefined) return [];
  const path = `${files.resolve(root).path}/.lock`;
  if (files.get(path) !== undefined) return [];
  const above = [...ancestorsOf([path])].flatMap((one) => files.get(one) ?? []).reverse();
  const parent = above.at(-1);
  const group = parent === undefined ? gid : groupBelow(parent, gid);
  // Whatever the umask says.
  return [...above, { path, type: 'file', mode: 0o666, uid, gid: group, size: 0, link: '' }];
}
