import { readdir, readFile, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT, LayerwrightError } from '../src/errors.ts';

/** A port that is free on loopback at this moment; whoever binds it first has it. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** Whether this very process listens on the port of 127.0.0.1, and not another that took it before. */
export async function listensOn(pid: number, port: number): Promise<boolean> {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const inodes = (await readFile('/proc/net/tcp', 'utf8'))
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1] === local && fields[3] === LISTEN)
    .map((fields) => `socket:[${fields[9]}]`);
  if (inodes.length === 0) return false;
  const links = await Promise.all(
    (await readdirIfThere(`/proc/${pid}/fd`)).map((fd) => readlinkIfThere(`/proc/${pid}/fd/${fd}`)),
  );
  return links.some((link) => link !== undefined && inodes.includes(link));
}

/** TCP state 10 of the kernel's tables. */
const LISTEN = '0A';

/**
 * Ends every process whose command line has all these words: SIGTERM, after `graceMs` SIGKILL.
 *
 * @param words among them must be one that only a process of this testbed has, e.g. a path in its directory
 */
export async function endByCommandLine(words: readonly string[], graceMs = 5_000): Promise<void> {
  const started = performance.now();
  for (;;) {
    const pids = await processesWith(words);
    if (pids.length === 0) return;
    const waited = performance.now() - started;
    if (waited > graceMs + 5_000)
      throw new LayerwrightError(`processes do not end: ${pids.join(', ')}`, {
        code: 'PROCESS_LEFT',
        exit: EXIT.temporary,
        detail: words.join(' '),
      });
    for (const pid of pids) signalProcess(pid, waited > graceMs ? 'SIGKILL' : 'SIGTERM');
    await sleep(100);
  }
}

/** Processes whose command line has all these words. */
async function processesWith(words: readonly string[]): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const line = ((await readIfThere(`/proc/${pid}/cmdline`)) ?? '').split('\0');
      return Number(pid) !== process.pid && words.every((word) => line.includes(word))
        ? Number(pid)
        : undefined;
    }),
  );
  return found.filter((pid) => pid !== undefined);
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

// Processes end while we look at them: what is gone is not what is looked for.
async function readdirIfThere(path: string): Promise<string[]> {
  return (await ifThere(() => readdir(path))) ?? [];
}
async function readlinkIfThere(path: string): Promise<string | undefined> {
  return await ifThere(() => readlink(path));
}
async function readIfThere(path: string): Promise<string | undefined> {
  return await ifThere(() => readFile(path, 'utf8'));
}
async function ifThere<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return undefined;
    throw error;
  }
}
