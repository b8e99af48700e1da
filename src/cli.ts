import { Command, CommanderError, Option } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { build } from './commands/build.ts';
import { addBuildOptions } from './commands/build-options.ts';
import { toBuildRequest } from './commands/build-request.ts';
import { engineInstall, engineStatus, engineStop } from './commands/engine.ts';
import { EXIT, exitCodeOf, interruptedError, knownError } from './errors.ts';
import { type Host, processHost } from './host/host.ts';
import { errorRecord, renderError } from './report/error.ts';
import { type ProgressMode, progressModes } from './report/views.ts';

/** argv -> command -> render -> exit code. Sets `process.exitCode`; the process ends when nothing is left to do. */
export async function main(argv: readonly string[] = process.argv.slice(2)): Promise<void> {
  const controller = new AbortController();
  const interrupt = () => controller.abort(interruptedError());
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  const host = processHost(controller.signal);
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
    return match[2] === undefined ? [] : [match[1] as string];
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

  addBuildOptions(verb(root, 'build', 'build an image from a Dockerfile and push, load or export it')).action(
    async (context: string | undefined, options) => {
      await build(host, toBuildRequest(host.env, context, options));
    },
  );

  const engine = root.command('engine').description('BuildKit and buildx: find, provision, stop');
  const print = ({ json }: CommonOptions, result: { record: unknown; text: string }) =>
    host.output.data(json ? `${JSON.stringify(result.record, undefined, 2)}\n` : result.text);
  verb(
    engine,
    'install',
    'find Docker with buildx, or BuildKit and buildx on PATH; provision what is missing',
  ).action(async (options: CommonOptions) => print(options, await engineInstall(host, options.progress)));
  verb(engine, 'status', 'what is there, from where, and whether it runs').action(
    async (options: CommonOptions) => print(options, await engineStatus(host)),
  );
  verb(engine, 'stop', 'stop the BuildKit that Layerwright started')
    .option('--force', 'stop it although a build uses it')
    .action(async (options: CommonOptions & { force?: boolean }) =>
      print(options, await engineStop(host, { force: options.force ?? false })),
    );
  return root;
}

/** What every command has. */
interface CommonOptions {
  readonly progress: ProgressMode;
  readonly json?: boolean;
}

function verb(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .addOption(new Option('--progress <mode>', 'how to show progress').choices(progressModes).default('auto'))
    .option('--json', 'print the result as one JSON object on standard output')
    .version(packageJson.version, '--version', 'print the version');
}
