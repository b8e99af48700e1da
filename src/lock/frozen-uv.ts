import { posix } from 'node:path';
import { parseToml, type Table, type Unclear } from '../lockfiles/documents.ts';
import type { SelectedDistribution } from '../lockfiles/selected.ts';
import { uvFreshnessProblem } from '../lockfiles/uv-freshness.ts';
import { isDirectory, parseUvLock, type UvLock } from '../lockfiles/uv-lock.ts';
import { selectFromUvLock } from '../lockfiles/uv-select.ts';
import type { FrozenInput, FrozenScope } from './frozen.ts';
import { workspaceProblem } from './frozen-workspace.ts';
import { packageIndexes } from './index-url.ts';

/** What `uv sync` takes of a uv.lock. */
export async function uvSelection(
  input: FrozenInput,
  { environment }: FrozenScope,
): Promise<readonly SelectedDistribution[] | Unclear> {
  const { lock, project, selection, own, read, freshness, indexes } = input;
  if (project === undefined) return { reason: 'pyproject.toml is not known' };
  const root = posix.dirname(lock.path);
  const parsed = parseUvLock(lock.text);
  if ('reason' in parsed) return parsed;
  if (
    (await read(`${root}/uv.toml`)) !== undefined ||
    (await read(`${project.directory}/uv.toml`)) !== undefined
  )
    return { reason: 'there is a uv.toml' };
  const manifests = await manifestsOf(input, parsed, root);
  if ('reason' in manifests) return manifests;
  if (freshness !== 'frozen') {
    const known = packageIndexes(indexes).map(({ url }) => url);
    const stale =
      uvFreshnessProblem({ lock: parsed, root, manifests, indexes: known }) ??
      (await workspaceProblem(input, root, parsed, manifests));
    if (stale) return stale;
  }
  return selectFromUvLock({
    lock: parsed,
    root,
    project: project.directory,
    manifests,
    selection,
    own,
    environment,
  });
}

/** pyproject.toml of the root, of the project and of every directory that the lock names, as far as they are known. */
async function manifestsOf(
  { project, read }: FrozenInput,
  lock: UvLock,
  root: string,
): Promise<ReadonlyMap<string, Table> | Unclear> {
  const directories = new Set([
    root,
    ...lock.packages
      .filter(({ source }) => isDirectory(source))
      .map(({ source }) => posix.join(root, source.at)),
  ]);
  const manifests = new Map<string, Table>();
  if (project === undefined) return manifests;
  const texts = new Map([[project.directory, project.text]]);
  for (const directory of directories) {
    const text = texts.get(directory) ?? (await read(`${directory}/pyproject.toml`));
    if (text !== undefined) texts.set(directory, text);
  }
  for (const [directory, text] of texts) {
    const manifest = parseToml(text);
    if (manifest === undefined) return { reason: `${directory}/pyproject.toml is no TOML` };
    manifests.set(directory, manifest);
  }
  return manifests;
}
