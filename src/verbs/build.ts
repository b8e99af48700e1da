import { type Command, Option } from 'commander';
import { build } from '../commands/build.ts';
import { HANDED_ON, toBuildRequest } from '../commands/build-request.ts';
import { addBuildingOptions } from './building.ts';
import { configured, type DefineVerb, repeatable, verb } from './verb.ts';

/** `layerwright build`. */
export const defineBuild: DefineVerb = (parent, host) => {
  addBuildOptions(
    verb(parent, 'build', 'build an image from a Dockerfile and push, load or export it'),
  ).action(async (context: string, _options, command) => {
    const { host: machine, options } = await configured(host, command, context);
    await build(machine, toBuildRequest(machine.env, context, options));
  });
};

/** Defines the options of `build`; those that buildx has too keep its names and meaning. */
export function addBuildOptions(command: Command): Command {
  const many = (flags: string, description: string) => command.addOption(repeatable(flags, description));
  command.argument('[context]', 'directory or URL with what is built', '.');
  command.option('-f, --file <path>', 'the Dockerfile (default: CONTEXT/Dockerfile)');
  many('-t, --tag <name:tag>', 'name of the image; {sha}, {branch} and {date} are expanded');
  command.option('--target <stage>', 'stage to build');
  many('--platform <os/arch>', 'platforms, comma-separated');
  many('--build-arg <key=value>', 'build argument');
  many('--build-context <name=path>', 'additional build context');
  many('--secret <spec>', 'secret for RUN --mount=type=secret');
  many('--ssh <spec>', 'SSH agent or keys for RUN --mount=type=ssh');
  many('--label <key=value>', 'label of the image');
  many('--annotation <key=value>', 'annotation of the image');
  many('--attest <spec>', 'attestation');
  command.option('--provenance <spec>', 'provenance attestation (default: off)');
  command.option('--sbom <spec>', 'SBOM attestation (default: off)');
  command.option('--push', 'push the image to its registry');
  // `--push=false`, which outranks a configuration file.
  command.addOption(new Option('--no-push').hideHelp());
  command.option('--load', 'load the image into Docker');
  many('-o, --output <spec>', 'other output, e.g. type=oci,dest=image.tar');
  many(
    '--cache-from <spec>',
    'layer cache to read (default: CACHE-REPO:cache, when pushing or with --cache-repo)',
  );
  many('--cache-to <spec>', 'layer cache to write (default: the same)');
  command.option(
    '--cache-repo <repository>',
    'repository for caches, or none (default: that of --cache-to, else of the first tag)',
  );
  many(
    '--stage-dir <stage=dir>',
    'directory that keeps the files of a stage, used in its place when there is no layer cache',
  );
  addBuildingOptions(command);
  command.option('--source-labels', 'label the image with its commit, repository, tag and time');
  command.option(
    '--source-date-epoch <commit|seconds>',
    "set the image's times: reproducible, but BuildKit's cache then depends on it",
  );
  command.option('--metadata-file <path>', 'write the build result as JSON');
  command.option('--iidfile <path>', 'write the image ID');
  command.option('--image-definitions <path>', "write ECS's imagedefinitions.json");
  command.option(
    '--container-name <name>',
    "container in imagedefinitions.json (default: the repository's last part)",
  );
  for (const [flag, [placeholder, description]] of Object.entries(HANDED_ON))
    many(`--${flag} ${placeholder}`, description);
  return command;
}
