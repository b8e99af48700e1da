/** A thread that makes dependency layers, one at a time: a file of its own in the bundle, started by `layer-pool.ts`. */
import { parentPort } from 'node:worker_threads';
import { makeDependencyLayer } from './dependency-layer.ts';
import { type FromWorker, packFailure, type ToWorker } from './layer-messages.ts';

const aborting = new AbortController();

async function answer(message: ToWorker): Promise<void> {
  if ('abort' in message) {
    aborting.abort();
    return;
  }
  const answered: FromWorker = await makeDependencyLayer(
    message.make,
    message.directory,
    aborting.signal,
  ).then(
    (made) => ({ made }),
    (error: unknown) => ({ failure: packFailure(error) }),
  );
  parentPort?.postMessage(answered);
}

parentPort?.on('message', answer);
