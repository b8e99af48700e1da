import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { interruptedError, knownError } from '../errors.ts';
import { refusalOf } from '../python/wheel-error.ts';
import { compileOrder } from './bytecode.ts';
import type { DependencyLayerRequest } from './layer.ts';
import { wheelSources } from './wheel-install.ts';
import { openZip } from './zip-file.ts';

/**
 * Writes what the compiling script reads of each wheel of a layer, for a Python that is not on this machine. What it answers makes the
 * layer's `compiler`.
 *
 * @param directory absolute, made if it is not there; a file `WHEEL_SHA256` comes into it for each wheel that has Python sources
 * @returns the names of the files
 * @throws LayerwrightError `WHEEL_INVALID` (1), `DISK_FULL` (75), `FILE_UNUSABLE` (2), `INTERRUPTED` (130)
 */
export async function writeCompileOrders(
  request: DependencyLayerRequest,
  directory: string,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const written: string[] = [];
  await mkdir(directory, { recursive: true });
  for (const wheel of request.wheels) {
    if (signal?.aborted) throw interruptedError();
    const zip = await openZip(wheel.file, refusalOf(`${wheel.name} ${wheel.version}`));
    try {
      const sources = await wheelSources(wheel, zip, request);
      if (sources === undefined) continue;
      await writeWhole(join(directory, wheel.sha256), compileOrder(sources));
      written.push(wheel.sha256);
    } finally {
      await zip.close();
    }
  }
  return written;
}

async function writeWhole(path: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    const handle = await open(path, 'wx', 0o644);
    await pipeline(pieces, handle.createWriteStream());
  } catch (error) {
    // What is wrong with a wheel comes this way too, as an error of ours.
    throw error instanceof Error && 'path' in error
      ? knownError(error)
      : knownError(Object.assign(error as Error, { path }));
  }
}
