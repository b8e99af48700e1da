import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as sleep } from 'node:timers/promises';
import { usageError } from '../errors.ts';

/** A program that is told lines and reports on each of them, while its output streams by. */
export interface Conversation {
  /** It leads a session of its own: what it starts is in it too, unless it leaves. */
  readonly pid: number;
  /**
   * Hands the program a line; resolves with its next report, when all output before that report was handed on. Undefined
   * if the program ended instead.
   */
  readonly ask: (line: string) => Promise<string | undefined>;
  /** The exit status, once the program has ended; 128 + signal number if a signal ended it. */
  readonly ended: Promise<number>;
  /** Tells the program that nothing more comes; resolves when it has ended. */
  readonly close: () => Promise<void>;
  /** Waits a moment for output of what the program left behind, then stops listening. */
  readonly release: () => Promise<void>;
}

export interface ConversationOptions {
  readonly cwd: string;
  /** The whole environment of the program. */
  readonly env: NodeJS.ProcessEnv;
  /** What a report begins with: nothing that occurs in output by chance, or that somebody can guess. */
  readonly mark: string;
  /** Receives standard output as it comes, reports left out. */
  readonly onOutput: (text: string) => void;
}

/**
 * Starts a program that reads lines from its file descriptor 3 and reports in its standard output, so that reports and output
 * keep their order: a report is the mark, the report's text without line breaks, and a line feed. Standard input has nothing in
 * it; standard error goes nowhere unless the program itself joins it to its standard output.
 *
 * @throws LayerwrightError `PROGRAM_NOT_FOUND` (2)
 */
export async function startConversation(
  command: readonly string[],
  options: ConversationOptions,
): Promise<Conversation> {
  const child = await spawned(command, options);
  const [, output, , control] = child.stdio as unknown as [null, Readable, null, Writable];
  const waiting: ((report: string | undefined) => void)[] = [];
  const reader = reportReader(options.mark, options.onOutput, (report) => waiting.shift()?.(report));
  const decoder = new StringDecoder('utf8');
  output.on('data', (chunk: Buffer) => reader.feed(decoder.write(chunk)));
  // A program that was killed closes it; its end tells the story.
  control.on('error', () => {});
  const ended = new Promise<number>((resolve) => {
    child.on('exit', (code, signal) => {
      resolve(code ?? 128 + constants.signals[signal as NodeJS.Signals]);
      for (const answer of waiting.splice(0)) answer(undefined);
    });
  });
  return {
    pid: child.pid as number,
    ended,
    ask(line) {
      if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(undefined);
      return new Promise((resolve) => {
        waiting.push(resolve);
        control.write(`${line}\n`);
      });
    },
    async close() {
      control.end();
      await ended;
    },
    async release() {
      if (!output.closed) await Promise.race([new Promise((done) => output.once('close', done)), sleep(200)]);
      output.destroy();
      control.destroy();
      reader.end();
    },
  };
}

function spawned(words: readonly string[], options: ConversationOptions): Promise<ChildProcess> {
  const [file = '', ...args] = words;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
    });
    child.once('spawn', () => resolve(child));
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'ENOENT' ? usageError('PROGRAM_NOT_FOUND', `cannot run ${file}: not found`) : error,
      ),
    );
  });
}

/** Tells reports from output, however the stream is cut into pieces. */
function reportReader(mark: string, onOutput: (text: string) => void, onReport: (report: string) => void) {
  let kept = '';
  return {
    feed(text: string): void {
      kept += text;
      for (;;) {
        const at = kept.indexOf(mark);
        const end = at < 0 ? -1 : kept.indexOf('\n', at);
        // What may be the beginning of a mark waits for its rest.
        const ready = at >= 0 ? at : kept.length - beginningOf(mark, kept);
        if (ready > 0) onOutput(kept.slice(0, ready));
        if (end < 0) {
          kept = kept.slice(ready);
          return;
        }
        onReport(kept.slice(at + mark.length, end));
        kept = kept.slice(end + 1);
      }
    },
    end(): void {
      if (kept !== '') onOutput(kept);
      kept = '';
    },
  };
}

/** How many characters at the end of the text are the beginning of the mark. */
function beginningOf(mark: string, text: string): number {
  for (let length = Math.min(mark.length - 1, text.length); length > 0; length--)
    if (mark.startsWith(text.slice(-length))) return length;
  return 0;
}
