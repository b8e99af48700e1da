import { toBuildRequest } from '../commands/build-request.ts';
import { explain } from '../commands/explain.ts';
import { addPlanOptions } from './plan.ts';
import { type CommonOptions, configured, type DefineVerb, print, verb } from './verb.ts';

/** `layerwright explain`. */
export const defineExplain: DefineVerb = (parent, host) => {
  addPlanOptions(
    verb(parent, 'explain', 'what changed since the last build, and what keeps builds from being faster'),
  ).action(async (context: string, options: CommonOptions, command) => {
    const { host: machine, options: all } = await configured(host, command, context);
    print(host, options, await explain(machine, toBuildRequest(machine.env, context, all)));
  });
};
