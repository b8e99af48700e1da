import { plainSteps, type Steps, silentSteps } from '../host/steps.ts';
import { painter } from './format.ts';
import { liveLines } from './live-lines.ts';
import type { ViewHost } from './view.ts';
import type { ProgressMode } from './views.ts';

/** Steps on a terminal: a line with the moving time for each step under way, and one that stays when it ends. */
export function liveSteps(host: ViewHost): Steps {
  const lines = liveLines(host);
  const paint = painter(host.output.colour);
  return {
    async step(title, work) {
      const line = lines.begin(title);
      try {
        const result = await work();
        line.end((time) => `${paint('green', '✓')} ${title}: done in ${time}`);
        return result;
      } catch (error) {
        // The reason is told by whoever catches the error.
        line.end((time) => `${paint('red', '✗')} ${title}: failed after ${time}`);
        throw error;
      }
    },
    note: lines.say,
  };
}

/** How steps are told for each `--progress`: with `quiet` and `rawjson` nothing of ours is between the lines. */
export function stepsFor(host: ViewHost, mode: ProgressMode = 'auto'): Steps {
  if (mode === 'quiet' || mode === 'rawjson') return silentSteps;
  return isLive(host, mode) ? liveSteps(host) : plainSteps(host);
}

/** True if lines that move may be used. */
export function isLive({ output }: ViewHost, mode: ProgressMode): boolean {
  return mode === 'tty' || (mode === 'auto' && output.live);
}
