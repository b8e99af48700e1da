import { cut, formatSeconds, painter } from './format.ts';
import { liveScreen } from './live.ts';
import type { ViewHost } from './view.ts';

/** Lines at the foot of a terminal for what is under way, each with its moving time; what is said stays above them. */
export interface LiveLines {
  readonly begin: (title: string) => LiveLine;
  /** A line that stays. */
  readonly say: (text: string) => void;
  /** Takes all lines away that move. */
  readonly close: () => void;
}

/** One of the lines that move. */
export interface LiveLine {
  readonly retitle: (title: string) => void;
  /** Takes it away. @param last what stays in its place, of how long it was there; default: nothing */
  readonly end: (last?: (time: string) => string) => void;
}

/** Opens the foot of the terminal; nothing is there as long as nothing is under way. */
export function liveLines(host: ViewHost): LiveLines {
  const running = new Map<symbol, { title: string; readonly started: number }>();
  const paint = painter(host.output.colour);
  let screen: ReturnType<typeof liveScreen> | undefined;
  let timer: NodeJS.Timeout | undefined;
  const since = (startedMs: number) => formatSeconds((host.clock.monotonicMs() - startedMs) / 1000);
  const draw = () => {
    screen ??= liveScreen(host.output.talkStream);
    screen.draw(
      [...running.values()].map(({ title, started }) => {
        const time = since(started);
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
  const resume = () => {
    if (running.size === 0 || timer) return;
    draw();
    timer = setInterval(draw, 100);
    timer.unref();
  };
  return {
    begin(title) {
      const id = Symbol(title);
      const line = { title, started: host.clock.monotonicMs() };
      running.set(id, line);
      resume();
      return {
        retitle(text) {
          line.title = text;
        },
        end(last) {
          close();
          running.delete(id);
          if (last !== undefined) host.output.talk(`${last(since(line.started))}\n`);
          resume();
        },
      };
    },
    say(text) {
      close();
      host.output.talk(`${text}\n`);
      resume();
    },
    close() {
      running.clear();
      close();
    },
  };
}
