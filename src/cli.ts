import { Command, CommanderError } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { EXIT, exitCodeOf, interruptedError, knownError } from './errors.ts';
import { type Host, processHost } from './host/host.ts';
import { emptyNetwork, withNetwork } from './host/network.ts';
import { errorRecord, renderError } from './report/error.ts';
import { defineBake } from './verbs/bake.ts';
import { defineBuild } from './verbs/build.ts';
import { defineCache } from './verbs/cache.ts';
import { defineCi } from './verbs/ci.ts';
import { defineConfig } from './verbs/config.ts';
import { defineDoctor } from './verbs/doctor.ts';
import { defineEngine } from './verbs/engine.ts';
import { defineExplain } from './verbs/explain.ts';
import { definePlan } from './verbs/plan.ts';
import type { DefineVerb } from './verbs/verb.ts';
import { defineVerify } from './verbs/verify.ts';

/** The commands, in the order of the help text. */
const VERBS: readonly DefineVerb[] = [
  defineBuild,
  defineBake,
  definePlan,
  defineExplain,
  defineVerify,
  defineCi,
  defineCache,
  defineEngine,
  defineConfig,
  defineDoctor,
];

/** argv -> command -> render -> exit code. Sets `process.exitCode`; the process ends when nothing is left to do. */
export async function main(argv: readonly string[] = process.argv.slice(2)): Promise<void> {
  const controller = new AbortController();
  const interrupt = () => controller.abort(interruptedError());
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  const host = await withNetwork(processHost(controller.signal), emptyNetwork);
  const words = normaliseBooleans(argv);
  const json = words.includes('--json');
  try {
    await program(host).parseAsync(words, { from: 'user' });
  } catch (error) {
    process.exitCode = report(host, error, json, controller.signal.aborted);
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, interrupt);
  }
}

/** Tells an error to people, and with `json` to machines too. Returns the exit code. */
function report(host: Host, thrown: unknown, json: boolean, interrupted: boolean): number {
  // Help and version are no errors.
  if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT.ok;
  const error = interrupted ? interruptedError() : knownError(thrown);
  if (interrupted) host.output.talk('interrupted\n');
  // Commander has printed its own message already.
  else if (!(error instanceof CommanderError))
    host.output.talk(renderError(error, { colour: host.output.colour }));
  if (json) host.output.data(`${JSON.stringify(errorRecord(error), undefined, 2)}\n`);
  return error instanceof CommanderError ? EXIT.usage : exitCodeOf(error);
}

/** buildx's flags may be given as `--push=true` or `--push=false`, in Go's spellings; commander knows only their presence. */
export function normaliseBooleans(argv: readonly string[]): readonly string[] {
  return argv.flatMap((word) => {
    const match =
      /^(--(?:push|load|pull|no-cache|json))=(?:(1|[tT]|true|True|TRUE)|0|[fF]|false|False|FALSE)$/.exec(
        word,
      );
    if (!match) return [word];
    if (match[2] !== undefined) return [match[1] as string];
    return match[1] === '--push' ? ['--no-push'] : [];
  });
}

function program(host: Host): Command {
  const root = new Command('layerwright')
    .description(
      'Container image builds of Python applications, fast and small on machines that forget everything between builds.',
    )
    .version(packageJson.version, '--version', 'print the version')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ writeOut: host.output.data, writeErr: host.output.talk });

  for (const define of VERBS) define(root, host);
  return root;
}
