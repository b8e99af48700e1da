import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { EXIT, exitCodeOf, interruptedError, usageError } from '../src/errors.ts';
import { type Host, processHost } from '../src/host/host.ts';
import { plainSteps } from '../src/host/steps.ts';
import { renderError } from '../src/report/error.ts';
import { PARTS, type Part } from './state.ts';
import { openTestbed, startTestbed, stopTestbed } from './testbed.ts';

function program(host: Host): Command {
  const steps = plainSteps(host);
  const root = new Command('testbed')
    .description(
      'Real parts to build with and against, on loopback: registries, S3, ECR, base images, builders, Docker Engine.',
    )
    .exitOverride()
    .configureOutput({ writeOut: host.output.data, writeErr: host.output.talk });
  const command = (name: string, description: string) =>
    root.command(name).description(description).requiredOption('--dir <dir>', 'directory of the testbed');
  const say = (dir: string) => steps.note(`For a shell: . ${dir}/env`);

  command('up', 'bring it up')
    .option('--parts <list>', `of ${PARTS.join(', ')}; default: all but docker`, partsOf)
    .action(async ({ dir, parts }: { dir: string; parts?: Part[] }) => {
      say((await startTestbed(host, { dir, ...(parts && { parts }) }, steps)).dir);
    });
  command('fresh-builder', 'replace the builder with one that has never seen anything').action(
    async ({ dir }: { dir: string }) => {
      const testbed = await openTestbed(host, dir, steps);
      await testbed.freshBuilder();
      say(testbed.dir);
    },
  );
  command('docker', 'start a real Docker Engine').action(async ({ dir }: { dir: string }) => {
    const testbed = await openTestbed(host, dir, steps);
    await testbed.docker();
    say(testbed.dir);
  });
  command('down', 'end everything and delete its data').action(({ dir }: { dir: string }) =>
    stopTestbed(host, dir, steps),
  );
  return root;
}

function partsOf(text: string): Part[] {
  return text.split(',').map((name) => {
    const part = PARTS.find((known) => known === name.trim());
    if (part === undefined) throw new InvalidArgumentError(`"${name}" is none of ${PARTS.join(', ')}.`);
    return part;
  });
}

async function main(): Promise<void> {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => controller.abort(interruptedError()));
  const host = processHost(controller.signal);
  try {
    if (process.platform !== 'linux')
      throw usageError('TESTBED_NEEDS_LINUX', 'the testbed runs on Linux only');
    await program(host).parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
      return;
    }
    host.output.talk(renderError(error, { colour: host.output.colour }));
    process.exitCode = exitCodeOf(error);
  }
}

await main();
