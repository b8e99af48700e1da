import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Project } from '../demo/project.ts';
import type { Surroundings } from './fresh-host.ts';

/** An example that is measured, and how a commit changes it. */
export interface MeasuredExample {
  /** Below `examples`. */
  readonly folder: string;
  /** A file of its own code to which a line is added. */
  readonly code: string;
  /** What puts another version of one package in; undefined where that is not measured. */
  readonly bump: Bump | undefined;
}

type Bump =
  /** A text that stands once in a file, and the one that takes its place. */
  | { readonly file: string; readonly before: string; readonly after: string }
  /** `uv lock` with another version of a package. */
  | { readonly uv: string };

const pin = (before: string, after: string, file = 'requirements.txt'): Bump => ({
  ...{ file, before: `${before}\n`, after: `${after}\n` },
});
const MARKUPSAFE = pin('markupsafe==3.0.4', 'markupsafe==3.0.3');

/** In the order of the table. */
export const EXAMPLES: readonly MeasuredExample[] = [
  { folder: 'recipe', code: 'app/stock.py', bump: pin('idna==3.20', 'idna==3.18') },
  { folder: 'naive', code: 'report.py', bump: MARKUPSAFE },
  { folder: 'venv', code: 'app/notes.py', bump: MARKUPSAFE },
  { folder: 'nonroot', code: 'app/settings.py', bump: pin('sqlparse==0.6.1', 'sqlparse==0.5.3') },
  { folder: 'user', code: 'app/main.py', bump: MARKUPSAFE },
  { folder: 'prefix', code: 'app/main.py', bump: MARKUPSAFE },
  { folder: 'target', code: 'app/run.py', bump: pin('pyyaml==6.0.3', 'pyyaml==6.0.2') },
  { folder: 'wheels', code: 'app/main.py', bump: MARKUPSAFE },
  { folder: 'sources', code: 'report.py', bump: MARKUPSAFE },
  { folder: 'project', code: 'src/greet/cli.py', bump: MARKUPSAFE },
  {
    folder: 'groups',
    code: 'app/main.py',
    bump: {
      ...{ file: 'pyproject.toml', before: '"markupsafe==3.0.4"', after: '"markupsafe==3.0.3"' },
    },
  },
  { folder: 'uv', code: 'src/weather/readings.py', bump: { uv: 'markupsafe==3.0.3' } },
  {
    folder: 'uv-pip',
    code: 'app/service.py',
    bump: { file: 'pyproject.toml', before: '"waitress==3.0.2"', after: '"waitress==3.0.1"' },
  },
  { folder: 'poetry', code: 'parcels/service.py', bump: undefined },
  { folder: 'poetry-venv', code: 'tariffs/__init__.py', bump: undefined },
  { folder: 'pipenv', code: 'letters/service.py', bump: undefined },
  { folder: 'pylock', code: 'tides.py', bump: undefined },
];

/** Adds a comment to a file of the example's code. */
export async function changeCode({ directory }: Project, { code }: MeasuredExample): Promise<void> {
  const path = join(directory, code);
  await writeFile(path, `${await readFile(path, 'utf8')}\n# A line more.\n`);
}

/** Puts another version of a package in. */
export async function changePackage(
  { host, env }: Pick<Surroundings, 'host' | 'env'>,
  project: Project,
  bump: Bump,
): Promise<void> {
  if ('file' in bump) return await project.change(bump.file, bump.before, bump.after);
  const path = [env.PATH, host.env.PATH].filter(Boolean).join(':');
  const words = ['lock', '--quiet', '--upgrade-package', bump.uv, '--project', project.directory];
  const result = await host.run(['uv', ...words], {
    env: { ...host.env, ...env, PATH: path },
    signal: host.signal,
  });
  if (result.exitCode !== 0) throw new Error(`uv lock failed: ${result.stderr}`);
}
