import { readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT, LayerwrightError } from '../errors.ts';
import { kindOf } from '../host/files.ts';
import type { Host } from '../host/host.ts';

/** One line of `/proc/PID/mountinfo`. */
interface Mount {
  /** Directory within the mounted file system that is seen at the mount point. */
  readonly root: string;
  readonly mountPoint: string;
  /** The file system's own options, e.g. overlay's `upperdir=...`. */
  readonly options: string;
}

/** Parses `/proc/PID/mountinfo` (proc_pid_mountinfo(5)). */
export function parseMountinfo(text: string): Mount[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const fields = line.split(' ');
      const afterSeparator = fields.slice(fields.indexOf('-') + 1);
      return {
        root: unescaped(fields[3] ?? ''),
        mountPoint: unescaped(fields[4] ?? ''),
        options: unescaped(afterSeparator[2] ?? ''),
      };
    });
}

/** The kernel writes space, tab, newline and backslash as three octal digits. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_all, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/**
 * Unmounts everything below a directory, the newest mount first, so that the directory can be deleted.
 *
 * @throws LayerwrightError `UNMOUNT_FAILED` (75) if something stays mounted
 */
export async function unmountBelow(host: Host, directory: string): Promise<void> {
  if (process.platform !== 'linux' || (await kindOf(directory)) === undefined) return;
  const root = await realpath(directory);
  // No abort signal here: this also cleans up after an interruption.
  for (const flags of [[], ['--lazy']]) {
    const points = await mountPointsBelow(root);
    if (points.length === 0) return;
    await host.run(['umount', ...flags, ...points], { env: host.env });
  }
  const left = await mountPointsBelow(root);
  if (left.length === 0) return;
  throw new LayerwrightError(`cannot unmount ${left[0]}`, {
    code: 'UNMOUNT_FAILED',
    exit: EXIT.temporary,
    hint: `Unmount it by hand before ${directory} is deleted.`,
    detail: left.join('\n'),
  });
}

/** Mount points below a directory, the newest first. */
export async function mountPointsBelow(directory: string): Promise<string[]> {
  return parseMountinfo(await readFile('/proc/self/mountinfo', 'utf8'))
    .map(({ mountPoint }) => mountPoint)
    .filter((point) => point.startsWith(`${directory}/`))
    .reverse();
}

/**
 * Ends the processes of build containers that a killed buildkitd left running. A process is one of them if
 * its own root directory is a mount that lies below the daemon's root.
 */
export async function endContainersBelow(directory: string): Promise<void> {
  if (process.platform !== 'linux' || (await kindOf(directory)) === undefined) return;
  const root = await realpath(directory);
  for (let attempt = 0; attempt < 50; attempt++) {
    const pids = await containerProcesses(root);
    if (pids.length === 0) return;
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
    await sleep(100);
  }
  throw new LayerwrightError(`containers of a buildkitd in ${directory} do not end`, {
    code: 'CONTAINERS_LEFT',
    exit: EXIT.temporary,
    detail: (await containerProcesses(root)).join(' '),
  });
}

async function containerProcesses(root: string): Promise<number[]> {
  const own = await readlink('/proc/self/ns/mnt');
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      try {
        if ((await readlink(`/proc/${pid}/ns/mnt`)) === own) return undefined;
        const mounts = parseMountinfo(await readFile(`/proc/${pid}/mountinfo`, 'utf8'));
        return mounts.some((mount) => isRootBelow(mount, root)) ? pid : undefined;
      } catch {
        // Ended meanwhile, or another user's: not a container of ours.
        return undefined;
      }
    }),
  );
  return found.filter((pid) => pid !== undefined);
}

function isRootBelow(mount: Mount, root: string): boolean {
  if (mount.mountPoint !== '/') return false;
  const upper = /(?:^|,)upperdir=([^,]*)/.exec(mount.options)?.[1];
  return mount.root.startsWith(`${root}/`) || upper?.startsWith(`${root}/`) === true;
}
