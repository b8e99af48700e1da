import { Command } from 'commander';
import { toVerifyRequest } from '../commands/verify/request.ts';
import { verify } from '../commands/verify.ts';
import { addBuildOptions } from './build.ts';
import { type CommonOptions, configured, type DefineVerb, print, verb } from './verb.ts';

/** What of `build` decides the files and settings of an image, and how it is built. */
const OF_BUILD = new Set([
  ...['--file', '--target', '--platform', '--build-arg', '--build-context', '--secret', '--ssh', '--label'],
  ...[
    '--pull',
    '--builder',
    '--ca',
    '--plain-http',
    '--source-labels',
    '--source-date-epoch',
    '--cache-repo',
  ],
  ...['--add-host', '--allow', '--cgroup-parent', '--network', '--shm-size', '--ulimit'],
]);

/** `layerwright verify`. */
export const defineVerify: DefineVerb = (parent, host) => {
  const command = verb(parent, 'verify', 'whether an image is what a plain build of its Dockerfile gives')
    .argument('<image>', 'the image, in its registry')
    .argument('[context]', 'directory or URL with what is built', '.')
    .option('--against <image>', 'compare with this image, and build nothing')
    .option(
      '--constraints <file>',
      'versions that pip and uv are held to in the plain build, NAME==VERSION (default: the locks of the composed build)',
    )
    .option('--run-noise', 'let logs, lists and mount points differ, as after any RUN');
  for (const option of addBuildOptions(new Command()).options)
    if (OF_BUILD.has(option.long ?? '')) command.addOption(option);
  command.action(async (image: string, context: string, options: CommonOptions, self: Command) => {
    const { host: machine, options: all } = await configured(host, self, context);
    const result = await verify(machine, await toVerifyRequest(machine, image, context, all));
    print(host, options, result);
    // What was found is no error of the command; its exit code tells it all the same.
    process.exitCode = result.exit;
  });
};
