import { withoutAuthorities } from '../dockerfile/rewrite.ts';
import type { Builder } from '../engine/builder.ts';
import type { BuildxCall } from '../engine/buildx.ts';
import { type BuildProgress, type BuildState, createBuildProgress, failedStep } from '../engine/progress.ts';
import { progressMask } from '../engine/progress-mask.ts';
import { type BuildMetadata, solve } from '../engine/solve.ts';
import type { Host } from '../host/host.ts';
import { stepsFor } from '../report/steps.ts';
import { progressView } from '../report/views.ts';
import { secretArguments } from './build-call.ts';
import type { BuildRequest } from './build-request.ts';

/**
 * Has buildx build, with its progress shown.
 *
 * @throws LayerwrightError those of `solve`
 */
export async function runBuildx(
  host: Host,
  request: BuildRequest,
  call: Omit<BuildxCall, 'metadataFile' | 'builder'>,
  builder: Builder,
): Promise<{ metadata: BuildMetadata; state: BuildState }> {
  let attempt = watched(host, request);
  try {
    const metadata = await solve(host, builder, call, {
      begin() {
        if (attempt.state.outcome !== undefined) attempt = watched(host, request);
      },
      line: (line) => attempt.feed(withoutAuthorities(line)),
      failure() {
        const { state } = attempt;
        const failed = failedStep(state);
        return { text: state.text.join('\n'), step: failed?.name, stepLog: failed?.log.lines ?? [] };
      },
      retry(error) {
        attempt.end('failed');
        stepsFor(host, request.progress).note(`${error.message}: trying again`);
      },
    });
    attempt.end('built');
    return { metadata, state: attempt.state };
  } catch (error) {
    attempt.end(host.signal.aborted ? 'interrupted' : 'failed');
    throw error;
  }
}

/** Progress with the view that shows it; ended once, however often it is told so. */
function watched(host: Host, request: BuildRequest): BuildProgress {
  const progress = createBuildProgress(host.clock);
  const view = progressView(request.progress, host);
  const mask = progressMask(secretArguments(host, request));
  return {
    get state() {
      return progress.state;
    },
    feed(line) {
      const shown = mask(line);
      progress.feed(shown);
      view.update(progress.state, shown);
    },
    end(outcome) {
      if (progress.state.outcome !== undefined) return;
      progress.end(outcome);
      view.finish(progress.state, outcome);
    },
  };
}
