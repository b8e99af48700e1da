import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mountPointsBelow } from '../../src/engine/buildkitd-mounts.ts';
import { run } from '../../src/host/exec.ts';
import type { Testbed } from '../../testbed/testbed.ts';

/** Runs a program in a testbed's environment; its output, or an error with it. */
export async function inTestbed(
  testbed: Pick<Testbed, 'env'>,
  command: readonly string[],
  options: { input?: string; env?: Record<string, string> } = {},
): Promise<string> {
  const { env, input } = options;
  const result = await run(command, {
    env: { ...process.env, ...testbed.env, ...env },
    ...(input === undefined ? {} : { input }),
  });
  if (result.exitCode !== 0) throw new Error(`${command.join(' ')} failed: ${result.stdout}${result.stderr}`);
  return `${result.stdout}${result.stderr}`;
}

/** Builds a Dockerfile without context, with plain progress, and hands back what buildx said. */
export function buildText(
  testbed: Pick<Testbed, 'env'>,
  dockerfile: string,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<string> {
  const command = ['buildx', 'build', '--progress=plain', '--provenance=false', ...args, '-'];
  return inTestbed(testbed, command, { input: dockerfile, env });
}

/** Everything that is left of a testbed: processes that have its directory in their command line, and mounts. */
export async function leftovers(dir: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const lines = await Promise.all(
    pids.map(async (pid) => {
      try {
        return (await readFile(join('/proc', pid, 'cmdline'), 'utf8')).replaceAll('\0', ' ').trim();
      } catch {
        // It ended while we looked.
        return '';
      }
    }),
  );
  return [...lines.filter((line) => line.includes(`${dir}/`)), ...(await mountPointsBelow(dir))];
}
