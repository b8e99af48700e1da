import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Host } from '../host/host.ts';
import { dockerConfigDirectory, readDockerConfig } from '../registry/docker-config.ts';
import type { Logins } from '../registry/logins.ts';
import type { Builder } from './builder.ts';
import { isAtLeast } from './find.ts';

/** The first buildx whose Docker library reads DOCKER_AUTH_CONFIG. */
const READS_VARIABLE = [0, 26] as const;

/**
 * The environment that hands logins to buildx: DOCKER_AUTH_CONFIG, on no disk and in no command line. A buildx that is too
 * old for it gets a private directory in place of Docker's own, with the same content and these logins.
 *
 * @param directory a path where that directory may be made; whoever names it removes it
 */
export async function handLogins(
  host: Host,
  builder: Builder,
  logins: Logins,
  directory: string,
): Promise<NodeJS.ProcessEnv> {
  const auths = Object.fromEntries(Object.entries(logins).map(([server, auth]) => [server, { auth }]));
  if (isAtLeast(builder.versions.buildx, READS_VARIABLE))
    return { DOCKER_AUTH_CONFIG: JSON.stringify({ auths }) };
  await mkdir(directory, { mode: 0o700 });
  await fillDirectory(host, directory, auths);
  return { DOCKER_CONFIG: directory, DOCKER_AUTH_CONFIG: undefined };
}

/** Everything but `config.json` (contexts, plugins, buildx's builders) is the original, by links. */
async function fillDirectory(
  host: Host,
  directory: string,
  auths: Readonly<Record<string, { auth: string }>>,
): Promise<void> {
  const original = dockerConfigDirectory(host.env);
  // buildx keeps its builders there: where there is none yet they would be lost with the directory.
  await mkdir(join(original, 'buildx'), { recursive: true });
  for (const name of await readdir(original))
    if (name !== 'config.json') await symlink(join(original, name), join(directory, name));
  const config = (await readDockerConfig(host)) ?? {};
  const inFile = Object.fromEntries(Object.keys(auths).map((server) => [server, '']));
  const merged = {
    ...config,
    auths: { ...config.auths, ...auths },
    // An empty helper says that a login is in the file, although there is a store for the others.
    ...((config.credsStore || config.credHelpers) && { credHelpers: { ...config.credHelpers, ...inFile } }),
  };
  await writeFile(join(directory, 'config.json'), JSON.stringify(merged), { mode: 0o600 });
}
