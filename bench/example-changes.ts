import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Project } from '../demo/project.ts';
import { temporaryDirectory } from '../src/host/files.ts';
import type { MeasuredExample } from './example-list.ts';
import type { Surroundings } from './fresh-host.ts';

/** Adds a comment to a file of the example's code. */
export async function changeCode({ directory }: Project, { code }: MeasuredExample): Promise<void> {
  const path = join(directory, code);
  await writeFile(path, `${await readFile(path, 'utf8')}\n# A line more.\n`);
}

/**
 * Puts another version of a package in: by a text, by a tool that writes the lock anew, or by both.
 *
 * @throws Error if the text does not stand there once, or the tool fails
 */
export async function changePackage(
  { host, env }: Pick<Surroundings, 'host' | 'env'>,
  project: Project,
  { bump: { edit, uv } }: MeasuredExample,
): Promise<void> {
  if (edit !== undefined) await project.change(edit.file, edit.before, edit.after);
  if (uv === undefined) return;
  await using elsewhere = await temporaryDirectory('lw-bench-lock-');
  const result = await host.run(['uv', ...uv], {
    cwd: project.directory,
    env: {
      ...host.env,
      ...env,
      PATH: [env.PATH, host.env.PATH].filter(Boolean).join(':'),
      // Poetry and Pipenv make an environment to lock for, which is of no use afterwards.
      POETRY_VIRTUALENVS_PATH: elsewhere.path,
      WORKON_HOME: elsewhere.path,
      PIPENV_IGNORE_VIRTUALENVS: '1',
    },
    signal: host.signal,
  });
  if (result.exitCode !== 0) throw new Error(`uv ${uv.join(' ')} failed: ${result.stderr}`);
}
