import { posix } from 'node:path';
import { parseToml, type Table, tableAt, textOf, type Unclear } from '../lockfiles/documents.ts';
import type { SelectedDistribution } from '../lockfiles/selected.ts';
import { uvFreshnessProblem } from '../lockfiles/uv-freshness.ts';
import { isDirectory, parseUvLock, type UvLock } from '../lockfiles/uv-lock.ts';
import { selectFromUvLock } from '../lockfiles/uv-select.ts';
import { fitsPython } from '../python/closure.ts';
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
  const elsewhere =
    (await workspaceAbove(input, root)) ?? otherPython(parsed, manifests, input.facts.version, environment);
  if (elsewhere) return elsewhere;
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

/** A project below a workspace's root has that one's lock. */
async function workspaceAbove({ read }: FrozenInput, root: string): Promise<Unclear | undefined> {
  for (let directory = root; directory !== '/'; ) {
    directory = posix.dirname(directory);
    const text = await read(posix.join(directory, 'pyproject.toml'));
    if (text !== undefined && tableAt(parseToml(text), 'tool', 'uv').workspace !== undefined)
      return { reason: `${directory} has a workspace that the project may be a member of` };
  }
  return undefined;
}

/** uv would make the environment anew, with another Python, where the project does not permit that of the image. */
function otherPython(
  lock: UvLock,
  manifests: ReadonlyMap<string, Table>,
  version: string,
  environment: FrozenScope['environment'],
): Unclear | undefined {
  const own = [...manifests.values()].flatMap(
    (one) => textOf(tableAt(one, 'project')['requires-python']) ?? [],
  );
  const refusing = [...own, ...(lock.requiresPython === undefined ? [] : [lock.requiresPython])].find(
    (text) => !fitsPython(text, environment),
  );
  return refusing === undefined
    ? undefined
    : { reason: `the project wants Python ${refusing}, and the environment has ${version}` };
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
