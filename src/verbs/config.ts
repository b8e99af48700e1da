import { config } from '../commands/config.ts';
import { configurationFor } from '../commands/configure.ts';
import { addSettingOptions } from './settings.ts';
import { asked, type CommonOptions, type DefineVerb, print, verb } from './verb.ts';

/** `layerwright config`. */
export const defineConfig: DefineVerb = (parent, host) => {
  addSettingOptions(verb(parent, 'config', 'what is configured for a build, and where each value comes from'))
    .option('--all', 'also what nobody gave: defaults, and settings without a value')
    .action(async (context: string, options: CommonOptions & { all?: boolean }, command) => {
      const configuration = await configurationFor(host, asked(command, context));
      print(host, options, config(host, configuration, { all: options.all ?? false }));
    });
};
