import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { EXIT, interruptedError, knownError, LayerwrightError } from '../errors.ts';
import { type PipedProgram, startPiped } from '../host/pipe.ts';
import { COMPILE_SCRIPT, DONE, NO_CODE } from './bytecode-script.ts';

/** The whole environment of a Python that compiles: nothing of ours, and nothing that differs between machines. */
export const COMPILER_ENVIRONMENT: Readonly<Record<string, string>> = {
  PYTHONHASHSEED: '0',
  PYTHONUTF8: '1',
  PYTHONDONTWRITEBYTECODE: '1',
  LC_ALL: 'C',
};

/** A Python source and where it will be in the image. */
export interface PythonSource {
  /** What tracebacks show. */
  readonly filename: string;
  readonly source: Uint8Array;
}

/** A Python that waits for distributions, by its path; one of this thread's own. */
const waiting = new Map<string, PipedProgram>();

/**
 * Compiles the sources of one distribution in a fresh process, in their order, and hands over the marshalled code of each,
 * undefined for one that Python does not accept. Nothing of the sources is executed. The Python that this process is forked
 * from stays for the next distribution, and ends with the thread.
 *
 * @param compiler the Python program, absolute
 * @param take called for each source, in order
 * @throws LayerwrightError `BYTECODE_FAILED` (1) if the process ends early, `PROGRAM_NOT_FOUND` (2), `INTERRUPTED` (130)
 */
export async function compileSources(
  compiler: string,
  sources: AsyncIterable<PythonSource>,
  take: (code: Buffer | undefined) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const program = waiting.get(compiler) ?? start(compiler);
  // Two distributions at a time need two of them.
  waiting.delete(compiler);
  program.hold(true);
  const stop = () => program.kill();
  signal?.addEventListener('abort', stop, { once: true });
  let sent = 0;
  let received = 0;
  const fed = feed(program, sources, () => {
    sent++;
  });
  fed.catch(program.kill);
  try {
    let status: number | undefined;
    for await (const answer of answersOf(program.stdout)) {
      if ('status' in answer) {
        status = answer.status;
        break;
      }
      received++;
      await take(answer.code);
    }
    await fed;
    if (status !== 0 || sent !== received) throw await failed(compiler, program);
  } catch (error) {
    program.kill();
    // What went wrong with the sources is the cause, if anything did.
    await fed.catch((cause) => {
      throw cause;
    });
    throw signal?.aborted ? interruptedError() : error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
  program.hold(false);
  waiting.set(compiler, program);
}

/**
 * Hands over what a Python elsewhere has made of an order, as {@link compileSources} does.
 *
 * @param file what the script wrote, absolute
 * @param count of the sources in the order
 * @throws LayerwrightError `BYTECODE_FAILED` (1) if it is not the whole answer to such an order
 */
export async function replayAnswers(
  file: string,
  count: number,
  take: (code: Buffer | undefined) => Promise<void>,
): Promise<void> {
  let status: number | undefined;
  let received = 0;
  const handle = await open(file).catch((error: unknown) => {
    throw knownError(error);
  });
  // It is closed with the stream.
  for await (const answer of answersOf(handle.createReadStream())) {
    if ('status' in answer) {
      status = answer.status;
      break;
    }
    received++;
    if (received <= count) await take(answer.code);
  }
  if (status === 0 && received === count) return;
  throw new LayerwrightError(`the image's Python compiled ${received} of ${count} Python sources`, {
    ...{ code: 'BYTECODE_FAILED', exit: EXIT.failed },
    hint: 'See whether the Python of the image works: it is used only to compile.',
  });
}

/** What the script reads of a distribution, in pieces: an order to compile. */
export async function* compileOrder(sources: AsyncIterable<PythonSource>): AsyncGenerator<Uint8Array> {
  yield BEGIN;
  for await (const { filename, source } of sources) {
    const name = Buffer.from(filename);
    const head = Buffer.alloc(8);
    head.writeUInt32LE(name.length, 0);
    head.writeUInt32LE(source.length, 4);
    yield Buffer.concat([head, name]);
    yield source;
  }
  yield END;
}

function start(compiler: string): PipedProgram {
  return startPiped(compileCommand(compiler), { cwd: '/', env: COMPILER_ENVIRONMENT });
}

function compileCommand(compiler: string): readonly string[] {
  // Not `-I`, which would ignore PYTHONHASHSEED: before 3.11 it decides the order of sets in the bytes.
  return [compiler, '-s', '-S', '-W', 'ignore', '-c', COMPILE_SCRIPT];
}

async function feed(
  { stdin, ended }: PipedProgram,
  sources: AsyncIterable<PythonSource>,
  sent: () => void,
): Promise<void> {
  const over = ended.then(
    () => true,
    () => true,
  );
  for await (const piece of compileOrder(counted(sources, sent))) {
    if (stdin.write(piece)) continue;
    const drained = new Promise<boolean>((resolve) => stdin.once('drain', () => resolve(false)));
    // A program that has ended reads no more.
    if (await Promise.race([drained, over])) return;
  }
}

async function* counted(sources: AsyncIterable<PythonSource>, one: () => void): AsyncGenerator<PythonSource> {
  for await (const source of sources) {
    one();
    yield source;
  }
}

const BEGIN = Buffer.from([1]);
const END = Buffer.alloc(8, 0xff);

type Answer = { readonly code: Buffer | undefined } | { readonly status: number };

/** The frames of the program's output. It is left open at the end of a distribution: nothing more comes before the next. */
async function* answersOf(stdout: Readable): AsyncGenerator<Answer> {
  let pending: Buffer[] = [];
  let length = 0;
  let wanted = 4;
  for await (const chunk of stdout.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    pending.push(chunk);
    length += chunk.length;
    if (length < wanted) continue;
    let buffer = pending.length === 1 ? chunk : Buffer.concat(pending, length);
    for (;;) {
      wanted = 4;
      if (buffer.length < wanted) break;
      const size = buffer.readUInt32LE(0);
      wanted = size === NO_CODE ? 4 : size === DONE ? 5 : 4 + size;
      if (buffer.length < wanted) break;
      if (size === DONE) yield { status: buffer[4] as number };
      else yield { code: size === NO_CODE ? undefined : buffer.subarray(4, wanted) };
      buffer = buffer.subarray(wanted);
    }
    pending = buffer.length === 0 ? [] : [buffer];
    length = buffer.length;
  }
}

async function failed(compiler: string, program: PipedProgram): Promise<LayerwrightError> {
  program.kill();
  const { exitCode, stderr } = await program.ended;
  return new LayerwrightError(
    `${compiler} ended with exit code ${exitCode} while it compiled Python sources`,
    {
      code: 'BYTECODE_FAILED',
      exit: EXIT.failed,
      hint: 'See whether this Python works: it is used only to compile.',
      detail: stderr.slice(-2000),
    },
  );
}
