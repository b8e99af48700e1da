import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunOptions, RunResult } from '../src/host/exec.ts';
import { readTextIfThere, temporaryDirectory } from '../src/host/files.ts';
import type { Host } from '../src/host/host.ts';

const POLL_MS = 20;

/**
 * Runs a program and watches the most memory that its process alone has resident (`VmHWM`, Linux). What it grows in its
 * last moments, between two looks, is not seen.
 */
export async function runWatched(
  host: Host,
  command: readonly string[],
  options: RunOptions,
): Promise<RunResult & { readonly peakMemoryBytes: number }> {
  await using directory = await temporaryDirectory('lw-watched-');
  const file = join(directory.path, 'pid');
  let peakMemoryBytes = 0;
  let looking = Promise.resolve();
  const timer = setInterval(() => {
    looking = looking.then(async () => {
      const pid = (await readTextIfThere(file))?.trim();
      if (pid) peakMemoryBytes = Math.max(peakMemoryBytes, await highWaterMark(pid));
    });
  }, POLL_MS);
  try {
    // The shell writes down its process id and becomes the program.
    const wrapped = ['sh', '-c', 'echo $$ >"$0" && exec "$@"', file, ...command];
    const result = await host.run(wrapped, options);
    return { ...result, peakMemoryBytes };
  } finally {
    clearInterval(timer);
    await looking;
  }
}

/** Bytes; 0 when there is no such process any more. */
async function highWaterMark(pid: string): Promise<number> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return 0;
    throw error;
  }
}
