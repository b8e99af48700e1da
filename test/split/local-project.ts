import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectOf } from '../commands/launch.ts';
import { writeWheel } from '../support/wheel.ts';

/** Modules that the wheels of a project bring, below the packages of the image. */
export const MODULES = ['alpha', 'beta', 'gamma'] as const;

export const SITE = 'usr/local/lib/python3.11/site-packages';

export type LocalProject = Awaited<ReturnType<typeof localProject>>;

/**
 * A project whose Dockerfile installs wheels of its own in a loop, so that BuildKit has to run it, without a package index.
 *
 * @param bytes of random data in each wheel
 * @param more is run behind the installation, in the same RUN
 */
export async function localProject({ bytes = 700_000, more = '', after = '' } = {}) {
  const install = 'for one in /wheels/*.whl; do pip install --no-cache-dir --no-index --no-deps $one; done';
  const project = await projectOf({
    Dockerfile: `FROM docker.io/library/python:3.11-slim
COPY wheels /wheels
RUN ${install}${more === '' ? '' : ` && ${more}`}
${after}COPY app.py /app/
`,
    'app.py': 'import alpha, beta, gamma\n',
  });
  const wheels = join(project.path, 'wheels');
  await mkdir(wheels);
  for (const name of MODULES)
    await writeWheel(
      wheels,
      [
        { name: `${name}/__init__.py`, content: textOf(name) },
        { name: `${name}/data.bin`, content: randomBytes(bytes), stored: true },
      ],
      { name },
    );
  const write = (name: string, text: string) => writeFile(join(project.path, name), text);
  return { ...project, writeText: write };
}

/** What each module says. */
export function textOf(name: string): string {
  return `NAME = "${name}"\n`;
}
