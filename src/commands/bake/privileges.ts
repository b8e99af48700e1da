import { realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import type { BakeTarget, Entry } from '../../bake/definition.ts';
import { parseEntry } from '../../engine/buildx.ts';
import { usageError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { isRemote } from '../build-facts.ts';
import type { BakeRequest } from './request.ts';
import { localPath } from './targets.ts';

/** What a bake file asks of this machine beyond its own directory, in the words of `--allow`. */
type Asked =
  | { readonly kind: 'plain'; readonly privilege: string }
  | { readonly kind: 'read' | 'write'; readonly path: string };

/**
 * Refuses what bake files ask for beyond the working directory and what the user did not allow, as `buildx bake` does where
 * nobody can be asked: files elsewhere, the SSH agent, the host's network, privileged containers, devices. Paths that `--set`
 * names are the user's own.
 *
 * @throws LayerwrightError `BAKE_NOT_ALLOWED` (2)
 */
export async function checkPrivileges(
  host: Pick<Host, 'cwd' | 'env'>,
  request: Pick<BakeRequest, 'allow' | 'overrides'>,
  targets: readonly BakeTarget[],
): Promise<void> {
  const allowed = await allowedBy(host, request);
  const missing = await Promise.all(
    targets
      .flatMap((target) => privilegesOf(target, host.env))
      .map((asked) => missingFor(host, asked, allowed)),
  );
  const wanted = [...new Set(missing.filter((one) => one !== undefined))].sort();
  // Whoever may read a directory may read what is below it.
  const named = wanted.filter(
    (one) => !wanted.some((other) => one !== other && one.startsWith(`${other.replace(/\/$/, '')}/`)),
  );
  if (named.length === 0) return;
  const flags = named.map((one) => `--allow ${one}`);
  throw usageError(
    'BAKE_NOT_ALLOWED',
    `the bake file asks for more than its own directory: ${named.join(', ')}`,
    `If that is what you want, add ${flags.join(' ')}`,
  );
}

interface Allowed {
  readonly plain: ReadonlySet<string>;
  readonly devices: boolean;
  /** False if the checks of paths are off. */
  readonly isChecked: boolean;
  readonly read: readonly string[];
  readonly write: readonly string[];
}

async function allowedBy(
  { cwd, env }: Pick<Host, 'cwd' | 'env'>,
  { allow, overrides }: Pick<BakeRequest, 'allow' | 'overrides'>,
): Promise<Allowed> {
  const pathsOf = (...keys: readonly string[]) =>
    allow.flatMap((one) => {
      const [key = '', ...value] = one.split('=');
      return keys.includes(key) && value.length > 0 ? [value.join('=')] : [];
    });
  const real = (paths: readonly string[]) =>
    Promise.all(paths.map((path) => (path === '*' ? '/' : realPath(resolve(cwd, path)))));
  const own = overrides.flatMap(pathsInOverride);
  const setPrivileges = overrides.flatMap((one) => /^[^=]*\.entitlements?\+?=(.+)$/.exec(one)?.[1] ?? []);
  return {
    plain: new Set([...allow, ...setPrivileges]),
    devices: allow.includes('device'),
    isChecked: !/^(?:0|f|false)$/i.test(env.BUILDX_BAKE_ENTITLEMENTS_FS ?? ''),
    read: await real([cwd, ...pathsOf('fs', 'fs.read'), ...own]),
    write: await real([cwd, ...pathsOf('fs', 'fs.write'), ...own]),
  };
}

/** What the command line itself names: files of caches, outputs, secrets and SSH keys. */
function pathsInOverride(override: string): readonly string[] {
  const [, key = '', value = ''] =
    /^[^.=]+\.((?:cache-from|cache-to|output|ssh)|secrets?(?:\.[^=]*)?)\+?=([\s\S]*)$/.exec(override) ?? [];
  if (key === '') return [];
  if (key === 'ssh') return value.replace(/^[^=]*=?/, '').split(',');
  if (key === 'output' && !value.includes('=')) return [value];
  return [...value.matchAll(/(?:^|,)"?(?:src|source|dest)=([^,"]+)/g)].map(([, path]) => path as string);
}

function privilegesOf(target: BakeTarget, env: NodeJS.ProcessEnv): readonly Asked[] {
  const read = (...paths: readonly (string | undefined)[]): Asked[] =>
    paths.flatMap((path) => (path ? [{ kind: 'read', path }] : []));
  const write = (...paths: readonly (string | undefined)[]): Asked[] =>
    paths.flatMap((path) => (path && path !== '-' ? [{ kind: 'write', path }] : []));
  const context = localPath(target.context);
  const file = localPath(target.dockerfile);
  const named = [...target.contexts.values()].flatMap(pathOfContext);
  return [
    ...(isRemote(context) ? [] : read(context)),
    ...(target.inline !== undefined || isRemote(context) || isRemote(file)
      ? []
      : read(isAbsolute(file) || target.dockerfile !== file ? file : join(context, file))),
    ...read(...named),
    ...read(...target.cacheFrom.map((one) => localOf('--cache-from', one, 'src'))),
    ...write(...target.cacheTo.map((one) => localOf('--cache-to', one, 'dest'))),
    ...write(...target.outputs.map((one) => entryOf('--output', one).dest)),
    ...read(...target.secrets.map((one) => secretFile(one, env))),
    ...target.ssh.flatMap(sshPrivileges),
    ...target.entitlements.map((privilege): Asked => ({ kind: 'plain', privilege })),
    ...target.outputs.flatMap((one): Asked[] => {
      const { type, mode } = entryOf('--output', one);
      return type === 'local' && mode === 'delete'
        ? [{ kind: 'plain', privilege: 'buildx.local.delete' }]
        : [];
    }),
  ];
}

function pathOfContext(context: string): readonly string[] {
  const layout = /^oci-layout:\/\/(.*)$/
    .exec(context)?.[1]
    ?.replace(/@.*$/, '')
    .replace(/:[^/:]*$/, '');
  if (layout !== undefined) return [layout];
  return isRemote(context) || /^(?:target:|docker-image:)/.test(context) ? [] : [localPath(context)];
}

type EntryFlag = Parameters<typeof parseEntry>[0];

function entryOf(flag: EntryFlag, entry: Entry | string): Entry {
  return typeof entry === 'string' ? parseEntry(flag, entry) : entry;
}

function localOf(flag: EntryFlag, entry: Entry | string, key: 'src' | 'dest'): string | undefined {
  const read = entryOf(flag, entry);
  return read.type === 'local' ? read[key] : undefined;
}

/** A secret without a source is the variable of its name or, where there is none, the file. */
function secretFile(secret: Entry | string, env: NodeJS.ProcessEnv): string | undefined {
  const { id, src, source, env: variable } = typeof secret === 'string' ? parseSecret(secret) : secret;
  if (src ?? source) return src ?? source;
  return variable !== undefined || (id !== undefined && env[id] !== undefined) ? undefined : id;
}

function parseSecret(text: string): Entry {
  return parseEntry('--output', text.startsWith('type=') ? text : `type=file,${text}`);
}

function sshPrivileges(text: string): readonly Asked[] {
  const paths = /=(.*)$/.exec(text)?.[1]?.split(',').filter(Boolean) ?? [];
  if (paths.length === 0) return [{ kind: 'plain', privilege: 'ssh' }];
  return paths.map((path) => ({ kind: 'read', path }));
}

/** The privilege that is wanting, as `--allow` takes it; undefined if it is there. */
async function missingFor(
  { cwd }: Pick<Host, 'cwd'>,
  asked: Asked,
  allowed: Allowed,
): Promise<string | undefined> {
  if (asked.kind === 'plain') {
    const { privilege } = asked;
    if (privilege === 'ssh' && !allowed.isChecked) return undefined;
    const known = allowed.plain.has(privilege) || (privilege.startsWith('device') && allowed.devices);
    return known ? undefined : privilege;
  }
  if (!allowed.isChecked) return undefined;
  const path = await realPath(resolve(cwd, asked.path));
  if (allowed[asked.kind].some((directory) => isBelow(path, directory))) return undefined;
  return `fs.${asked.kind}=${path}`;
}

function isBelow(path: string, directory: string): boolean {
  const way = relative(directory, path);
  return way === '' || (way !== '..' && !/^\.\.[/\\]/.test(way) && !isAbsolute(way));
}

/** With links followed as far as it exists. */
async function realPath(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(await realPath(parent), relative(parent, path));
  }
}
