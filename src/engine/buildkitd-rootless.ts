import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import { EXIT, LayerwrightError } from '../errors.ts';
import { findOnPath, readTextIfThere } from '../host/files.ts';
import type { Host } from '../host/host.ts';

/** What to put in front of `buildkitd`, and the flags it then needs. */
export interface Launcher {
  readonly prefix: readonly string[];
  readonly flags: readonly string[];
}

/**
 * How this user starts a buildkitd: root directly, anyone else in a user namespace by RootlessKit.
 *
 * @throws LayerwrightError `ROOTLESS_UNAVAILABLE` (2), naming every piece that is missing
 */
export async function buildkitdLauncher(host: Host, buildkitd: string): Promise<Launcher> {
  if (process.getuid?.() === 0) return { prefix: [], flags: [] };
  const rootlesskit =
    (await findOnPath('rootlesskit', { PATH: dirname(buildkitd) })) ??
    (await findOnPath('rootlesskit', host.env));
  const missing = await missingPieces(host);
  if (rootlesskit === undefined)
    missing.unshift({ what: 'rootlesskit is not on PATH', remedy: 'install the package rootlesskit' });
  if (rootlesskit !== undefined && missing.length === 0)
    return {
      prefix: [rootlesskit],
      flags: (await canMountProc(host, rootlesskit)) ? [] : ['--oci-worker-no-process-sandbox'],
    };
  throw new LayerwrightError(
    `buildkitd cannot be started without root here: ${missing.map(({ what }) => what).join('; ')}`,
    {
      code: 'ROOTLESS_UNAVAILABLE',
      exit: EXIT.usage,
      hint: `As root: ${[...new Set(missing.map(({ remedy }) => remedy))].join('; ')}. Or run Layerwright as root, start Docker, or name a builder with --builder.`,
    },
  );
}

/**
 * Whether build containers can have a /proc of their own. In most CI containers the outer one is masked, which
 * forbids it; the containers then see this user's processes.
 */
async function canMountProc(host: Host, rootlesskit: string): Promise<boolean> {
  const result = await host.run(
    [rootlesskit, 'unshare', '--mount', '--pid', '--fork', '--mount-proc', 'true'],
    { env: host.env, signal: host.signal, timeoutMs: 30_000 },
  );
  return result.exitCode === 0;
}

interface Piece {
  readonly what: string;
  readonly remedy: string;
}

async function missingPieces(host: Host): Promise<Piece[]> {
  const missing: Piece[] = [];
  for (const name of ['newuidmap', 'newgidmap'])
    if ((await findOnPath(name, host.env)) === undefined)
      missing.push({ what: `${name} is not on PATH`, remedy: 'install the package uidmap' });
  const { username, uid } = currentUser();
  for (const file of ['/etc/subuid', '/etc/subgid'])
    if (!hasIdRange((await readTextIfThere(file)) ?? '', username, uid))
      missing.push({
        what: `${file} has no range for ${username}`,
        remedy: `add the line "${username}:100000:65536" to ${file}`,
      });
  missing.push(...(await kernelRefusals()));
  return missing;
}

/** Whether a subuid(5) file gives a user (by name or number) at least one range of 65,536 ids. */
export function hasIdRange(text: string, username: string, uid: number): boolean {
  return text.split('\n').some((line) => {
    const [owner, , count] = line.trim().split(':');
    return (owner === username || owner === String(uid)) && Number(count) >= 65_536;
  });
}

function currentUser(): { username: string; uid: number } {
  const uid = process.getuid?.() ?? -1;
  try {
    return { username: userInfo().username, uid };
  } catch {
    // CI containers run under numbers that /etc/passwd does not know.
    return { username: String(uid), uid };
  }
}

/** Kernel settings that forbid user namespaces: Debian's, the upstream limit, and Ubuntu's AppArmor rule. */
async function kernelRefusals(): Promise<Piece[]> {
  const refusals = [
    ['kernel.unprivileged_userns_clone', '0', '1'],
    ['user.max_user_namespaces', '0', '28633'],
    ['kernel.apparmor_restrict_unprivileged_userns', '1', '0'],
  ] as const;
  const found = await Promise.all(
    refusals.map(async ([name, refusing, allowing]) => {
      const value = await setting(name);
      return value === refusing
        ? { what: `${name} is ${refusing}`, remedy: `run sysctl -w ${name}=${allowing}` }
        : undefined;
    }),
  );
  return found.filter((piece) => piece !== undefined);
}

async function setting(name: string): Promise<string | undefined> {
  try {
    return (await readFile(`/proc/sys/${name.replaceAll('.', '/')}`, 'utf8')).trim();
  } catch {
    // Kernels without the setting do not refuse by it; one that cannot be read is found out when starting.
    return undefined;
  }
}
