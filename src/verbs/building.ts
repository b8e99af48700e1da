import { type Command, Option } from 'commander';
import { repeatable } from './verb.ts';

/** Options of all commands that build images: the builder, networks, the way of building, how layers are compressed. */
export function addBuildingOptions(command: Command): void {
  command.option('--no-cache', 'do not use the cache');
  command.option('--pull', 'look for newer base images');
  command.option('--builder <name>', 'buildx builder (default: BUILDX_BUILDER, else chosen or made)');
  command.addOption(
    repeatable(
      '--ca <file>',
      'certificate authority to trust, in PEM: for registries, and for the programs in RUN',
    ),
  );
  command.addOption(repeatable('--plain-http <host>', 'registry that is spoken to in plain HTTP'));
  command.addOption(
    new Option('--way <way>', 'how to build')
      .choices(['auto', 'composed', 'split', 'solved'])
      .default('auto'),
  );
  command.addOption(
    new Option('--compression <kind>', 'of layers that are pushed, to images and to layer caches')
      .choices(['zstd', 'gzip'])
      .default('zstd'),
  );
}
