import { Command, CommanderError, Option } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { build } from './commands/build.ts';
import { addBuildOptions, toBuildRequest } from './commands/build-options.ts';
import { engineInstall, engineStatus, engineStop } from './commands/engine.ts';
import { EXIT, exitCodeOf, interruptedError, LayerwrightError } from './errors.ts';
import { type Host, processHost } from './host/host.ts';
import { renderError } from './report/error.ts';
import { progressModes } from './report/views.ts';

/** argv -> command -> render -> exit code. Sets `process.exitCode`; the process ends when nothing is left to do. */
export async function main(argv: readonly string[] = process.argv.slice(2)): Promise<void> {
  const controller = new AbortController();
  const interrupt = () => controller.abort(interruptedError());
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  const host = processHost(controller.signal);
  const json = argv.includes('--json');
  try {
    await program(host).parseAsync(normaliseBooleans(argv), { from: 'user' });
  } catch (error) {
    process.exitCode = report(host, error, json, controller.signal.aborted);
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, interrupt);
  }
}

function report(host: Host, error: unknown, json: boolean, interrupted: boolean): number {
  // Commander has printed its own message already; help and version are no errors.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (interrupted) {
    host.output.talk('interrupted\n');
    return EXIT.interrupted;
  }
  host.output.talk(renderError(error, { colour: host.output.colour }));
  if (json) {
    const known = error instanceof LayerwrightError ? error : undefined;
    const record = {
      schemaVersion: 1,
      outcome: 'failed',
      error: {
        code: known?.code ?? 'BUG',
        message: (error as Error).message,
        hint: known?.hint,
        temporary: known?.temporary ?? false,
      },
    };
    host.output.data(`${JSON.stringify(record, undefined, 2)}\n`);
  }
  return exitCodeOf(error);
}

/** buildx's flags may be given as `--push=true` or `--push=false`; commander knows only their presence. */
export function normaliseBooleans(argv: readonly string[]): readonly string[] {
  return argv.flatMap((word) => {
    const match = /^(--(?:push|load|pull|no-cache|json))=(true|false|1|0)$/.exec(word);
    if (!match) return [word];
    return match[2] === 'true' || match[2] === '1' ? [match[1] as string] : [];
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

  addBuildOptions(root.command('build'))
    .description('build an image from a Dockerfile and push, load or export it')
    .addOption(new Option('--progress <mode>', 'how to show progress').choices(progressModes).default('auto'))
    .option('--json', 'print the result as one JSON object on standard output')
    .action(async (context: string | undefined, options) => {
      await build(host, toBuildRequest(host.env, context, options));
    });

  const engine = root.command('engine').description('BuildKit and buildx: find, provision, stop');
  const print = (json: boolean | undefined, result: { record: unknown; text: string }) =>
    json
      ? host.output.data(`${JSON.stringify(result.record, undefined, 2)}\n`)
      : host.output.data(result.text);
  engine
    .command('install')
    .description('find Docker with buildx, or BuildKit and buildx on PATH; provision what is missing')
    .option('--json', 'print the result as one JSON object')
    .action(async (options: { json?: boolean }) => print(options.json, await engineInstall(host)));
  engine
    .command('status')
    .description('what is there, from where, and whether it runs')
    .option('--json', 'print the result as one JSON object')
    .action(async (options: { json?: boolean }) => print(options.json, await engineStatus(host)));
  engine
    .command('stop')
    .description('stop the BuildKit that Layerwright started')
    .option('--force', 'stop it although a build uses it')
    .option('--json', 'print the result as one JSON object')
    .action(async (options: { json?: boolean; force?: boolean }) =>
      print(options.json, await engineStop(host, { force: options.force ?? false })),
    );
  return root;
}
