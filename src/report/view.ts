import type { BuildOutcome, BuildState } from '../engine/progress.ts';
import type { Host } from '../host/host.ts';

/** Shows a build while it runs. */
export interface ProgressView {
  /** To be called for each line that was fed into the state, with that line. */
  readonly update: (state: BuildState, line: string) => void;
  /** To be called once, also after a failure. Gives the terminal back. */
  readonly finish: (state: BuildState, outcome: BuildOutcome) => void;
}

/** What a view needs of the machine. */
export type ViewHost = Pick<Host, 'output' | 'clock'>;
