import { interruptedError } from '../src/errors.ts';
import type { Host } from '../src/host/host.ts';

/**
 * Runs works at the same time. When one fails the others are interrupted; all of them have ended when this settles.
 *
 * @returns their results, in the works' order
 * @throws what the first that failed threw
 */
export async function sideBySide<T>(
  host: Host,
  works: readonly ((host: Host) => Promise<T>)[],
): Promise<T[]> {
  const controller = new AbortController();
  const shared: Host = { ...host, signal: AbortSignal.any([host.signal, controller.signal]) };
  const failures: unknown[] = [];
  const results = await Promise.all(
    works.map(async (work) => {
      try {
        return { value: await work(shared) };
      } catch (error) {
        failures.push(error);
        controller.abort(interruptedError());
        return undefined;
      }
    }),
  );
  if (failures.length > 0) throw failures[0];
  return results.flatMap((result) => (result === undefined ? [] : [result.value]));
}
