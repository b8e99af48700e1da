import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { interruptedError } from '../errors.ts';
import { signalGroup, startError } from './exec.ts';

/** A running program that is spoken with. */
export interface PipedProgram {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /**
   * Resolves when it has ended: its exit code (128 + 9 if a signal did) and the end of its standard error; rejects if it could
   * not be started (`PROGRAM_NOT_FOUND`, 2) or was aborted (`INTERRUPTED`, 130).
   */
  readonly ended: Promise<{ readonly exitCode: number; readonly stderr: string }>;
  /** Ends it at once. */
  readonly kill: () => void;
  /** Whether it keeps this process (or thread) from ending: at the beginning it does. */
  readonly hold: (holds: boolean) => void;
}

const STDERR_KEPT = 4000;

/**
 * Starts a program whose standard input and output are streams, in a process group of its own. Aborting kills it: it must be one
 * that has nothing to clean up.
 *
 * @param options `env` is the whole environment of the program
 */
export function startPiped(
  command: readonly string[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv; readonly signal?: AbortSignal },
): PipedProgram {
  const [file = '', ...args] = command;
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: options.env,
    detached: process.platform !== 'win32',
    stdio: 'pipe',
  });
  const kill = () => signalGroup(child.pid, 'SIGKILL');
  options.signal?.addEventListener('abort', kill, { once: true });
  if (options.signal?.aborted) kill();
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_KEPT);
  });
  // A program that ends early closes its input; its exit code tells the story, not EPIPE.
  child.stdin.on('error', () => {});
  const ended = new Promise<{ exitCode: number; stderr: string }>((resolve, reject) => {
    child.on('error', (error: NodeJS.ErrnoException) => reject(startError(file, error)));
    child.on('close', (code) => {
      options.signal?.removeEventListener('abort', kill);
      if (options.signal?.aborted) reject(interruptedError());
      else resolve({ exitCode: code ?? 128 + 9, stderr });
    });
  });
  // Whoever started it awaits this at the end; until then nobody listens.
  ended.catch(() => {});
  const hold = (holds: boolean) => {
    const parts = [child, child.stdin, child.stdout, child.stderr] as unknown as {
      ref(): void;
      unref(): void;
    }[];
    for (const part of parts) holds ? part.ref() : part.unref();
  };
  return { stdin: child.stdin, stdout: child.stdout, ended, kill, hold };
}
