import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A process that outlives the call that started it. Process ids are used again by the kernel, so the
 * start time is part of the identity: what is ended is what was started, never a stranger.
 */
export interface DaemonId {
  readonly pid: number;
  /** Start time in clock ticks since boot (`/proc/PID/stat`, field 22); empty where there is no /proc. */
  readonly startTime: string;
}

export interface DaemonOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** File that receives standard output and error (appended). */
  readonly logFile: string;
}

/** Starts a process in a session of its own, with its output in a file. Resolves once it runs. */
export function startDaemon(command: readonly string[], options: DaemonOptions): Promise<DaemonId> {
  const [file, ...args] = command;
  if (file === undefined) throw new Error('startDaemon: empty command');
  const log = openSync(options.logFile, 'a');
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      detached: true,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    child.on('error', reject);
    child.on('spawn', () => {
      child.unref();
      const pid = child.pid as number;
      resolve({ pid, startTime: startTimeOf(pid) ?? '' });
    });
  });
}

/** Whether exactly this process still runs (a zombie does not). */
export function isRunning(id: DaemonId): boolean {
  if (process.platform === 'linux') return startTimeOf(id.pid) === id.startTime;
  try {
    process.kill(id.pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Ends a daemon: SIGTERM, then SIGKILL after `graceMs` (default 10 s). Resolves when it is gone. */
export async function stopDaemon(id: DaemonId, graceMs = 10_000): Promise<void> {
  for (const [signal, waitMs] of [
    ['SIGTERM', graceMs],
    ['SIGKILL', 5_000],
  ] as const) {
    if (!isRunning(id)) return;
    try {
      process.kill(id.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return;
      throw error;
    }
    const until = performance.now() + waitMs;
    while (performance.now() < until) {
      if (!isRunning(id)) return;
      await sleep(20);
    }
  }
  throw new Error(`process ${id.pid} did not end after SIGKILL`);
}

function startTimeOf(pid: number): string | undefined {
  if (process.platform !== 'linux') return '';
  try {
    // The command name in parentheses may hold spaces: count fields after its closing parenthesis.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
