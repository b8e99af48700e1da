import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { kindOf, withLock } from './files.ts';

/**
 * A directory that is made once and kept: the second call, in this or any later process, returns at once.
 * It is made under another name and renamed when whole, so an interrupted run leaves nothing half made.
 *
 * @param directory absolute path whose name carries the version of what is in it
 * @param make fills the directory it is given (an absolute path, not the final one: what it makes must be relocatable)
 * @returns `made` if this call made it, `kept` if it was there
 */
export async function keepOnce(
  directory: string,
  make: (into: string) => Promise<void>,
  onWait?: () => void,
): Promise<'made' | 'kept'> {
  if ((await kindOf(directory)) === 'directory') return 'kept';
  await mkdir(dirname(directory), { recursive: true });
  return await withLock(
    `${directory}.lock`,
    async () => {
      if ((await kindOf(directory)) === 'directory') return 'kept';
      const partial = `${directory}.partial`;
      await rm(partial, { recursive: true, force: true });
      await mkdir(partial, { recursive: true });
      try {
        await make(partial);
        await rename(partial, directory);
      } catch (error) {
        await rm(partial, { recursive: true, force: true });
        throw error;
      }
      return 'made';
    },
    onWait,
  );
}
