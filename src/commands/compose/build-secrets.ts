import { resolve } from 'node:path';
import { parseEntry } from '../../engine/buildx.ts';
import { readTextIfThere, sizeOfFile } from '../../host/files.ts';
import type { Host } from '../../host/host.ts';

/** BuildKit refuses a larger one. */
const MAX_SECRET = 500 * 1024;

/**
 * The contents of the secrets that a build is given (`--secret`), by id: package indexes are asked with the logins in them. What
 * cannot be read is left out: BuildKit says what is wrong with it.
 *
 * @see https://docs.docker.com/reference/cli/docker/buildx/build/#secret
 */
export async function readSecrets(
  host: Host,
  specs: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const entry of specs.map((spec) => parseEntry('--secret', spec))) {
    const { id, type, env, src = entry.source } = entry;
    if (id === undefined) continue;
    const name =
      env ?? (type === 'env' ? (src ?? id) : type === undefined && src === undefined ? id : undefined);
    const value = name === undefined ? undefined : host.env[name];
    const text = value ?? (await fileSecret(host, src ?? (name === undefined ? id : undefined)));
    if (text !== undefined) found.set(id, text);
  }
  return found;
}

async function fileSecret(host: Host, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const file = resolve(host.cwd, path);
  const text = await readTextIfThere(file);
  return text === undefined || (await sizeOfFile(file)) > MAX_SECRET ? undefined : text;
}
