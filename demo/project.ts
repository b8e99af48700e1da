import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Host } from '../src/host/host.ts';

/** A copy of an example as a git checkout of its own: what a CI job has after its source was fetched. */
export interface Project {
  readonly directory: string;
  /** Replaces text that stands once in a file, and commits. */
  readonly change: (file: string, before: string, after: string) => Promise<void>;
}

/**
 * Copies an example and commits it.
 *
 * @param directory where the copy goes; must not exist yet
 */
export async function checkOut(host: Host, example: string, directory: string): Promise<Project> {
  await cp(example, directory, {
    recursive: true,
    filter: (path) => !/\/(?:\.venv|__pycache__|\.pytest_cache)(?:\/|$)/.test(path),
  });
  const git = async (...args: string[]) => {
    const identity = ['-c', 'user.name=Demo', '-c', 'user.email=demo@example.invalid'];
    const result = await host.run(['git', ...identity, '-C', directory, ...args], {
      // Templates and hooks of this machine's user have no place here.
      env: { ...host.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' },
      signal: host.signal,
    });
    if (result.exitCode !== 0) throw new Error(`git ${args[0]} failed: ${result.stderr}`);
  };
  const commit = async (message: string) => {
    await git('add', '--all');
    await git('commit', '--quiet', '--message', message);
  };
  await git('init', '--quiet', '--initial-branch=main');
  await commit('The example as it is');
  return {
    directory,
    async change(file, before, after) {
      const path = join(directory, file);
      const text = await readFile(path, 'utf8');
      if (text.split(before).length !== 2) throw new Error(`${file} does not have ${before} once`);
      await writeFile(path, text.replace(before, after));
      await commit(`Change a line of ${file}`);
    },
  };
}
