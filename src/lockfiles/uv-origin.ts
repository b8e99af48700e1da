import { posix } from 'node:path';
import type { Table, Unclear } from './documents.ts';
import { textOf } from './documents.ts';
import type { LockedFile, Origin } from './selected.ts';
import type { UvPackage } from './uv-lock.ts';

/**
 * Where a package of a uv.lock comes from; paths of the lock are relative to its directory.
 *
 * @param root the lock's directory, absolute
 * @param copied true if editable projects are installed as copies
 */
export function uvOrigin(one: UvPackage, root: string, copied: boolean): Origin | Unclear {
  const { name, source, wheels, sdist } = one;
  switch (source.kind) {
    case 'registry':
      return registryOrigin(one);
    case 'git':
      return gitOrigin(one);
    case 'url': {
      const [wheel] = wheels;
      const file = wheel ?? sdist;
      const sha256 = sha256Of(file?.hash);
      if (wheels.length > 1 || (file?.hash !== undefined && sha256 === undefined))
        return { reason: `uv.lock gives ${name} no SHA-256` };
      return { kind: 'url', url: source.at, sha256, size: sizeOf(file), subdirectory: source.subdirectory };
    }
    case 'path':
      return { reason: `${name} is a file of the project (${source.at})` };
    case 'directory':
    case 'editable':
    case 'virtual':
      return {
        kind: 'directory',
        path: posix.join(root, source.at),
        editable: source.kind === 'editable' && !copied,
      };
  }
}

function registryOrigin({ name, source, wheels, sdist }: UvPackage): Origin | Unclear {
  if (!/^https?:\/\//.test(source.at))
    return { reason: `${name} comes from a directory of files (${source.at})` };
  const files = wheels.map(fileOf);
  const archive = sdist && fileOf(sdist);
  if (files.some((one) => one === undefined) || (sdist !== undefined && archive === undefined))
    return { reason: `uv.lock gives a file of ${name} no address or no SHA-256` };
  return { kind: 'files', wheels: files as LockedFile[], sdist: archive };
}

function fileOf(table: Table): LockedFile | undefined {
  const url = textOf(table.url);
  const sha256 = sha256Of(table.hash);
  if (url === undefined || sha256 === undefined || !URL.canParse(url)) return undefined;
  const filename = decodeURIComponent(new URL(url).pathname.split('/').at(-1) as string);
  return { url, filename, sha256, size: sizeOf(table) };
}

function sizeOf(table: Table | undefined): number | undefined {
  return typeof table?.size === 'number' ? table.size : undefined;
}

function sha256Of(value: unknown): string | undefined {
  return /^sha256:([0-9a-f]{64})$/.exec(textOf(value) ?? '')?.[1];
}

function gitOrigin({ name, source }: UvPackage): Origin | Unclear {
  const url = URL.canParse(source.at) ? new URL(source.at) : undefined;
  const commit = url?.hash.slice(1) ?? '';
  if (url === undefined || !/^[0-9a-f]{40,}$/.test(commit))
    return { reason: `uv.lock gives ${name} no commit` };
  const { searchParams } = url;
  const requested =
    searchParams.get('rev') ?? searchParams.get('tag') ?? searchParams.get('branch') ?? undefined;
  url.search = '';
  url.hash = '';
  return { kind: 'git', url: url.href, requested, commit, subdirectory: source.subdirectory };
}
