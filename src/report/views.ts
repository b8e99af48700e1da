import { liveView } from './live.ts';
import { plainView } from './plain.ts';
import type { ProgressView, ViewHost } from './view.ts';

/** The ways to show a build, by the value of `--progress`. */
export const views = {
  tty: liveView,
  plain: plainView,
  rawjson: (host: ViewHost): ProgressView => ({
    // buildx writes warnings and errors as text between its lines of JSON; ours tell of them at the end.
    update: (_state, line) => {
      if (line.startsWith('{')) host.output.talk(`${line}\n`);
    },
    finish: () => {},
  }),
  quiet: (): ProgressView => ({ update: () => {}, finish: () => {} }),
} as const satisfies Record<string, (host: ViewHost) => ProgressView>;

/** A value of `--progress`. */
export type ProgressMode = 'auto' | keyof typeof views;

/** The values of `--progress`, for help and checks. */
export const progressModes: readonly ProgressMode[] = ['auto', 'tty', 'plain', 'rawjson', 'quiet'];

/** The view for `--progress MODE`; `auto` is live on a terminal and plain elsewhere. */
export function progressView(mode: ProgressMode, host: ViewHost): ProgressView {
  return views[mode === 'auto' ? (host.output.live ? 'tty' : 'plain') : mode](host);
}
