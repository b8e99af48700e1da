import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { EXIT, interruptedError, LayerwrightError } from '../errors.ts';

/** How a program is run. All fields but `command` are optional. */
export interface RunOptions {
  readonly cwd?: string;
  /** The whole environment of the child; default: ours. */
  readonly env?: NodeJS.ProcessEnv;
  /** Called for each line of standard output; the line is then not collected in `stdout`. */
  readonly onStdout?: (line: string) => void;
  /** Hands our own standard output on to the child, untouched; `stdout` stays empty. */
  readonly inheritStdout?: boolean;
  /** Called for each line of standard error; the line is then not collected in `stderr`. */
  readonly onStderr?: (line: string) => void;
  /** Hands our own standard error on to the child, untouched; `stderr` stays empty. */
  readonly inheritStderr?: boolean;
  /** Written to the child's standard input, which is closed afterwards. `inherit` hands on our own. */
  readonly input?: string | Uint8Array | 'inherit';
  /** Aborting sends SIGINT to the child's process group, after `killAfterMs` SIGKILL. */
  readonly signal?: AbortSignal;
  /** Milliseconds between SIGINT and SIGKILL on abort (default 10,000). */
  readonly killAfterMs?: number;
  /** Milliseconds after which the child is ended and the run fails with exit 75. */
  readonly timeoutMs?: number;
}

/** What a finished program left behind. */
export interface RunResult {
  /** The exit code; 128 + signal number if a signal ended it. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program; resolves whatever its exit code, rejects only if it could not be started or was aborted. */
export type Run = (command: readonly string[], options?: RunOptions) => Promise<RunResult>;

const SIGNAL_NUMBERS: Record<string, number> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

/**
 * The only door to other programs.
 *
 * The child gets a process group of its own: a Ctrl-C in the terminal reaches us alone, and we end the
 * whole group, so nothing of it is left running.
 *
 * @throws LayerwrightError `PROGRAM_NOT_FOUND` (2), `PROGRAM_TIMEOUT` (75), `INTERRUPTED` (130)
 */
export const run: Run = (command, options = {}) => {
  const [file, ...args] = command;
  if (file === undefined) throw new Error('run: empty command');
  return new Promise((resolve, reject) => {
    if (options.signal?.aborted) {
      reject(interruptedError());
      return;
    }
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      detached: process.platform !== 'win32',
      stdio: [
        options.input === 'inherit' ? 'inherit' : options.input === undefined ? 'ignore' : 'pipe',
        options.inheritStdout ? 'inherit' : 'pipe',
        options.inheritStderr ? 'inherit' : 'pipe',
      ],
    });
    let ended: 'aborted' | 'timeout' | undefined;
    let killTimer: NodeJS.Timeout | undefined;
    const end = (why: 'aborted' | 'timeout') => {
      if (ended) return;
      ended = why;
      signalGroup(child.pid, 'SIGINT');
      killTimer = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), options.killAfterMs ?? 10_000);
    };
    const onAbort = () => end('aborted');
    options.signal?.addEventListener('abort', onAbort, { once: true });
    const timeout =
      options.timeoutMs === undefined ? undefined : setTimeout(() => end('timeout'), options.timeoutMs);
    const cleanUp = () => {
      clearTimeout(timeout);
      clearTimeout(killTimer);
      options.signal?.removeEventListener('abort', onAbort);
    };

    const stdout = collect(child.stdout, options.onStdout);
    const stderr = collect(child.stderr, options.onStderr);
    if (child.stdin && options.input !== undefined && options.input !== 'inherit') {
      // A child that exits without reading closes the pipe; its exit code tells the story, not EPIPE.
      child.stdin.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EPIPE') reject(error);
      });
      child.stdin.end(options.input);
    }
    child.on('error', (error: NodeJS.ErrnoException) => {
      cleanUp();
      reject(startError(file, error));
    });
    child.on('close', async (code, signal) => {
      cleanUp();
      const result = {
        exitCode: code ?? 128 + (SIGNAL_NUMBERS[signal ?? ''] ?? 0),
        stdout: await stdout,
        stderr: await stderr,
      };
      if (ended === 'aborted') reject(interruptedError());
      else if (ended === 'timeout')
        reject(
          new LayerwrightError(`${file} gave no result within ${(options.timeoutMs ?? 0) / 1000} s`, {
            code: 'PROGRAM_TIMEOUT',
            exit: EXIT.temporary,
            detail: result.stderr.slice(-2000),
          }),
        );
      else resolve(result);
    });
  });
};

/** Why a program could not be started, as an error of ours where we know it. */
export function startError(file: string, error: NodeJS.ErrnoException): Error {
  if (error.code !== 'ENOENT' && error.code !== 'EACCES') return error;
  return new LayerwrightError(
    `cannot run ${file}: ${error.code === 'ENOENT' ? 'not found' : 'no permission'}`,
    {
      code: 'PROGRAM_NOT_FOUND',
      exit: EXIT.usage,
      cause: error,
    },
  );
}

/** Sends a signal to a process group; one that is gone is no error. */
export function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function collect(
  stream: NodeJS.ReadableStream | null,
  onLine: ((line: string) => void) | undefined,
): Promise<string> {
  if (!stream) return '';
  if (onLine) {
    for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }))
      onLine(line);
    return '';
  }
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString('utf8');
}
