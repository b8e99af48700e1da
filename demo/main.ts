import { EXIT, exitCodeOf, interruptedError, usageError } from '../src/errors.ts';
import { type Host, processHost } from '../src/host/host.ts';
import { renderError } from '../src/report/error.ts';

/**
 * Runs a demonstration with what every command has: errors told, Ctrl-C heeded, the contract's exit codes.
 *
 * @param what what it is called where it cannot run
 */
export async function asRoot(work: (host: Host) => Promise<void>, what = 'demo'): Promise<void> {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => controller.abort(interruptedError()));
  const host = processHost(controller.signal);
  try {
    if (process.platform !== 'linux' || process.getuid?.() !== 0)
      throw usageError(
        'DEMO_NEEDS_ROOT',
        `the ${what} starts a registry and builders of its own, which needs Linux and root`,
        'Run it as root on Linux, e.g. in a container that may mount (--privileged).',
      );
    await work(host);
  } catch (error) {
    if (controller.signal.aborted) {
      host.output.talk('interrupted\n');
      process.exitCode = EXIT.interrupted;
      return;
    }
    host.output.talk(renderError(error, { colour: host.output.colour }));
    process.exitCode = exitCodeOf(error);
  }
}
