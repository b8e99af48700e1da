import { run } from '../../src/host/exec.ts';

/**
 * Runs Python code in which pip's own `packaging` is imported, with `cases` as JSON on standard input and JSON out.
 *
 * @returns undefined if there is no python3 with pip on this machine
 */
export async function askPip<T>(code: string, cases: unknown): Promise<T | undefined> {
  const probe = await run(['python3', '-c', 'import pip._vendor.packaging.tags']).catch(() => undefined);
  if (probe?.exitCode !== 0) return undefined;
  const result = await run(['python3', '-W', 'ignore', '-c', `${PRELUDE}${code}`], {
    input: JSON.stringify(cases),
  });
  if (result.exitCode !== 0) throw new Error(result.stderr);
  return JSON.parse(result.stdout) as T;
}

const PRELUDE = `
import json, sys
from pip._vendor.packaging import markers, requirements, specifiers, tags, version
cases = json.load(sys.stdin)
def answer(value):
    json.dump(value, sys.stdout)
`;

/** Numbers that look random and are the same in every run (mulberry32). */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
