import type { Host } from './host.ts';

/** Tells a person what is being done and how long each step took. */
export interface Steps {
  /** Runs `work` as a named step: one line when it begins, one when it ends. */
  readonly step: <T>(title: string, work: () => Promise<T>) => Promise<T>;
  /** One line in between. */
  readonly note: (text: string) => void;
}

/** Steps as plain lines on standard error: `title ...`, then `title: done in 1.2 s`. */
export function plainSteps(host: Pick<Host, 'output' | 'clock'>): Steps {
  return {
    async step(title, work) {
      const started = host.clock.monotonicMs();
      host.output.talk(`${title} ...\n`);
      const result = await work();
      host.output.talk(`${title}: done in ${((host.clock.monotonicMs() - started) / 1000).toFixed(1)} s\n`);
      return result;
    },
    note: (text) => host.output.talk(`${text}\n`),
  };
}

/** Steps that say nothing. */
export const silentSteps: Steps = { step: (_title, work) => work(), note: () => {} };
