import { type Command, Option } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { type Asked, type Configured, configure } from '../commands/configure.ts';
import type { Host } from '../host/host.ts';
import { type ProgressMode, progressModes } from '../report/views.ts';

/** Adds a command and its options below another one. */
export type DefineVerb = (parent: Command, host: Host) => void;

/** What every command has. */
export interface CommonOptions {
  readonly progress: ProgressMode;
  readonly json?: boolean;
}

/** A command with the options that every command has. */
export function verb(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .addOption(new Option('--progress <mode>', 'how to show progress').choices(progressModes).default('auto'))
    .option('--json', 'print the result as one JSON object on standard output')
    .option(
      '--config <file>',
      'configuration file, or none (default: layerwright.yml here or in the context)',
    )
    .version(packageJson.version, '--version', 'print the version');
}

/** What the command line asks of a command; commander tells a default from what was given. */
export function asked(command: Command, context?: string): Asked {
  const options = command.opts();
  const given = Object.entries(options).filter(([name]) => command.getOptionValueSource(name) === 'cli');
  return { context, options, given: Object.fromEntries(given) };
}

/** Flags, environment and configuration file together, as a command's action gets them. */
export function configured(host: Host, command: Command, context?: string): Promise<Configured> {
  return configure(host, asked(command, context));
}

/** An option that may be given several times: its value is an array in the order of the command line. */
export function repeatable(flags: string, description: string): Option {
  const option = new Option(flags, description).argParser((value: string, before: string[] | undefined) => [
    ...(before ?? []),
    value,
  ]);
  // Commander takes every `--no-...` for a switch, also `--no-cache-filter STAGE`.
  option.negate = false;
  return option;
}

/** Prints what a command found or did: text for people, or with `--json` the record for programs. */
export function print(
  host: Host,
  { json }: CommonOptions,
  result: { readonly record: unknown; readonly text: string },
): void {
  host.output.data(json ? `${JSON.stringify(result.record, undefined, 2)}\n` : result.text);
}
