import { plainSteps, type Steps, silentSteps } from '../host/steps.ts';
import { cut, formatSeconds, painter } from './format.ts';
import { liveScreen } from './live.ts';
import type { ViewHost } from './view.ts';
import type { ProgressMode } from './views.ts';

/** Steps on a terminal: a line with the moving time for each step under way, and one that stays when it ends. */
export function liveSteps(host: ViewHost): Steps {
  const running = new Map<symbol, { readonly title: string; readonly started: number }>();
  const paint = painter(host.output.colour);
  let screen: ReturnType<typeof liveScreen> | undefined;
  let timer: NodeJS.Timeout | undefined;
  const draw = () => {
    screen ??= liveScreen(host.output.talkStream);
    screen.draw(
      [...running.values()].map(({ title, started }) => {
        const time = since(host, started);
        return `${paint('cyan', '▸')} ${cut(title, host.output.columns() - time.length - 4)} ${paint('dim', time)}`;
      }),
    );
  };
  const close = () => {
    clearInterval(timer);
    screen?.close();
    timer = undefined;
    screen = undefined;
  };
  /** Writes a line that stays, above those that move. */
  const say = (text: string) => {
    close();
    host.output.talk(`${text}\n`);
    resume();
  };
  const resume = () => {
    if (running.size === 0 || timer) return;
    draw();
    timer = setInterval(draw, 100);
    timer.unref();
  };
  return {
    async step(title, work) {
      const id = Symbol(title);
      const started = host.clock.monotonicMs();
      running.set(id, { title, started });
      resume();
      try {
        const result = await work();
        running.delete(id);
        say(`${paint('green', '✓')} ${title}: done in ${since(host, started)}`);
        return result;
      } catch (error) {
        running.delete(id);
        // The reason is told by whoever catches the error.
        say(`${paint('red', '✗')} ${title}: failed after ${since(host, started)}`);
        throw error;
      }
    },
    note: say,
  };
}

/** How steps are told for each `--progress`: with `quiet` and `rawjson` nothing of ours is between the lines. */
export function stepsFor(host: ViewHost, mode: ProgressMode = 'auto'): Steps {
  if (mode === 'quiet' || mode === 'rawjson') return silentSteps;
  return mode === 'tty' || (mode === 'auto' && host.output.live) ? liveSteps(host) : plainSteps(host);
}

function since(host: ViewHost, startedMs: number): string {
  return formatSeconds((host.clock.monotonicMs() - startedMs) / 1000);
}
