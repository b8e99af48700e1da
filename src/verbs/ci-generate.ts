import type { Command } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { generateCodebuild } from '../commands/ci-generate.ts';
import type { Host } from '../host/host.ts';
import { type CommonOptions, print, repeatable, verb } from './verb.ts';

interface GenerateOptions extends CommonOptions {
  readonly classic?: boolean;
  readonly file: string;
  readonly platform?: readonly string[];
  readonly output: string;
  readonly force?: boolean;
}

/** `layerwright ci generate codebuild`. */
export function defineGenerate(ci: Command, host: Host): void {
  const generate = ci.command('generate').description('write the configuration of a CI service');
  verb(generate, 'codebuild', 'write a buildspec.yml for AWS CodeBuild')
    .option('--classic', 'plain docker buildx commands instead of Layerwright')
    .option('-f, --file <path>', 'the Dockerfile', 'Dockerfile')
    .addOption(repeatable('--platform <os/arch>', 'platforms, comma-separated'))
    .option('--output <path>', 'the file to write', 'buildspec.yml')
    .option('--force', 'replace a file that was not generated')
    .action(async (options: GenerateOptions) =>
      print(
        host,
        options,
        await generateCodebuild(host, {
          classic: options.classic ?? false,
          dockerfile: options.file,
          platforms: (options.platform ?? []).flatMap((value) => value.split(',').filter(Boolean)),
          output: options.output,
          force: options.force ?? false,
          version: packageJson.version,
        }),
      ),
    );
}
