import { posix } from 'node:path';
import {
  parseToml,
  type Table,
  tableAt,
  tableOf,
  textOf,
  textsOf,
  type Unclear,
} from '../lockfiles/documents.ts';
import type { UvLock } from '../lockfiles/uv-lock.ts';
import { normaliseName } from '../python/names.ts';
import type { FrozenInput } from './frozen.ts';

/**
 * Why a workspace might have other members than its uv.lock: those that are there now are looked for.
 *
 * @returns undefined if they surely are the same
 */
export async function workspaceProblem(
  input: FrozenInput,
  root: string,
  lock: UvLock,
  manifests: ReadonlyMap<string, Table>,
): Promise<Unclear | undefined> {
  const manifest = manifests.get(root);
  const workspace = tableOf(tableAt(manifest, 'tool', 'uv').workspace);
  const own = textOf(tableAt(manifest, 'project').name);
  const names = own === undefined ? [] : [normaliseName(own)];
  if (workspace) {
    const excluded = textsOf(workspace.exclude) ?? [];
    for (const pattern of textsOf(workspace.members) ?? []) {
      const found = await membersOf(input, root, pattern, excluded);
      if (found === undefined) return { reason: `which members the workspace has (${pattern}) is not known` };
      names.push(...found);
    }
  }
  const expected = [...new Set(names)].sort();
  // A project alone is not named.
  const locked = lock.members.length === 0 ? names.slice(0, 1) : [...lock.members].sort();
  return JSON.stringify(expected) === JSON.stringify(locked)
    ? undefined
    : { reason: 'whether uv.lock is up to date is not certain: the workspace has other members' };
}

async function membersOf(
  { read, list }: FrozenInput,
  root: string,
  pattern: string,
  excluded: readonly string[],
): Promise<readonly string[] | undefined> {
  if (/\*\*|[?[\]{}]/.test(pattern) || excluded.some((one) => /[*?[\]{}]/.test(one))) return undefined;
  let directories: readonly string[] = [root];
  for (const part of posix
    .normalize(pattern)
    .split('/')
    .filter((one) => one !== '' && one !== '.')) {
    const next: string[] = [];
    for (const directory of directories) {
      if (!part.includes('*')) {
        next.push(`${directory}/${part}`);
        continue;
      }
      const names = await list?.(directory);
      if (names === undefined) return undefined;
      const fits = new RegExp(
        `^${part
          .split('*')
          .map((one) => one.replaceAll(/[.+^$()|\\]/g, '\\$&'))
          .join('.*')}$`,
      );
      next.push(
        ...names
          .filter((name) => fits.test(name) && !name.startsWith('.'))
          .map((name) => `${directory}/${name}`),
      );
    }
    directories = next;
  }
  const names: string[] = [];
  for (const directory of directories) {
    if (excluded.some((one) => posix.join(root, one) === directory)) continue;
    const text = await read(`${directory}/pyproject.toml`);
    const there = await list?.(directory);
    // A file is no member, nor is a directory without it.
    if (text === undefined && there !== undefined && !there.includes('pyproject.toml')) continue;
    const manifest = text === undefined ? undefined : parseToml(text);
    const name = textOf(tableAt(manifest, 'project').name);
    if (name === undefined || tableAt(manifest, 'tool', 'uv').managed === false) return undefined;
    names.push(normaliseName(name));
  }
  return names;
}
