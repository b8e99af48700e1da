import { run } from '../../src/host/exec.ts';
import type { Host } from '../../src/host/host.ts';
import { emptyNetwork } from '../../src/host/network.ts';

/** A host for tests: real programs and network, captured output, a clock that can be set. */
export interface TestHost extends Host {
  /** What was written to standard output and standard error so far. */
  readonly written: { data: string; talk: string };
  readonly abort: () => void;
}

export function testHost(overrides: Partial<Host> & { now?: Date } = {}): TestHost {
  const controller = new AbortController();
  const written = { data: '', talk: '' };
  const { now, ...rest } = overrides;
  return {
    env: process.env,
    cwd: process.cwd(),
    clock: { now: () => now ?? new Date(), monotonicMs: () => performance.now() },
    run,
    fetch: (input, init) => fetch(input, init),
    network: emptyNetwork,
    output: {
      data: (text) => {
        written.data += text;
      },
      talk: (text) => {
        written.talk += text;
      },
      talkStream: process.stderr,
      live: false,
      colour: false,
      dataColour: false,
      columns: () => 100,
    },
    signal: controller.signal,
    written,
    abort: () => controller.abort(),
    ...rest,
  };
}
