import { type Clock, systemClock } from './clock.ts';
import { type Run, run } from './exec.ts';
import { emptyNetwork, type NetworkSettings } from './network.ts';
import { type Output, processOutput } from './output.ts';

/** Everything outside our own memory, in one argument: tests hand in another. */
export interface Host {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly clock: Clock;
  readonly run: Run;
  readonly fetch: typeof fetch;
  /** How registries are reached; set by `withNetwork`, which makes `fetch` fit. */
  readonly network: NetworkSettings;
  readonly output: Output;
  /** Aborted when the user presses Ctrl-C or the CI ends us. */
  readonly signal: AbortSignal;
}

/** The real machine. */
export function processHost(signal: AbortSignal): Host {
  return {
    env: process.env,
    cwd: process.cwd(),
    clock: systemClock,
    run,
    fetch: (input, init) => fetch(input, init),
    network: emptyNetwork,
    output: processOutput(),
    signal,
  };
}
