import { type Command, Option } from 'commander';
import { printDefinition } from '../commands/bake/print.ts';
import { toBakeRequest } from '../commands/bake/request.ts';
import { bake } from '../commands/bake.ts';
import { addBuildingOptions } from './building.ts';
import { configured, type DefineVerb, repeatable, verb } from './verb.ts';

/** `layerwright bake`. */
export const defineBake: DefineVerb = (parent, host) => {
  addBakeOptions(
    verb(parent, 'bake', 'build the targets of bake and compose files, with what they share made once'),
  ).action(async (targets: string[], given: { print?: boolean }, command) => {
    const { host: machine, options } = await configured(host, command);
    const request = toBakeRequest(machine.env, targets, options);
    if (given.print) machine.output.data(await printDefinition(machine, request));
    else await bake(machine, request);
  });
};

/** Defines the options of `bake`; those that buildx has too keep its names and meaning. */
function addBakeOptions(command: Command): Command {
  const many = (flags: string, description: string) => command.addOption(repeatable(flags, description));
  command.argument('[target...]', 'targets and groups of the files (default: the group default)');
  many('-f, --file <path>', 'bake or compose file (default: those that buildx looks for)');
  many('--set <target.key=value>', "override a target's value");
  many('--var <name=value>', 'set a variable of the files');
  many('--allow <privilege>', 'what the files may ask of this machine, e.g. fs.read=DIR');
  command.option('--print', 'print what buildx makes of the files, and build nothing');
  command.option('--push', 'push the images to their registries');
  // `--push=false`, which outranks a configuration file.
  command.addOption(new Option('--no-push').hideHelp());
  command.option('--load', 'load the images into Docker');
  command.option('--provenance <spec>', 'provenance attestation (default: off)');
  command.option('--sbom <spec>', 'SBOM attestation (default: off)');
  command.option(
    '--cache-repo <repository>',
    "repository for the caches of all targets, or none (default: that of each registry's first target)",
  );
  addBuildingOptions(command);
  command.option('--source-labels', 'label the images with their commit, repository, tag and time');
  command.option(
    '--source-date-epoch <commit|seconds>',
    "set the images' times: reproducible, but BuildKit's cache then depends on it",
  );
  command.option('--metadata-file <path>', 'write the build results as JSON, by target');
  command.option('--image-definitions <path>', "write ECS's imagedefinitions.json, for all containers");
  many(
    '--container-name <target=name>',
    "container in imagedefinitions.json that runs a target's image (default: every target, by the repository's last part)",
  );
  return command;
}
