import { Command } from 'commander';
import { KEY_NAMES, keyOf } from '../config/keys.ts';
import { addBuildOptions } from './build.ts';

/** Adds the context and the options that are settings, so that a command can be asked about a build with the same words. */
export function addSettingOptions(command: Command): Command {
  const flags = KEY_NAMES.map((name) => keyOf(name).flag);
  const defined = new Set(command.options.map(({ long }) => long));
  const build = addBuildOptions(new Command());
  for (const argument of build.registeredArguments) command.addArgument(argument);
  for (const option of build.options)
    if (!defined.has(option.long) && flags.includes(option.long?.replace('--no-push', '--push')))
      command.addOption(option);
  return command.option('--store <url>', 'store of directory caches: s3://BUCKET/PREFIX or file:///DIR');
}
