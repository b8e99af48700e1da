import { Command } from 'commander';
import { toBuildRequest } from '../commands/build-request.ts';
import { plan } from '../commands/plan.ts';
import { addBuildOptions } from './build.ts';
import { type CommonOptions, configured, type DefineVerb, print, verb } from './verb.ts';

/** What of `build` decides a plan. */
const OF_BUILD = new Set([
  ...[
    '--file',
    '--tag',
    '--target',
    '--platform',
    '--build-arg',
    '--cache-from',
    '--cache-to',
    '--cache-repo',
  ],
  ...['--compression', '--no-cache', '--ca', '--plain-http', '--source-date-epoch'],
  // They are part of what a RUN comes to.
  ...['--add-host', '--allow', '--cgroup-parent', '--network', '--shm-size', '--ulimit'],
]);

/** Adds the options of `build` that decide a plan. */
export function addPlanOptions(command: Command): Command {
  command.argument('[context]', 'directory with what is built', '.');
  for (const option of addBuildOptions(new Command()).options)
    if (OF_BUILD.has(option.long ?? '')) command.addOption(option);
  return command;
}

/** `layerwright plan`. */
export const definePlan: DefineVerb = (parent, host) => {
  addPlanOptions(verb(parent, 'plan', 'what a build would do: layer by layer, without doing it'))
    .option('--offline', 'ask nothing but this machine; base images are assumed, and only pins are known')
    .action(async (context: string, options: CommonOptions & { offline?: boolean }, command) => {
      const { host: machine, options: all } = await configured(host, command, context);
      const request = toBuildRequest(machine.env, context, all);
      print(host, options, await plan(machine, request, { offline: options.offline === true }));
    });
};
