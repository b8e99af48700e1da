import { stat } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { interruptedError } from '../errors.ts';
import type { DependencyLayerRequest, MadeLayer } from './layer.ts';
import { type FromWorker, type ToWorker, unpackFailure } from './layer-messages.ts';

/** Threads that make dependency layers. */
export interface LayerPool {
  /** As `makeDependencyLayer`, on a thread. Of those that wait, the one with the largest wheels is begun first. */
  readonly make: (request: DependencyLayerRequest) => Promise<MadeLayer>;
  /** As `writeCompileOrders`, on a thread. */
  readonly order: (request: DependencyLayerRequest, directory: string) => Promise<readonly string[]>;
  /** Ends the threads; what is not done is rejected as `INTERRUPTED`. */
  readonly close: () => Promise<void>;
}

export interface LayerPoolOptions {
  /** How many layers are made at a time, 1 or more. */
  readonly size: number;
  /** Where blobs and temporary files are made: existing, absolute. */
  readonly directory: string;
  readonly signal?: AbortSignal;
}

interface Job {
  readonly message: Exclude<ToWorker, { readonly abort: true }>;
  /** Bytes of its wheels. */
  readonly weight: number;
  readonly resolve: (answer: FromWorker) => void;
  readonly reject: (error: unknown) => void;
}

/** In a checkout this file is TypeScript and so is the worker; in the bundle both are files of one directory. */
const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './layer-worker.ts' : './layer-worker.js',
  import.meta.url,
);

/** A small young generation is collected often, and with it the buffers that only its small handles keep: half the memory. */
const YOUNG_MB = 4;

/** A pool of threads, which start when there is something to do and do not keep the process alive when there is not. */
export function layerPool({ size, directory, signal }: LayerPoolOptions): LayerPool {
  const waiting: Job[] = [];
  const idle: Thread[] = [];
  const threads = new Set<Thread>();
  let closed = false;

  const next = (): void => {
    const job = waiting[0];
    if (job === undefined || closed) return;
    const thread = idle.pop() ?? (threads.size < size ? started() : undefined);
    if (thread === undefined) return;
    waiting.shift();
    thread.run(job.message).then(
      (answer) => {
        idle.push(thread);
        if ('failure' in answer) job.reject(unpackFailure(answer.failure));
        else job.resolve(answer);
        next();
      },
      (error: unknown) => {
        // The thread itself is gone: the next job gets a new one.
        threads.delete(thread);
        job.reject(closed ? interruptedError() : error);
        next();
      },
    );
  };
  const started = (): Thread => {
    const thread = startThread();
    threads.add(thread);
    return thread;
  };
  const abort = (): void => {
    for (const job of waiting.splice(0)) job.reject(interruptedError());
    for (const thread of threads) thread.abort();
  };
  signal?.addEventListener('abort', abort, { once: true });
  const answerTo = async (message: Job['message'], request: DependencyLayerRequest): Promise<FromWorker> => {
    const weight = await weightOf(request);
    return await new Promise((resolve, reject) => {
      if (closed || signal?.aborted) {
        reject(interruptedError());
        return;
      }
      const job = { message, weight, resolve, reject };
      const place = waiting.findIndex((other) => other.weight < weight);
      waiting.splice(place < 0 ? waiting.length : place, 0, job);
      next();
    });
  };
  return {
    async make(request) {
      const answer = await answerTo({ make: request, directory }, request);
      if ('made' in answer) return answer.made;
      throw new Error('a thread has not made the layer that it was told to make');
    },
    async order(request, into) {
      const answer = await answerTo({ order: request, directory: into }, request);
      if ('ordered' in answer) return answer.ordered;
      throw new Error('a thread has not written the orders that it was told to write');
    },
    close: async () => {
      closed = true;
      signal?.removeEventListener('abort', abort);
      abort();
      await Promise.all([...threads].map((thread) => thread.end()));
    },
  };
}

/** Files that are not there are reported by the thread. */
async function weightOf(request: DependencyLayerRequest): Promise<number> {
  const sizes = await Promise.all(
    request.wheels.map(({ file }) =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

type Thread = ReturnType<typeof startThread>;

function startThread() {
  const worker = new Worker(WORKER, { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } });
  const say = (message: ToWorker) => worker.postMessage(message);
  let done: Promise<unknown> = Promise.resolve();
  return {
    /** Rejects if the thread ends before it has answered. */
    run: (message: ToWorker): Promise<FromWorker> => {
      worker.ref();
      const answer = new Promise<FromWorker>((resolve, reject) => {
        const settle = (how: () => void) => {
          worker.off('message', onMessage).off('error', onError).off('exit', onExit);
          worker.unref();
          how();
        };
        const onMessage = (one: FromWorker) => settle(() => resolve(one));
        const onError = (error: unknown) => settle(() => reject(error));
        const onExit = () => settle(() => reject(new Error('a thread that makes layers has ended')));
        worker.on('message', onMessage).on('error', onError).on('exit', onExit);
      });
      done = answer.catch(() => {});
      say(message);
      return answer;
    },
    abort: () => say({ abort: true }),
    /** Waits for what it is doing, which has been told to stop, so that it removes its temporary files. */
    end: async () => {
      await done;
      await worker.terminate();
    },
  };
}
