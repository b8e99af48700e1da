import type { Host } from '../../host/host.ts';
import type { Mask } from './mask.ts';

/** The build's log, as CodeBuild writes it. Secrets are hidden in all of it. */
export interface BuildLog {
  /** A line of the runner's own. */
  readonly line: (text: string) => void;
  /** A piece of the commands' output, as it comes. */
  readonly output: (text: string) => void;
  /** The end of the output since the last call, and what was kept back of it is written. */
  readonly takeOutput: () => string;
}

/** How much of a command's output is kept for `on-failure: RETRY-regex`, in characters. */
const KEPT_OUTPUT = 64 * 1024;

/**
 * @param quiet writes nothing; the end of the output is kept all the same
 */
export function buildLog(host: Pick<Host, 'output' | 'clock'>, mask: Mask, quiet: boolean): BuildLog {
  let atLineStart = true;
  let kept = '';
  const write = (text: string) => {
    if (text === '') return;
    if (!quiet) host.output.talk(text);
    atLineStart = text.endsWith('\n');
  };
  const output = (text: string) => {
    kept = (kept + text).slice(-KEPT_OUTPUT);
    write(mask.stream(text));
  };
  const flush = () => {
    write(mask.rest());
    const text = kept;
    kept = '';
    return text;
  };
  return {
    output,
    takeOutput: flush,
    line(text) {
      write(mask.rest());
      if (!atLineStart) write('\n');
      write(`[Container] ${timeOf(host.clock.now())} ${mask.whole(text)}\n`);
    },
  };
}

/** `2026/01/02 03:04:05`, in UTC. */
function timeOf(now: Date): string {
  return now.toISOString().slice(0, 19).replaceAll('-', '/').replace('T', ' ');
}
