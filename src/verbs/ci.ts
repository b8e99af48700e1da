import { ciHashFiles, ciRun } from '../commands/ci-run.ts';
import { EXIT } from '../errors.ts';
import { defineGenerate } from './ci-generate.ts';
import { type CommonOptions, configured, type DefineVerb, repeatable, verb } from './verb.ts';

interface RunOptions extends CommonOptions {
  readonly buildspec: string;
  readonly env?: readonly string[];
  readonly artifacts?: string;
}

/** `layerwright ci generate|run`. */
export const defineCi: DefineVerb = (parent, host) => {
  const ci = parent.command('ci').description('configuration of CI services: write it, run it here');
  defineGenerate(ci, host);
  verb(ci, 'run', 'run a buildspec of AWS CodeBuild on this machine')
    .option('--buildspec <file>', 'the buildspec', 'buildspec.yml')
    .addOption(
      repeatable(
        '--env <name=value>',
        'variable of the build, outranks the buildspec; without a value the one that is set here',
      ),
    )
    .option('--store <url>', "where the buildspec's cache is kept: s3://BUCKET/PREFIX or file:///DIR")
    .option('--artifacts <directory>', 'where artifacts are written (default: .layerwright/artifacts)')
    .action(async (options: RunOptions, command) => {
      const { host: machine, options: all } = await configured(host, command);
      const record = await ciRun(machine, {
        buildspec: options.buildspec,
        env: options.env ?? [],
        // A setting too, which the environment or a file may give.
        store: all.store as string | undefined,
        artifacts: options.artifacts,
        progress: options.progress,
      });
      if (options.json) host.output.data(`${JSON.stringify(record, undefined, 2)}\n`);
      if (record.outcome === 'failed') process.exitCode = EXIT.failed;
    });
  // What `codebuild-hash-files` is within a run.
  ci.command('hash-files <pattern...>', { hidden: true }).action((patterns: readonly string[]) =>
    ciHashFiles(host, patterns),
  );
};
