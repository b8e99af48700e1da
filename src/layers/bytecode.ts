import { EXIT, LayerwrightError } from '../errors.ts';
import { type PipedProgram, startPiped } from '../host/pipe.ts';
import { COMPILE_SCRIPT, NO_CODE } from './bytecode-script.ts';

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

/**
 * Compiles sources in one fresh process, in their order, and hands over the marshalled code of each, undefined for one that
 * Python does not accept. Nothing of the sources is executed.
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
  const program = startPiped(compileCommand(compiler), {
    ...{ cwd: '/', env: COMPILER_ENVIRONMENT },
    ...(signal === undefined ? {} : { signal }),
  });
  let sent = 0;
  let received = 0;
  const fed = feed(program, sources, () => {
    sent++;
  });
  fed.catch(program.kill);
  try {
    for await (const code of codesOf(program)) {
      received++;
      await take(code);
    }
    await fed;
  } catch (error) {
    program.kill();
    // What went wrong with the sources is the cause, if anything did.
    await fed.catch((cause) => {
      throw cause;
    });
    throw error;
  }
  const { exitCode, stderr } = await program.ended;
  if (exitCode !== 0 || sent !== received) throw failed(compiler, exitCode, stderr);
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
  for await (const { filename, source } of sources) {
    const name = Buffer.from(filename);
    const head = Buffer.alloc(8);
    head.writeUInt32LE(name.length, 0);
    head.writeUInt32LE(source.length, 4);
    sent();
    stdin.write(Buffer.concat([head, name]));
    if (!stdin.write(source)) {
      const drained = new Promise<boolean>((resolve) => stdin.once('drain', () => resolve(false)));
      // A program that has ended reads no more.
      if (await Promise.race([drained, over])) return;
    }
  }
  stdin.end();
}

/** The frames of the program's output; an incomplete one at the end is left out. */
async function* codesOf({ stdout }: PipedProgram): AsyncGenerator<Buffer | undefined> {
  let pending: Buffer[] = [];
  let length = 0;
  let wanted = 4;
  for await (const chunk of stdout as AsyncIterable<Buffer>) {
    pending.push(chunk);
    length += chunk.length;
    if (length < wanted) continue;
    let buffer = pending.length === 1 ? chunk : Buffer.concat(pending, length);
    for (;;) {
      wanted = 4;
      if (buffer.length < wanted) break;
      const size = buffer.readUInt32LE(0);
      if (size === NO_CODE) {
        yield undefined;
        buffer = buffer.subarray(4);
        continue;
      }
      wanted = 4 + size;
      if (buffer.length < wanted) break;
      yield buffer.subarray(4, wanted);
      buffer = buffer.subarray(wanted);
    }
    pending = buffer.length === 0 ? [] : [buffer];
    length = buffer.length;
  }
}

function failed(compiler: string, exitCode: number, stderr: string): LayerwrightError {
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
