/** A thread that makes dependency layers, and orders to compile for them, one at a time: a file of its own in the bundle, started by `layer-pool.ts`. */
import { parentPort } from 'node:worker_threads';
import { writeCompileOrders } from './compile-order.ts';
import { makeDependencyLayer } from './dependency-layer.ts';
import { type FromWorker, packFailure, type ToWorker } from './layer-messages.ts';

const aborting = new AbortController();

async function answer(message: ToWorker): Promise<void> {
  if ('abort' in message) {
    aborting.abort();
    return;
  }
  const answered = await work(message).catch((error: unknown) => ({ failure: packFailure(error) }));
  parentPort?.postMessage(answered);
}

async function work(message: Exclude<ToWorker, { readonly abort: true }>): Promise<FromWorker> {
  const { signal } = aborting;
  return 'make' in message
    ? { made: await makeDependencyLayer(message.make, message.directory, signal) }
    : { ordered: await writeCompileOrders(message.order, message.directory, signal) };
}

parentPort?.on('message', answer);
