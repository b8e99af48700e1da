import { stripVTControlCharacters } from 'node:util';
import { createLogUpdate } from 'log-update';
import type { BuildState } from '../engine/progress.ts';
import { displayWidth, painter } from './format.ts';
import { liveFrame } from './live-frame.ts';
import type { ProgressView, ViewHost } from './view.ts';

/** Milliseconds between two frames: at most ten a second. */
const FRAME_MS = 100;

/**
 * A view that is redrawn in place on a terminal. The cursor is hidden meanwhile; it comes back in `finish`, and at
 * the end of the process also when that was never called.
 */
export function liveView(host: ViewHost): ProgressView {
  const { output, clock } = host;
  const screen = liveScreen(output.talkStream);
  const paint = painter(output.colour);
  let latest: BuildState | undefined;
  let drawnMs = Number.NEGATIVE_INFINITY;
  const frame = (state: BuildState, rows: number) =>
    liveFrame(state, clock.monotonicMs(), { columns: columnsOf(output.talkStream), rows, paint });
  const draw = () => {
    if (!latest) return;
    drawnMs = clock.monotonicMs();
    // One row stays free: the cursor stands below the frame.
    screen.draw(frame(latest, (output.talkStream.rows ?? 24) - 1));
  };
  const timer = setInterval(draw, FRAME_MS);
  timer.unref();
  return {
    update(state) {
      latest = state;
      if (clock.monotonicMs() - drawnMs >= FRAME_MS) draw();
    },
    finish(state) {
      clearInterval(timer);
      screen.close();
      output.talk(`${frame(state, Number.POSITIVE_INFINITY).join('\n')}\n`);
    },
  };
}

/** Lines of a terminal that are replaced by the next ones. */
export interface LiveScreen {
  readonly draw: (lines: readonly string[]) => void;
  /** Removes the lines and gives the cursor back. */
  readonly close: () => void;
}

/** Opens the lines at the cursor for redrawing. Follows a change of the terminal's size. */
export function liveScreen(stream: NodeJS.WriteStream): LiveScreen {
  const log = createLogUpdate(stream);
  let drawn: readonly string[] = [];
  // A narrower terminal has already folded our lines: there are more of them to erase than were written.
  const onResize = () => {
    const columns = columnsOf(stream);
    const folded = drawn.reduce(
      (rows, line) => rows + Math.max(0, Math.ceil(printedWidth(line) / columns) - 1),
      0,
    );
    log.clear();
    if (folded > 0) stream.write(`\u001b[${folded}A\r\u001b[J`);
    drawn = [];
  };
  stream.on('resize', onResize);
  return {
    draw(lines) {
      drawn = lines;
      log(lines.join('\n'));
    },
    close() {
      stream.off('resize', onResize);
      log.clear();
      log.done();
    },
  };
}

function printedWidth(line: string): number {
  return displayWidth(stripVTControlCharacters(line));
}

function columnsOf(stream: NodeJS.WriteStream): number {
  return stream.columns || 80;
}
