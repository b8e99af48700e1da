/**
 * Applies work to what a source yields, several at a time, and yields the results in the source's order.
 *
 * @param ahead how many are under way at most
 */
export async function* inOrder<T, R>(
  source: AsyncIterable<T>,
  ahead: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const queue: Promise<R>[] = [];
  for await (const item of source) {
    const result = work(item);
    // Told when its turn comes; until then it is no unhandled rejection.
    result.catch(() => {});
    queue.push(result);
    if (queue.length >= ahead) yield (await queue.shift()) as R;
  }
  while (queue.length > 0) yield (await queue.shift()) as R;
}

/** Work that runs beside the caller, so many at a time. */
export interface SideWork {
  /** Starts work, once there is room for it. @throws what an earlier one threw */
  readonly add: (work: () => Promise<void>) => Promise<void>;
  /** Resolves when all of it has ended. @throws the first error */
  readonly done: () => Promise<void>;
  /** Resolves when all of it has ended, well or not. */
  readonly settled: () => Promise<void>;
}

export function sideWork(limit: number): SideWork {
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const settled = async () => {
    await Promise.all(running);
  };
  const check = () => {
    if (failures.length > 0) throw failures[0];
  };
  return {
    settled,
    async add(work) {
      while (running.size >= limit) await Promise.race(running);
      check();
      const one: Promise<void> = work()
        .catch((error: unknown) => void failures.push(error))
        .finally(() => running.delete(one));
      running.add(one);
    },
    async done() {
      await settled();
      check();
    },
  };
}
