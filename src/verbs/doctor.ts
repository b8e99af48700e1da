import { doctor } from '../commands/doctor.ts';
import { addSettingOptions } from './settings.ts';
import { asked, type CommonOptions, type DefineVerb, print, verb } from './verb.ts';

/** `layerwright doctor`. */
export const defineDoctor: DefineVerb = (parent, host) => {
  addSettingOptions(
    verb(parent, 'doctor', 'whether everything is there that a build with the same words needs'),
  ).action(async (context: string, options: CommonOptions, command) => {
    const result = await doctor(host, asked(command, context));
    print(host, options, result);
    // What was found is no error of the command; its exit code tells it all the same.
    process.exitCode = result.exit;
  });
};
