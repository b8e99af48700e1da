import { posix } from 'node:path';
import { parseToml, tableAt, type Unclear } from '../lockfiles/documents.ts';
import { parsePoetryLock } from '../lockfiles/poetry-lock.ts';
import { readPoetryProject } from '../lockfiles/poetry-project.ts';
import { selectFromPoetryLock } from '../lockfiles/poetry-select.ts';
import type { SelectedDistribution } from '../lockfiles/selected.ts';
import type { FrozenInput, FrozenScope } from './frozen.ts';

/** What `poetry install` takes of a poetry.lock, the project itself among it. */
export async function poetrySelection(
  input: FrozenInput,
  { environment }: FrozenScope,
): Promise<readonly SelectedDistribution[] | Unclear> {
  const { lock, project, selection, own, read } = input;
  const manifest = project && parseToml(project.text);
  if (project === undefined || manifest === undefined)
    return { reason: 'pyproject.toml is not known, or no TOML' };
  if (tableAt(manifest, 'tool', 'poetry')['requires-plugins'] !== undefined)
    return { reason: 'pyproject.toml wants plugins of poetry' };
  const root = posix.dirname(lock.path);
  if (root !== project.directory) return { reason: 'poetry.lock is not beside pyproject.toml' };
  const settings = await read(`${root}/poetry.toml`);
  const installer = tableAt(settings === undefined ? undefined : parseToml(settings), 'installer');
  const setting = ['no-binary', 'only-binary', 're-resolve', 'builder'].find(
    (key) => installer[key] !== undefined,
  );
  if (setting) return { reason: `poetry.toml sets installer.${setting}` };
  const parsed = parsePoetryLock(lock.text);
  if ('reason' in parsed) return parsed;
  const selected = selectFromPoetryLock({ lock: parsed, root, manifest, selection, environment });
  if ('reason' in selected) return selected;
  const { name, version } = readPoetryProject(manifest);
  if (own === 'none' || name === undefined) return selected;
  const origin = { kind: 'directory', path: root, editable: own === 'editable' } as const;
  return [...selected.filter((one) => one.name !== name), { name, version, origin }];
}
